"""The card of a checkpoint: JSON beside the weights, and Markdown for the Hub.

A card is checked by hand: every `colourise photo.jpg` reads one, and importing pydantic, which checks what
training is given, takes 0.1 s of the half second that this may take. By hand, a field of nearly the right
type is refused as well, and one line names all wrong fields.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, get_origin, get_type_hints

from colourise.errors import ModelError

SUFFIXES = (".safetensors", ".onnx")  # of the files that a card speaks for
LIMIT = 2**20  # bytes of a card that are read


@dataclass(frozen=True)
class Card:
    """The description of a checkpoint: the JSON file beside its weights."""

    name: str
    """Name of the checkpoint, such as `colourise-v4`."""
    architecture: str
    """Name of the architecture in `colourise.models`."""
    arguments: dict[str, Any]
    """Arguments the architecture is built with."""
    input_size: int
    """Side in pixels of the square the network sees."""
    data: str
    """Training data, in words."""
    recipe: dict[str, Any]
    """How it was trained."""
    scores: dict[str, Any]
    """Measures of `colourise eval`, and on what."""
    licence: str
    """Licence of the weights, as an SPDX name."""
    sha256: dict[str, str] = field(default_factory=dict)
    """File suffix (`.safetensors`, `.onnx`) to that file's hash; `save` and `add_onnx` fill it in."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the card in a JSON file.

        Raises:
            ModelError: if it cannot be read, or a field is missing, unknown or of another type.
        """
        try:
            with path.open("rb") as file:
                text = file.read(LIMIT + 1)
            if len(text) > LIMIT:
                raise ValueError(f"more than {LIMIT >> 20} MB")
            values = json.loads(text.decode())
        except (OSError, ValueError, RecursionError) as err:  # the last: nested too deeply
            raise ModelError(
                f"{path}: no readable card; a checkpoint is weights and their card: {err}"
            ) from err
        kinds = {name: get_origin(kind) or kind for name, kind in get_type_hints(cls).items()}
        if not isinstance(values, dict):
            raise ModelError(f"{path}: not a model card, which is one JSON object; get the model anew")
        odd = [name for name in (*kinds, *values) if name not in kinds or name not in values]
        if odd:
            raise ModelError(
                f"{path}: card with missing or unknown fields: {', '.join(odd)}; update colourise"
            )
        wrong = [name for name, kind in kinds.items() if type(values[name]) is not kind]
        wrong += [] if wrong or 32 <= values["input_size"] <= 2048 else ["input_size"]
        wrong += [] if wrong or values["sha256"].keys() <= set(SUFFIXES) else ["sha256"]
        if wrong:
            raise ModelError(f"{path}: card with a wrong {', '.join(wrong)}; get the model anew")
        return cls(**values)

    def to_json(self) -> str:
        """Return the text of the card's file."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def model_card(card: Card, repository: str) -> str:
    """Return the README.md of a checkpoint's Hub repository: its card as Markdown."""
    licence = card.licence.lower() if re.fullmatch(r"[A-Za-z0-9.+-]+", card.licence) else "other"
    scores = "\n".join(f"| {name} | {value} |" for name, value in _leaves("", card.scores))
    return f"""---
license: {licence}
library_name: colourise
pipeline_tag: image-to-image
tags: [colourise, colorization, image-colorization, black-and-white]
---
# {card.name}

Colours black-and-white photos with [colourise](https://pypi.org/project/colourise/):

```sh
colourise photo.jpg --model {repository}
```

It is `{card.architecture}`, sees about {card.input_size} x {card.input_size} pixels, and predicts ab from L.

## Training data

{card.data}

## Scores

| measure | value |
|---|---|
{scores}

## Recipe

```json
{json.dumps(card.recipe, indent=2, ensure_ascii=False)}
```

## Licence

{card.licence}
"""


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the values in nested dicts, each with the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name} {key}".strip(), inner)
    else:
        yield name, f"{value:.4g}" if isinstance(value, float) else str(value)
