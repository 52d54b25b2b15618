"""Score a run on its held-out photos, draw previews, and warn when a GAN has lost its balance."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from colourise.colouriser import Colouriser
from colourise.data.crops import square
from colourise.data.photos import Source, place_of, read_rgb
from colourise.errors import PhotoError, TrainingError
from colourise.evaluation.contact_sheets import contact_sheet, grey_of
from colourise.evaluation.events import Event, PhotoScored
from colourise.evaluation.photos import score_model
from colourise.lab.pictures import Pixels
from colourise.models.backends import TorchBackend
from colourise.training.config import TrainConfig

PREVIEWS = 8  # held-out photos on a preview sheet
WON = 0.9  # a discriminator has won if real pictures look this much more real to it than generated ones


def check_held_out(photos: Sequence[Source]) -> None:
    """Check that at least one held-out photo can be scored, before hours of training.

    Raises:
        TrainingError: no photo can be read, or all that can be read are grey.
    """
    broken = 0
    for photo in photos:
        try:
            truth = square(read_rgb(photo), 256)
        except PhotoError:
            broken += 1
        else:
            if (truth != truth[..., :1]).any():
                return
    where = place_of(photos[0]).parent if photos else "held out"
    grey = f"those of the held-out photos that can be read ({len(photos) - broken} of {len(photos)}) are grey"
    what = grey if broken < len(photos) else "none of the held-out photos can be read"
    raise TrainingError(f"{where}: {what}; hold out photos in colour")


def score(
    generator: nn.Module, config: TrainConfig, held_out: Sequence[Source], heading: str
) -> tuple[Pixels, dict[str, float]]:
    """Score the averaged generator on held-out photos; return a preview of the first few, and the scores."""
    device = str(next(generator.parameters()).device)
    colouriser = Colouriser(
        TorchBackend(generator, device=device, precision="fp32"), input_size=config.input_size
    )
    rows: list[list[Pixels]] = []

    def keep(event: Event) -> None:
        if isinstance(event, PhotoScored) and len(rows) < PREVIEWS:
            (predicted,) = event.photo.predicted.values()
            rows.append([grey_of(event.photo.truth), predicted, event.photo.truth])

    scores = score_model(colouriser, held_out, on_event=keep)
    if not rows:
        raise TrainingError(
            f"{place_of(held_out[0]).parent}: the held-out photos can no longer be read; put them back"
        )
    return contact_sheet(rows, columns=2, heading=heading), scores.summary()


def heading(step: int, means: dict[str, float]) -> str:
    """Return the heading of a preview."""
    judged = f", real {means['real']:.2f}, fake {means['fake']:.2f}" if "real" in means else ""
    return f"batch {step}{judged}" + ": the discriminator wins" * bool(lost_balance(means))


def lost_balance(means: dict[str, float]) -> str:
    """Return a warning if the discriminator has won, so that the generator no longer learns; else ""."""
    if "real" not in means or means["real"] - means["fake"] < WON:
        return ""
    return (
        f"the discriminator wins: it finds real photos {means['real']:.2f} real and coloured ones "
        f"{means['fake']:.2f}; look at the preview, and try spectral_norm=true or a smaller lr"
    )
