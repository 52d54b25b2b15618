"""The one path for a picture: any size, any depth, alone or in a batch."""

from pathlib import Path

import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels
from PIL import Image
from skimage.color import rgb2lab
from typer.testing import CliRunner

import colourise
from colourise.cli import app
from colourise.colouriser import Colouriser, load_model, seen_size
from colourise.errors import ModelError
from colourise.models.backends import TorchBackend
from colourise.models.checkpoints import find, load_generator

NAMES = ("astronaut.jpg", "chelsea.jpg", "coffee.jpg", "camera.png")


@pytest.fixture(params=["onnx", pytest.param("torch", marks=pytest.mark.needs("train"))])
def colouriser(request: pytest.FixtureRequest, tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model), backend=request.param, device="cpu")


def test_a_batch_of_different_sizes_is_as_one_at_a_time(colouriser: Colouriser) -> None:
    pictures = [pixels(PHOTOS / name) for name in NAMES]
    assert len({picture.shape for picture in pictures}) == len(NAMES)
    together = colouriser(pictures)
    for picture, coloured in zip(pictures, together, strict=True):
        (alone,) = colouriser([picture])
        assert coloured.shape == (*picture.shape[:2], 3)
        assert coloured.dtype == picture.dtype
        assert np.abs(coloured.astype(int) - alone).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 5), (63, 65), (40, 4000)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size(colouriser: Colouriser, size: tuple[int, int], dtype: type) -> None:
    top = np.iinfo(dtype).max
    picture = np.random.default_rng(0).integers(0, top + 1, size).astype(dtype)
    (coloured,) = colouriser([picture])
    assert (coloured.shape, coloured.dtype) == ((*size, 3), dtype)
    L = [rgb2lab(rgb / top)[..., 0] for rgb in (np.stack([picture] * 3, -1), coloured)]
    assert np.abs(L[0] - L[1]).max() < (0.35 if dtype == np.uint8 else 0.02)


@pytest.mark.parametrize("level", [0, 255])
def test_black_stays_black_and_white_white(colouriser: Colouriser, level: int) -> None:
    (coloured,) = colouriser([np.full((50, 70), level, np.uint8)])
    assert (coloured == level).all()


def test_colours_of_the_input_do_not_matter(colouriser: Colouriser) -> None:
    colour = pixels(PHOTOS / "astronaut.jpg")
    (grey,) = Colouriser(colouriser.backend, input_size=64, saturation=0)([colour])
    before = colour.copy()
    ours, theirs = colouriser([colour, grey])
    assert (colour == before).all()  # what is given is left alone
    assert np.abs(ours.astype(int) - theirs).mean() < 1


def test_saturation_multiplies_chroma(colouriser: Colouriser) -> None:
    picture = 90 + pixels(PHOTOS / "camera.png") // 4  # no extremes, so that sRGB has room for the colours
    full, half = (
        rgb2lab(Colouriser(colouriser.backend, input_size=64, saturation=amount)([picture])[0])[..., 1:]
        for amount in (1.0, 0.5)
    )
    assert np.abs(full).max() > 5
    assert np.median(np.abs(full / 2 - half)) < 0.5  # rounding to 8 bits


def test_the_card_decides_the_input_size_unless_told_otherwise(tiny_model: Path) -> None:
    assert load_model(str(tiny_model)).input_size == 64
    assert load_model(str(tiny_model), input_size=100).input_size == 100


@pytest.mark.needs("train")
def test_auto_is_onnx_where_there_is_a_file(tiny_model: Path) -> None:
    assert load_model(str(tiny_model), device="cpu").backend.name == "ONNX Runtime on the CPU"
    torch = load_model(str(tiny_model), backend="torch", device="cpu", precision="fp32")
    assert torch.backend.name == "PyTorch on cpu, fp32"


@pytest.mark.needs("train")
def test_torch_and_onnx_give_the_same_picture_within_one_level(tiny_model: Path) -> None:
    generator = load_generator(find(tiny_model, need="safetensors"))
    torch = Colouriser(TorchBackend(generator, device="cpu", precision="fp32"), input_size=100)
    onnx = load_model(str(tiny_model), backend="onnx", device="cpu", input_size=100)
    for name in NAMES:
        pictures = [pixels(PHOTOS / name)]
        differences = torch(pictures)[0].astype(int) - onnx(pictures)[0]
        assert np.abs(differences).max() <= 1, np.unique(differences, return_counts=True)


def test_the_package_offers_it(tiny_model: Path) -> None:
    (coloured,) = colourise.load_model(str(tiny_model))([pixels(PHOTOS / "camera.png")])
    assert coloured.shape == (512, 512, 3)
    assert isinstance(colourise.load_model(str(tiny_model)), colourise.Colouriser)
    assert isinstance(colourise.available_models(), list)
    with pytest.raises(colourise.ColouriseError):
        colourise.load_model("nothing-like-it")
    with pytest.raises(AttributeError, match="no attribute 'color'"):
        colourise.color  # noqa: B018


def test_a_picture_gives_a_picture_and_a_list_a_list(colouriser: Colouriser) -> None:
    grey = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)
    alone = colouriser(grey)
    assert alone.shape == (6, 8, 3)
    listed = colouriser([grey])
    assert isinstance(listed, list) and np.array_equal(listed[0], alone)
    assert np.array_equal(colouriser((grey, grey))[1], alone)
    assert colouriser(np.stack([grey] * 3, 2)).shape == (6, 8, 3)  # no batch of six
    assert colouriser([]) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_views_and_foreign_byte_orders_are_pictures_too(colouriser: Colouriser, dtype: type) -> None:
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 30)).astype(dtype)
    plain = colouriser(picture[::-1, ::2].copy())
    assert np.array_equal(colouriser(picture[::-1, ::2]), plain)
    swapped = picture[::-1, ::2].astype(picture.dtype.newbyteorder())
    assert np.array_equal(colouriser(swapped), plain)
    assert colouriser(swapped).dtype == dtype


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_a_pillow_image_gives_a_pillow_image(colouriser: Colouriser, mode: str) -> None:
    image = Image.open(PHOTOS / "coffee.jpg").resize((60, 40)).convert(mode)
    if "A" in mode:
        image.putalpha(77)
    coloured = colouriser(image)
    assert isinstance(coloured, Image.Image)
    assert (coloured.size, coloured.mode) == ((60, 40), "RGBA" if "A" in mode else "RGB")
    if "A" in mode:
        assert coloured.getchannel("A").getextrema() == (77, 77)
    if mode in ("L", "RGB"):
        assert np.array_equal(np.asarray(coloured), colouriser(np.asarray(image)))
    assert isinstance(colouriser([image, image])[1], Image.Image)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (np.zeros((2, 6, 8, 3), np.uint8), r"shape \(2, 6, 8, 3\) \(uint8\).*give several as a list"),
        (np.zeros((6, 8, 4), np.uint8), r"shape \(6, 8, 4\)"),
        (np.zeros((6, 8, 1), np.uint16), r"shape \(6, 8, 1\) \(uint16\)"),
        (np.zeros((0, 8), np.uint8), r"shape \(0, 8\)"),
        (np.zeros((6, 8, 3)), r"array of float64 \(6, 8, 3\): pixels are uint8 or uint16"),
        ("photo.jpg", r"str: not a picture.*colourise\.colour_photo"),
        (None, "NoneType: not a picture"),
        (Image.new("I;16", (8, 6)), r"a Pillow image of mode I;16"),
        ([np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.int64)], "array of int64"),
    ],
    ids=["batch", "four", "one", "empty", "floats", "path", "none", "deep", "listed"],
)
def test_anything_else_is_named(colouriser: Colouriser, wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        colouriser(wrong)


@pytest.mark.parametrize(
    "picture, seen",
    [
        ((600, 600), (224, 224)),
        ((2000, 3000), (192, 288)),  # nearest to 183 x 274
        ((3000, 2000), (288, 192)),
        ((1080, 1920), (160, 288)),
        ((500, 1500), (128, 384)),
        ((500, 9000), (128, 384)),  # a panorama is squashed to 3 : 1
        ((1, 1), (224, 224)),
    ],
)
def test_the_network_sees_a_picture_in_its_own_aspect(
    picture: tuple[int, int], seen: tuple[int, int]
) -> None:
    assert seen_size(*picture, 224, 32) == seen
    assert abs(seen[0] * seen[1] / 224**2 - 1) < 0.15


def test_a_network_of_a_large_stride_sees_whole_strides() -> None:
    assert seen_size(2000, 3000, 256, 256) == (256, 256)
    assert seen_size(1000, 3000, 256, 1) == (148, 443)


class Aspect:
    """A backend that writes down what it is given, and paints each batch in a colour of its own."""

    name, stride = "aspect", 32

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def predict_ab(self, L: np.ndarray) -> np.ndarray:
        self.shapes.append(L.shape)
        return np.full((len(L), 2, *L.shape[2:]), 10.0 * len(self.shapes), np.float32)


def test_pictures_of_one_aspect_are_one_batch_and_come_back_in_their_order() -> None:
    backend = Aspect()
    sizes = [(40, 60), (50, 50), (80, 120), (30, 30)]
    coloured = Colouriser(backend, input_size=96)([np.full(size, 120, np.uint8) for size in sizes])
    assert [picture.shape[:2] for picture in coloured] == sizes
    assert backend.shapes == [(2, 1, 64, 128), (2, 1, 96, 96)]
    assert np.array_equal(coloured[0][0, 0], coloured[2][0, 0])
    assert np.array_equal(coloured[1][0, 0], coloured[3][0, 0])
    assert not np.array_equal(coloured[0][0, 0], coloured[1][0, 0])


class Strange:
    """A backend whose answer is given."""

    name, stride = "strange", 1

    def __init__(self, ab: np.ndarray) -> None:
        self.ab = ab

    def predict_ab(self, L: np.ndarray) -> np.ndarray:
        return self.ab


@pytest.mark.parametrize(
    "ab, message",
    [
        (np.full((1, 2, 32, 32), np.nan, np.float32), "no colours"),
        (np.where(np.arange(32) == 7, np.inf, 0).astype(np.float32) + np.zeros((1, 2, 32, 32)), "no colours"),
        (np.zeros((1, 1, 32, 32), np.float32), r"\(1, 1, 32, 32\) where ab of \(1, 2, 32, 32\) is due"),
        (np.zeros((1, 2, 16, 16), np.float32), "is due"),
        (np.zeros((1, 3, 32, 32), np.float32), "is due"),
        (np.zeros((2, 32, 32), np.float32), "is due"),
        (np.zeros((2, 2, 32, 32), np.float32), "is due"),
    ],
    ids=["nan", "inf", "one channel", "size", "three channels", "no batch", "two pictures"],
)
def test_a_model_that_gives_no_colours_is_refused(ab: np.ndarray, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Colouriser(Strange(ab), input_size=32)(np.full((40, 40), 99, np.uint8))


def test_a_photo_that_a_model_cannot_colour_fails_in_one_line(photo: Path, tmp_path: Path) -> None:
    model = Path(__file__).parent / "cases" / "model_nan" / "m.onnx"
    for place in (photo, photo.parent):
        result = CliRunner().invoke(app, [str(place), "-o", str(tmp_path / "out"), "--model", str(model)])
        assert result.exit_code == 1
        assert "no colours" in result.stderr
        assert not list(tmp_path.glob("out/**/*.jpg"))
