"""Change a recipe on the command line: `name=value`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from typing import Any, get_type_hints

from colourise.errors import TrainingError
from colourise.training.config import TrainConfig, written
from colourise.training.recipes import RECIPES


def configure(recipe: str, overrides: list[str]) -> TrainConfig:
    """Return a recipe with `name=value` overrides; `arguments.levels=7` sets one argument of a network.

    Raises:
        TrainingError: an unknown recipe or name, a value out of range, or values that do not go together.
    """
    if recipe not in RECIPES:
        raise TrainingError(f"{recipe}: no such recipe; there are {', '.join(RECIPES)}")
    start = RECIPES[recipe]
    kinds = get_type_hints(TrainConfig)
    changes: dict[str, Any] = {}
    for override in overrides:
        name, _, text = override.partition("=")
        name, _, argument = name.partition(".")
        if name not in kinds or bool(argument) != (kinds[name] == dict[str, Any]):
            names = (f.name + ".NAME" * (kinds[f.name] == dict[str, Any]) for f in fields(TrainConfig))
            raise TrainingError(f"{override}: no such setting; there are {', '.join(names)}")
        before = changes.get(name, getattr(start, name))
        try:
            changes[name] = {**before, argument: literal(text)} if argument else parse(text, kinds[name])
        except (ValueError, KeyError) as err:
            raise TrainingError(
                f"{override}: no value for {name}; the recipe has {name}={written(before)}"
            ) from err
    if not changes.get("discriminators", start.discriminators) and "discriminator" in changes:
        raise TrainingError("discriminator: there is none; set discriminators=1 too, or leave it out")
    return replace(start, **changes)


def parse(text: str, kind: Any) -> Any:
    """Convert the text of an override into its setting's type, more strictly than pydantic: 7.0 is no int."""
    if kind in (tuple[int, ...], tuple[float, ...]):
        return tuple(parse(part, kind.__args__[0]) for part in text.split(","))
    if kind is bool:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
    if kind is int:
        return int(text.replace("_", ""))
    if kind is float and not math.isfinite(float(text)):
        raise ValueError("a setting is a finite number")
    return kind(text)


def literal(text: str) -> Any:
    """Return a JSON value, or else the text itself: 7, 0.5, true, [1, 2], batch."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def listed(config: TrainConfig) -> list[tuple[str, str]]:
    """Return every setting as (name, value), in the notation of overrides."""
    pairs: list[tuple[str, str]] = []
    for name, value in asdict(config).items():
        if isinstance(value, dict):
            pairs += [(f"{name}.{argument}", json.dumps(given)) for argument, given in value.items()]
        else:
            pairs.append((name, written(value)))
    return pairs
