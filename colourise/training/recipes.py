"""What to train and how: each row of the paper's Table 1, and ours, is one `TrainConfig`."""

from __future__ import annotations

from dataclasses import replace

from colourise.training.config import TrainConfig

PIX2PIX = TrainConfig(
    architecture="unet",
    discriminators=1,
    pixel_beta=0.0,
    feature_weight=0.0,
    sizes=(256,),
    batch=1,
    images=23 * 50_000,  # 23 epochs over 50 photos of each class of ImageNet
    lr=2e-4,
    betas=(0.5, 0.999),
    weight_decay=0.0,
    schedule="constant",  # open in the paper; pix2pix's own falls to zero in the second half of its run
    clip=0.0,
    ema=0.0,
    input_size=256,
)
GORRIZ = replace(
    PIX2PIX,
    # Which block of G has the instance norm: the paper says the last, and the output has no norm at all; so
    # the last that has one.
    arguments={"levels": 7, "dropout": 0.0, "last_norm": "instance"},
    spectral_norm=True,
    discriminators=3,  # open: their losses are averaged, so that the L1's weight keeps its meaning
    discriminator={"second_norm": "instance"},
    adversarial="lsgan",
    batch=16,
)
VGG16 = replace(
    PIX2PIX,
    pixel_beta=110.0,  # the paper: smooth L1. Open: its beta and weight; PyTorch's default, and pix2pix's 100
    # Open: what the weight 1e-5 applies to. On features of 0..255 inputs less ImageNet's mean, as VGG16's
    # original weights take them, it makes this term about as large as the pixel loss (losses.py).
    feature_weight=1e-5,
    batch=16,  # open; that of gorriz, whose authors' next paper it is
)

RECIPES: dict[str, TrainConfig] = {
    "pix2pix": PIX2PIX,
    "gorriz": GORRIZ,
    "vgg16": VGG16,
    # Open for the next three: the layer; the one nearest in stride and width to VGG16's best. Their inputs
    # have a standard deviation of about 1 where VGG16's has 60, so 1e-5 gives their features hardly a say.
    "resnet50": replace(VGG16, loss_network="resnet50", feature_layer="layer1"),
    # Open: the segmenter's data. segmentation-models-pytorch has ImageNet weights for encoders alone, so the
    # features are the encoder's.
    "unet": replace(VGG16, loss_network="unet", feature_layer="encoder2"),
    "fpn": replace(VGG16, loss_network="fpn", feature_layer="p2"),
    # Where the default weights began (docs/training-log.md has the rest): the paper's losses without its GAN,
    # on a generator that starts from ImageNet. A squared pixel loss turned everything doubtful sepia, the
    # mean of all colours; pix2pix's absolute one, a little smoothed, leaves it grey.
    "colourise": TrainConfig(pixel_beta=3.0, feature_share=0.25),
}
