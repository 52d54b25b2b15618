"""`--set NAME=VALUE`: what is read, and what is refused in one line."""

import pytest

from colourise.errors import TrainingError
from colourise.training.overrides import configure
from colourise.training.recipes import RECIPES


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("nosuch", [], "nosuch: no such recipe; there are"),
        ("colourise", ["learning_rate=1"], "learning_rate=1: no such setting; there are architecture"),
        ("colourise", ["lr=fast"], "lr=fast: no value for lr; the recipe has lr=0.001"),
        ("colourise", ["feature_share=0"], "feature_share=0.0: must be above 0"),
        ("colourise", ["warmup=1"], "warmup=1.0: must not be above 0.99"),
        ("colourise", ["encoder_lr=-1"], "encoder_lr=-1.0: must not be below 0"),
        ("colourise", ["lr=-1"], "lr=-1.0: must be above 0"),
        ("colourise", ["sizes=16"], "crops need at least 32 px"),
        ("colourise", ["images=3"], "less than one batch"),
        ("colourise", ["feature_layer=block9"], "feature_layer=block9: vgg16 has block1_conv2"),
        ("vgg16", ["loss_network=resnet50"], "feature_layer=block3_conv3: resnet50 has layer1, layer2"),
        ("vgg16", ["loss_network=inception"], "loss_network=inception: there are vgg16, resnet50"),
        ("vgg16", ["sizes=64"], "levels would pad crops to multiples of 256 px; set arguments.levels=6"),
        ("vgg16", ["sizes=200,300,100"], "would pad crops to multiples of 256 px; set sizes=256,256,256"),
        ("gorriz", ["sizes=64", "arguments.levels=6"], "3 discriminators need 96 px; set discriminators=2"),
        ("vgg16", ["arguments=7"], "arguments=7: no such setting; there are .*arguments.NAME"),
        ("vgg16", ["lr.x=7"], "lr.x=7: no such setting"),
        ("vgg16", ["adversarial=wgan"], "adversarial=wgan: there are bce, lsgan"),
        ("vgg16", ["spectral_norm=maybe"], "spectral_norm=maybe: no value for spectral_norm"),
        ("vgg16", ["betas=0.5"], "betas=0.5: two numbers from 0 to below 1"),
        ("vgg16", ["accumulate=3"], "accumulate=3: does not divide a batch of 16"),
        ("vgg16", ["discriminators=4"], "discriminators=4: must not be above 3"),
        ("vgg16", ["architecture=nosuch"], "architecture=nosuch: there are unet, encoder_unet"),
        ("vgg16", ["arguments.levles=7"], "arguments.levles: unet has no such argument, only levels, width"),
        (
            "gorriz",
            ["architecture=encoder_unet", "spectral_norm=no"],
            "arguments.levels: encoder_unet has no",
        ),
        *(
            ("vgg16", [f"arguments.levels={value}"], r"arguments\.levels=.*: must be a whole number, 1 to 10")
            for value in ("seven", "null", "[7]", "0", "-1", "true", "7.0", "NaN")
        ),
        ("vgg16", ["arguments.norm=group"], 'arguments.norm="group": must be batch or instance'),
        ("vgg16", ["arguments.norm=null"], "arguments.norm=null: must be batch or instance"),
        ("vgg16", ["arguments.dropout=5"], "arguments.dropout=5: must be a number, 0 to 0.9"),
        ("vgg16", ["arguments.width=2.5"], "arguments.width=2.5: must be a whole number, 1 to 512"),
        ("vgg16", ["arguments.width=0"], "arguments.width=0: must be a whole number, 1 to 512"),
        ("colourise", ["arguments.widths=[8,8,8,8,8]"], "must be one to four whole numbers, such as"),
        (
            "colourise",
            ["arguments.pretrained=true"],
            "arguments.pretrained: encoder_unet has no such argument",
        ),
        ("vgg16", ["discriminator.width=x"], 'discriminator.width="x": must be a whole number'),
        ("vgg16", ["discriminator.wdth=4"], "discriminator.wdth: patchgan has no such argument, only width"),
        ("colourise", ["discriminator.width=4"], "discriminator: there is none; set discriminators=1 too"),
        ("colourise", ["spectral_norm=yes"], "spectral_norm=true: not with encoder_unet"),
        ("vgg16", ["seed=-5"], "seed=-5: must not be below 0"),
        ("vgg16", ["seed=2_147_483_648"], "seed=2147483648: must not be above 2147483647"),
        ("vgg16", ["lr=nan"], "lr=nan: no value for lr"),
        ("vgg16", ["adversarial_weight=inf"], "adversarial_weight=inf: no value for adversarial_weight"),
        ("vgg16", ["betas=nan,0.9"], "betas=nan,0.9: no value for betas"),
        ("vgg16", ["input_size=16"], "input_size=16: must be 32 to 2048"),
        (
            "vgg16",
            ["pixel_weight=0", "feature_weight=0", "discriminators=0"],
            "pixel_weight=0: no loss is left to learn from",
        ),
    ],
)
def test_wrong_settings_are_named(recipe, overrides, message):
    with pytest.raises(TrainingError, match=message):
        configure(recipe, overrides)


def test_settings_are_read():
    config = configure("colourise", ["lr=2e-4", "sizes=64,96", "images=1_000"])
    assert (config.lr, config.sizes, config.images) == (2e-4, (64, 96), 1000)
    config = configure("gorriz", ["arguments.width=32", "spectral_norm=no", "betas=0,0.9", "ema=0.5"])
    assert config.arguments == {"levels": 7, "dropout": 0.0, "last_norm": "instance", "width": 32}
    assert (config.spectral_norm, config.betas, config.ema) == (False, (0.0, 0.9), 0.5)
    assert "width" not in RECIPES["gorriz"].arguments
