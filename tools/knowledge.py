"""How many photos in grey would a classifier of ImageNet still name, had it a model's encoder for its own?

    python tools/knowledge.py colourise-v4 runs/mine --data heldout/ [--weights FILE] [--size 224]

The classifier is timm's of the model's encoder; its last layers stay, all before them are the model's. The
first row is the classifier as it is, on the photos in colour; the second on the same in grey, as every model.
The photos are of ImageNet's classes, and their names begin with the class: n01440764_tench.jpg.
"""

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import timm
import torch
from rich.progress import track
from timm.data import ImageNetInfo

from colourise.data.crops import square
from colourise.data.photos import find_photos, read_rgb
from colourise.lab.pictures import rgb_to_L
from colourise.models import checkpoints
from colourise.models.networks.encoder_unet import EncoderUNet, grey_level


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="run folders, checkpoints or names, all of one encoder")
    parser.add_argument("--data", type=Path, required=True, help="photos named after their classes")
    parser.add_argument(
        "--weights", type=Path, help="the classifier's, in timm's names, where it cannot download"
    )
    parser.add_argument("--size", type=int, default=224, help="side in pixels")
    asked = parser.parse_args()
    found = [checkpoints.find(model, need="safetensors") for model in asked.models]
    encoder = found[0].card.arguments.get("encoder", "tf_efficientnet_lite0")
    file = {"file": str(asked.weights)} if asked.weights else None
    classifier = timm.create_model(encoder, pretrained=True, pretrained_cfg_overlay=file).eval()
    mean, std = (torch.tensor(classifier.default_cfg[name]).view(3, 1, 1) for name in ("mean", "std"))
    places = {name: place for place, name in enumerate(ImageNetInfo().label_names())}
    photos = find_photos(asked.data)
    truths = torch.tensor([places[photo.name.split("_")[0]] for photo in photos])
    colour, grey = [], []
    for photo in track(photos, "photos"):
        rgb = square(read_rgb(photo), asked.size)
        colour.append((torch.from_numpy(rgb / np.float32(255)).permute(2, 0, 1) - mean) / std)
        L = torch.from_numpy(rgb_to_L(rgb, (asked.size, asked.size)))[None, None]
        grey.append((grey_level(L)[0] - mean) / std)

    def tell(name: str, pictures: list[torch.Tensor]) -> None:
        with torch.inference_mode():
            said = torch.cat(
                [classifier(torch.stack(pictures[k : k + 32])) for k in range(0, len(pictures), 32)]
            )
        print(f"{name}: {100 * (said.argmax(1) == truths).float().mean():.1f} % named", flush=True)

    tell(f"{encoder}, in colour", colour)
    tell(f"{encoder}, in grey", grey)
    for model, checkpoint in zip(asked.models, found, strict=True):
        generator = cast(EncoderUNet, checkpoints.load_generator(checkpoint))
        classifier.load_state_dict(classifier.state_dict() | generator.encoder.state_dict())
        tell(model, grey)


if __name__ == "__main__":
    main()
