"""The web page of a study, with every picture inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import shake_256
from pathlib import Path
from typing import BinaryIO

from colourise.evaluation.study.protocol import Study

TEMPLATE = Path(__file__).with_name("page.html")


def write_page(study: Study, jpegs: Mapping[str, bytes], file: BinaryIO) -> None:
    """Write the web page of a study, which needs nothing else.

    Each JPEG is padded with noise to the length of the longest; decoders stop before the padding.

    Args:
        study: the study.
        jpegs: all of its pictures, by id.
        file: where the page is written, picture by picture.
    """
    from jinja2 import Environment, StrictUndefined  # not needed to score a study

    length = max(map(len, jpegs.values()))

    def pictures() -> Iterator[tuple[str, str]]:
        for id_, jpeg in sorted(jpegs.items()):
            padded = jpeg + shake_256(jpeg).digest(length - len(jpeg))
            yield id_, b64encode(padded).decode()

    facts = {
        "id": study.id,
        "size": study.protocol.size,
        "perParticipant": study.protocol.per_participant,
        "hands": study.hands,
    }
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    template.stream(study=facts, pictures=pictures()).dump(file, encoding="utf-8")
