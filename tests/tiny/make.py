"""Makes the model of this folder, a small U-Net that paints random colours: `python tests/tiny/make.py`.

It is kept, so that tests of everything but networks need no PyTorch.
"""

from pathlib import Path

import torch

from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.export import export
from colourise.models.networks import registry

STEM = Path(__file__).parent / "tiny"


def main() -> None:
    arguments = {"levels": 5, "width": 4}
    torch.manual_seed(0)
    generator = registry.build("unet", **arguments).eval()
    with torch.no_grad():
        for weights in generator.parameters():
            if weights.dim() > 1:
                weights *= 6  # ab of about +-10, up to +-50; fresh weights paint grey
    card = Card(
        name="tiny",
        architecture="unet",
        arguments=arguments,
        input_size=64,
        data="None: random weights for tests.",
        recipe={},
        scores={},
        licence="MIT",
    )
    checkpoints.save(generator, STEM, card)
    export(str(STEM), STEM.with_suffix(".onnx"), overwrite=True)


if __name__ == "__main__":
    main()
