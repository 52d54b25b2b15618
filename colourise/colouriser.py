"""The one path for a picture: its L in, its colours out.

Photos, folders, films, scores and training previews all come through `Colouriser`. Where something happens
between the halves, as steadying does to a film's ab, they can be had apart: `lightness`, `predict`, `lay`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from colourise.errors import ModelError
from colourise.extras import missing
from colourise.lab.pictures import (
    Floats,
    JoinerMaker,
    Pixels,
    clip_to_gamut_bounds,
    lay_over,
    one_channel,
    rgb_to_L,
)
from colourise.models.backends import Backend, BackendName, Precision, open_backend
from colourise.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from PIL.Image import Image


LONGEST = 3.0  # longer side over shorter that the network sees; pictures longer than that are squashed


@dataclass(frozen=True)
class ModelId:
    """Which weights coloured a picture; its text is what ledgers and histories hold."""

    name: str = ""
    """Name of the model."""
    digest: str = ""
    """First twelve hexadecimal digits of its weights' SHA-256; empty: unknown."""

    def __str__(self) -> str:
        """Give name and digest with a space between."""
        return f"{self.name} {self.digest}".strip()


class Colouriser:
    """Colours pictures of any size.

    Args:
        backend: what predicts ab.
        input_size: the network sees about as many pixels as a square of this side has.
        saturation: ab is multiplied by this; 1.0 leaves it as predicted.
        model: name and digest of the model, for the history of a picture.
        threads: how many lay colours over one picture; by default one a processor.
        joiner: what lays colours over; by default NumPy and OpenCV.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        input_size: int,
        saturation: float = 1.0,
        model: ModelId = ModelId(),
        threads: int | None = None,
        joiner: JoinerMaker | None = None,
    ) -> None:
        self.backend, self.input_size, self.saturation = backend, input_size, saturation
        self.model, self.threads, self.joiner = model, threads, joiner

    def at(self, saturation: float) -> Colouriser:
        """Make the same with another saturation."""
        other = copy(self)
        other.saturation = saturation
        return other

    def over(self, backend: Backend, *, compiled: bool) -> Colouriser:
        """Make the same with a backend that many threads share, each of which does whole pictures.

        Args:
            backend: what predicts ab.
            compiled: whether compiled code lays colours over, which is worth loading for many pictures; only
                if it is installed, for NumPy and OpenCV do the same more slowly.
        """
        joiner: JoinerMaker | None = None
        if compiled and not missing("fast"):
            from colourise.lab.compiled import joiner as compiled_joiner

            joiner = compiled_joiner
        return Colouriser(
            backend,
            input_size=self.input_size,
            saturation=self.saturation,
            model=self.model,
            threads=1,
            joiner=joiner,
        )

    @overload
    def __call__(self, pictures: Pixels) -> Pixels: ...
    @overload
    def __call__(self, pictures: Image) -> Image: ...
    @overload
    def __call__(self, pictures: Sequence[Pixels]) -> list[Pixels]: ...
    @overload
    def __call__(self, pictures: Sequence[Image]) -> list[Image]: ...
    def __call__(self, pictures: Any) -> Any:
        """Colour one picture, or several in one batch of the network.

        Args:
            pictures: a picture, or a list or tuple of pictures. Each is a NumPy array, (H, W) grey or
                (H, W, 3) sRGB, uint8 or uint16, or a Pillow image of 8 bits. Colours that it has are ignored.
        Returns:
            One picture for one, a list for several: for an array (H, W, 3) sRGB of its dtype, with its L and
            new colours; for a Pillow image one in RGB, or RGBA where it has transparency.
        Raises:
            ValueError: something else was given; it names shape and dtype.
        """
        several = isinstance(pictures, list | tuple)
        given = list(pictures) if several else [pictures]
        arrays = [as_pixels(picture) for picture in given]
        if not arrays:
            return []
        L = [self.lightness(pixels) for pixels in arrays]
        alike: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, one in enumerate(L):
            alike[one.shape].append(place)
        coloured: dict[int, Any] = {}
        for places in alike.values():
            for place, ab in zip(places, self.predict([L[place] for place in places]), strict=True):
                coloured[place] = like(given[place], self.lay(arrays[place], ab))
        return [coloured[place] for place in range(len(given))] if several else coloured[0]

    def lightness(self, picture: Pixels) -> Floats:
        """Return what the network sees of a picture (H, W) or (H, W, 3): its L, float32.

        Its size is that of `seen_size`.
        """
        height, width = picture.shape[:2]
        return rgb_to_L(picture, seen_size(height, width, self.input_size, self.backend.stride))

    def predict(self, L: Sequence[Floats]) -> Floats:
        """Predict ab (N, 2, h, w), inside the gamut's bounds, for N pictures of L (h, w) each.

        Raises:
            ModelError: the model gives something else, or numbers that are no colours.
        """
        stack = np.stack(L)
        ab = self.backend.predict_ab(stack[:, None])
        due = len(stack), 2, *stack.shape[1:]
        if ab.shape != due:
            raise ModelError(
                f"the model gives {ab.shape} where ab of {due} is due",
                path=self.model.name or None,
                advice="choose another --model",
            )
        if not np.isfinite(ab).all():
            raise ModelError(
                "the model gives numbers that are no colours (NaN or infinite)",
                path=self.model.name or None,
                advice="try --precision fp32, or choose another --model",
            )
        return clip_to_gamut_bounds(ab * np.float32(self.saturation))

    def lay(self, picture: Pixels, ab: Floats) -> Pixels:
        """Lay ab (2, h, w) over a picture (H, W) or (H, W, 3): (H, W, 3) of its dtype."""
        return lay_over(picture, ab, self.threads, joiner=self.joiner)


def seen_size(height: int, width: int, input_size: int, stride: int) -> tuple[int, int]:
    """Return the height and width at which a network sees a picture.

    It has the picture's aspect, if that is at most LONGEST, and about the pixels of a square.

    Args:
        height: of the picture in pixels.
        width: the same.
        input_size: side of that square in pixels.
        stride: of the network; the sides are multiples of it.
    """
    aspect = min(max(width / height, 1 / LONGEST), LONGEST)
    rows, columns = input_size / math.sqrt(aspect), input_size * math.sqrt(aspect)
    return max(1, round(rows / stride)) * stride, max(1, round(columns / stride)) * stride


def as_pixels(picture: Any) -> Pixels:
    """Take the pixels out of whatever a caller calls a picture: (H, W) or (H, W, 3), uint8 or uint16.

    Raises:
        ValueError: it is no such array, and no Pillow image of 8 bits.
    """
    if is_pillow(picture):
        from colourise.errors import PhotoError
        from colourise.images.pillow import channels

        try:
            picture, _ = channels(picture.convert("RGB") if picture.mode == "CMYK" else picture)
        except PhotoError as err:
            raise ValueError(f"a Pillow image of mode {picture.mode}: {err}") from err
    if not isinstance(picture, np.ndarray):
        raise ValueError(
            f"{type(picture).__name__}: not a picture; give a NumPy array or a Pillow image, "
            "or colour a file with colourise.colour_photo"
        )
    if picture.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise ValueError(f"an array of {picture.dtype} {picture.shape}: pixels are uint8 or uint16")
    if not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)) or not picture.size:
        raise ValueError(
            f"an array of shape {picture.shape} ({picture.dtype}): a picture is (H, W) or (H, W, 3); "
            "give several as a list"
        )
    return one_channel(np.ascontiguousarray(picture, picture.dtype.newbyteorder("=")))


def like(picture: Any, pixels: Pixels) -> Any:
    """Give coloured pixels (H, W, 3) back as the kind of picture that they were made of."""
    if not is_pillow(picture):
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels)
    if picture.has_transparency_data:
        image.putalpha(picture.convert("RGBA").getchannel("A"))
    return image


def is_pillow(picture: Any) -> bool:
    """Tell a Pillow image by its class, without importing Pillow."""
    return any(f"{kind.__module__}.{kind.__name__}" == "PIL.Image.Image" for kind in type(picture).__mro__)


def load_model(
    model: str = DEFAULT_MODEL,
    *,
    backend: BackendName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
    input_size: int | None = None,
    saturation: float = 1.0,
) -> Colouriser:
    """Load a model as a `Colouriser`.

    Args:
        model: NAME, PATH or OWNER/REPO[@REVISION].
        backend: "auto", "torch" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "fp16" or "bf16".
        input_size: the network sees about as many pixels as a square of this side has; by default the one on
            the model's card.
        saturation: ab is multiplied by this.
    Raises:
        ModelError: there is no such model, or it has no file for this backend.
        HubError: it has to come from the Hub and cannot.
        DeviceError: the device or precision asked for is not there.
    """
    loaded, card = open_backend(model, backend=backend, device=device, precision=precision)
    digest = card.sha256.get(".safetensors") or card.sha256.get(".onnx", "")
    return Colouriser(
        loaded,
        input_size=input_size or card.input_size,
        saturation=saturation,
        model=ModelId(card.name, digest[:12]),
    )


Model = str | PathLike[str] | Colouriser | Callable[[], Colouriser]
"""What colours: the name or path of a model, a `Colouriser`, or a function that loads one."""


def loaded(model: Model, *, device: str = "auto") -> Colouriser:
    """Load a model, unless it is loaded already.

    Args:
        model: what colours.
        device: for a model that is named; as for `load_model`.
    Raises:
        ModelError, HubError, DeviceError: as `load_model`.
    """
    if isinstance(model, Colouriser):
        return model
    return load_model(str(model), device=device) if isinstance(model, str | PathLike) else model()
