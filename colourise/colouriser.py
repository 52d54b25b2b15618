"""The one path for a picture: its L in, its colours out.

Photos, folders, films, scores and training previews all come through `Colouriser`. Where something happens
between the halves, as steadying does to a film's ab, they are to be had apart: `lightness`, `predict`, `lay`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from colourise.models.checkpoints import DEFAULT_MODEL


class Colouriser:
    """Colours pictures of any size.

    Args:
        backend: what predicts ab.
        input_size: side in pixels of the square that the network sees.
        saturation: ab is multiplied by this; 1.0 leaves it as predicted.
        model: name and hash of the model, for the history of a picture.
        threads: how many lay colours over one picture; by default one a processor.
        joiner: what lays colours over; by default NumPy and OpenCV.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        input_size: int,
        saturation: float = 1.0,
        model: str = "",
        threads: int | None = None,
        joiner: JoinerMaker | None = None,
    ) -> None:
        self.backend, self.input_size, self.saturation = backend, input_size, saturation
        self.model, self.threads, self.joiner = model, threads, joiner

    def over(self, backend: Backend, *, compiled: bool) -> Colouriser:
        """Make the same with a backend that many threads share, of which each does a whole picture.

        Args:
            backend: what predicts ab.
            compiled: whether compiled code lays colours over, which is worth loading for many pictures.
        """
        joiner: JoinerMaker | None = None
        if compiled:
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

    def __call__(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        """Colour a batch of pictures.

        Args:
            pictures: each (H, W) grey or (H, W, 3) sRGB, uint8 or uint16; colours they have are ignored.
        Returns:
            For each, (H, W, 3) sRGB of its dtype, with its L and new colours.
        """
        pictures = [one_channel(picture) for picture in pictures]
        ab = self.predict([self.lightness(picture) for picture in pictures])
        return [self.lay(picture, colours) for picture, colours in zip(pictures, ab, strict=True)]

    def lightness(self, picture: Pixels) -> Floats:
        """What the network sees of a picture (H, W) or (H, W, 3): its L, (S, S) float32."""
        return rgb_to_L(picture, (self.input_size, self.input_size))

    def predict(self, L: Sequence[Floats]) -> Floats:
        """The ab (N, 2, S, S) of N pictures, each (S, S), inside the gamut's bounds."""
        ab = self.backend.predict_ab(np.stack(L)[:, None]) * np.float32(self.saturation)
        return clip_to_gamut_bounds(ab)

    def lay(self, picture: Pixels, ab: Floats) -> Pixels:
        """A picture (H, W) or (H, W, 3) with ab (2, S, S) laid over: (H, W, 3) of its dtype."""
        return lay_over(picture, ab, self.threads, joiner=self.joiner)


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
        input_size: side in pixels of the square the network sees; by default the one on the model's card.
        saturation: ab is multiplied by this.
    Raises:
        ModelError: there is no such model, or it has no file for this backend.
        HubError: it has to come from the Hub and cannot.
        DeviceError: the device or precision asked for is not there.
    """
    loaded, card = open_backend(model, backend=backend, device=device, precision=precision)
    name = f"{card.name} {(card.sha256.get('.safetensors') or card.sha256.get('.onnx', ''))[:12]}".strip()
    size = input_size or card.input_size
    return Colouriser(loaded, input_size=size, saturation=saturation, model=name)
