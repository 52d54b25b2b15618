from colourise.files.names import EXTENSIONS


def test_extensions() -> None:
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
        ".bmp",
        ".avif",
        ".heic",
        ".heif",
    } <= EXTENSIONS
    assert all(suffix == suffix.lower() for suffix in EXTENSIONS)
