import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.pictures import (
    SUFFIXES,
    deviation,
    encoded,
    exif,
    exif_of,
    picture,
    picture8,
    refused,
    rich_photo,
    save,
)
from PIL import Image, ImageOps

from colourise import images
from colourise.errors import PhotoError
from colourise.files.names import EXTENSIONS, FORMATS

LOSSLESS = (".png", ".tif", ".bmp")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (33, 17, 3), (1, 1, 3)])
def test_there_and_back(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    pixels = picture8(*shape[:2]) if len(shape) == 3 else picture8(*shape)[..., 2]
    target = tmp_path / f"photo{suffix}"
    assert images.write(images.Photo(pixels, None, "PNG"), target) == []
    photo = images.read(target)
    assert photo.format == FORMATS[suffix]
    assert photo.notes == []
    assert photo.alpha is None
    assert photo.pixels.flags.c_contiguous
    if photo.pixels.ndim > len(shape):  # WebP, AVIF and HEIC know no grey
        photo.pixels = photo.pixels[..., 0]
    assert deviation(photo, np.ascontiguousarray(pixels)) <= (0 if suffix in LOSSLESS else 7)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_grey_in_colour_out(tmp_path: Path, suffix: str) -> None:
    source = save(tmp_path / f"old{suffix}", Image.fromarray(picture8()[..., 2]))
    photo = images.read(source)
    coloured = replace(photo, pixels=picture8())
    images.write(coloured, tmp_path / f"new{suffix}")
    assert deviation(images.read(tmp_path / f"new{suffix}"), picture8()) < 3


def test_streams() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture8()).save(buffer, "PNG")
    photo = images.read(buffer.getvalue())
    out = io.BytesIO()
    images.write(photo, out)
    assert (images.read(out.getvalue()).pixels == picture8()).all()
    out = io.BytesIO()
    images.write(photo, out, format="tiff")
    assert images.read(out.getvalue()).format == "TIFF"


def test_pipe(tmp_path: Path) -> None:
    """A process substitution, `<(...)`, cannot seek."""
    buffer = io.BytesIO()
    Image.fromarray(picture8(8, 8)).save(buffer, "PNG")
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "pipe").write_bytes, buffer.getvalue())
        assert images.read(tmp_path / "pipe").pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    image = Image.fromarray(picture8())
    upright = image.copy()
    upright.info["exif"] = exif(orientation).tobytes()
    upright = ImageOps.exif_transpose(upright)
    source = save(tmp_path / f"old{suffix}", image, exif=exif(orientation).tobytes(), dpi=(300, 200))
    photo = images.read(source)
    assert deviation(photo, np.asarray(upright)) < 3
    assert photo.pixels.flags.c_contiguous
    tags = exif_of(photo)
    assert tags.get(274, 1) == 1
    camera = tags.get_ifd(34665)
    assert (camera[40962], camera[40963]) == upright.size
    if suffix not in (".webp", ".avif"):
        assert photo.metadata.dpi == pytest.approx((200, 300) if orientation > 4 else (300, 200), abs=0.01)

    images.write(photo, tmp_path / f"new{suffix}")
    again = images.read(tmp_path / f"new{suffix}")
    assert deviation(again, photo.pixels) < 3
    assert exif_of(again).get(274, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_orientation_at_16_bits(tmp_path: Path, suffix: str, orientation: int) -> None:
    source = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(source, picture(), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    else:
        images.write(
            images.Photo(picture(), None, "PNG", images.Metadata(exif(orientation).tobytes())), source
        )
    image = Image.fromarray(picture8())
    image.info["exif"] = exif(orientation).tobytes()
    expected = np.asarray(ImageOps.exif_transpose(image))
    photo = images.read(source)
    assert photo.pixels.dtype == np.uint16
    assert (photo.pixels // 257 == expected).all()


KINDS = [(suffix, False) for suffix in SUFFIXES] + [(".png", True), (".tif", True)]


@pytest.mark.parametrize(("suffix", "deep"), KINDS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(tmp_path: Path, suffix: str, deep: bool, part: float) -> None:
    data = encoded(suffix, deep)
    source = tmp_path / f"old{suffix}"
    source.write_bytes(data[: int(len(data) * part)])
    assert re.search("truncated|damaged", refused(source))
    assert re.search("truncated|damaged", refused(data[: int(len(data) * part)]))


@pytest.mark.parametrize(("suffix", "deep"), KINDS)
def test_damage_raises_nothing_else(suffix: str, deep: bool, capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(suffix, deep)
    random = np.random.default_rng(0)
    for trial in range(40):
        broken = bytearray(data)
        for place in random.integers(0, len(data) if trial % 2 else 200, 5):
            broken[place] = random.integers(256)
        try:
            images.read(bytes(broken))
        except PhotoError as err:
            assert "\n" not in str(err)
    for length in (*range(0, 64, 3), *range(64, len(data) - 1, len(data) // 8)):
        try:
            images.read(data[:length])
        except PhotoError as err:
            assert "\n" not in str(err)
    assert capfd.readouterr() == ("", "")


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>not found</html>" * 20)
    assert "not an image" in refused(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"")
    assert "0 bytes" in refused(tmp_path / "b.jpg")
    (tmp_path / "c.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert "not an image" in refused(tmp_path / "c.eps")
    assert "no such file" in refused(tmp_path / "d.jpg")
    assert "folder" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", Image.fromarray(picture8()))
    source.chmod(0)
    assert "no permission" in refused(source)
    tmp_path.chmod(0o500)
    with pytest.raises(PhotoError, match="no permission"):
        images.write(rich_photo(), tmp_path / "b.png")


def test_target_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"precious")
    with pytest.raises(PhotoError, match="exists already"):
        images.write(rich_photo(), target)
    assert target.read_bytes() == b"precious"
    target.chmod(0o640)
    images.write(rich_photo(), target, overwrite=True)
    assert images.read(target).format == "PNG"
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "link.png").symlink_to(target)
    images.write(rich_photo(), tmp_path / "link.png", overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "link.png"]


def test_new_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        images.write(rich_photo(), tmp_path / "a.png")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.xyz", "cannot write .xyz; choose one of jpg"),
        ("a", "without a suffix"),
        ("no/a.png", "no such folder"),
    ],
)
def test_bad_targets(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(PhotoError, match=re.escape(reason)) as caught:
        images.write(rich_photo(), tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_special_targets(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    os.mkfifo(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(PhotoError, match="not a regular file"):
            images.write(rich_photo(), tmp_path / name, overwrite=True)
    with pytest.raises(PhotoError, match="cannot write GIF"):
        images.write(replace(rich_photo(), format="GIF"), io.BytesIO())


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("boom"), KeyboardInterrupt()]
)
def test_nothing_is_left_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(b"precious")

    def half(image: Image.Image, file: io.BytesIO, *args: object, **options: object) -> None:
        file.write(b"half a file")
        raise error

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else PhotoError) as caught:
        images.write(rich_photo(), target, overwrite=True)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{target}: No space left on device"
    assert target.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [target]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    target.write_bytes(b"precious")
    result = run(
        "import os, signal, sys; from pathlib import Path; import numpy as np; from colourise import images\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "photo = images.Photo(np.zeros((99, 99, 3), np.uint8), None, 'TIFF')\n"
        "images.write(photo, Path(sys.argv[1]), overwrite=True)",
        str(target),
    )
    assert result.returncode == -9, result.stderr
    assert target.read_bytes() == b"precious"
    assert not [path for path in tmp_path.iterdir() if path.suffix in EXTENSIONS and path != target]


def test_plain_photos_need_only_pillow_and_numpy(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.webp"):
        save(tmp_path / name, Image.fromarray(picture8()), exif=exif().tobytes())
    result = run(
        "import sys; from pathlib import Path; from colourise import images\n"
        "for name in ('a.jpg', 'a.png', 'a.webp'):\n"
        "    photo = images.read(Path(sys.argv[1]) / name)\n"
        "    images.write(photo, Path(sys.argv[1]) / f'new-{name}')\n"
        "heavy = 'cv2 tifffile imagecodecs pillow_heif torch onnxruntime PIL.ImageCms'.split()\n"
        "print([name for name in heavy if name in sys.modules])",
        str(tmp_path),
    )
    assert result.stdout == "[]\n", result.stderr
    assert result.stderr == ""


def test_libraries_keep_quiet(tmp_path: Path) -> None:
    """Damaged EXIF and a bomb's size make Pillow warn, and tifffile log; none of that is the user's."""
    block = exif().tobytes()
    save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=block[: len(block) // 2])
    tifffile.imwrite(tmp_path / "b.tif", picture(), photometric="rgb")
    data = bytearray((tmp_path / "b.tif").read_bytes())
    data[10:22] = b"\xff" * 12
    (tmp_path / "b.tif").write_bytes(data)
    (tmp_path / "c.tif").write_bytes(encoded(".tif")[:-3000])
    result = run(
        "import sys; from pathlib import Path; from colourise import images, errors\n"
        "for name in ('a.jpg', 'b.tif', 'c.tif'):\n"
        "    try: images.read(Path(sys.argv[1]) / name)\n"
        "    except errors.PhotoError: pass\n",
        str(tmp_path),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_threads(tmp_path: Path) -> None:
    paths = []
    for suffix in SUFFIXES:
        images.write(rich_photo(), tmp_path / f"a{suffix}")
        paths.append(tmp_path / f"a{suffix}")
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(images.read, paths * 5))
    for path, photo in zip(paths * 5, photos, strict=True):
        assert deviation(photo, picture8()) < 3, path
