"""The web page of a study, with every picture inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import shake_256
from pathlib import Path

from colourise.evaluation.study.protocol import Study, canonical


def page(study: Study, jpegs: Mapping[str, bytes]) -> str:
    """The web page of a study, which needs nothing else.

    Behind the end of each JPEG, noise fills it up to the length of the longest; decoders stop before it.
    """
    length = max(map(len, jpegs.values()))
    pictures = []
    for id_, jpeg in sorted(jpegs.items()):
        padded = jpeg + shake_256(jpeg).digest(length - len(jpeg))
        pictures.append(f'<script type="text/plain" id="p{id_}">{b64encode(padded).decode()}</script>')
    facts = {
        "id": study.id,
        "size": study.protocol.size,
        "perParticipant": study.protocol.per_participant,
        "sets": study.sets,
    }
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    return template.replace("{{study}}", canonical(facts)).replace("{{pictures}}", "\n".join(pictures))
