"""A film is one file on a disk, whatever its name is; and a file that names others opens none of them."""

import shutil
from pathlib import Path

import pytest
from helpers.clips import read
from helpers.films import Colourise

NAMES = [
    "12:30 wedding.mp4",
    "1943-05-01T12:30.mp4",
    "subfile,,start,0,end,9,,:a.mp4",
    "Scene:1/f.mp4",
    "a%03d.mp4",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dot", ["", "./"])
def test_a_name_with_a_colon_is_that_of_a_file(
    colourise: Colourise, film: Path, monkeypatch: pytest.MonkeyPatch, name: str, dot: str
) -> None:
    monkeypatch.chdir(film.parent)
    Path(name).parent.mkdir(exist_ok=True)
    shutil.copy(film, name)
    result = colourise(dot + name, "-o", f"{dot}to:{name}")
    assert result.exit_code == 0, result.stderr
    assert read(Path.cwd() / f"to:{name}")[0] == read(film)[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ffconcat", "ffconcat version 1.0\nfile film.mp4\n"),
        ("a.txt", "ffconcat version 1.0\nfile 'film.mp4'\n"),
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfilm.ts\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nfilm.ts\n#EXT-X-ENDLIST\n"),
        ("a.mpd", '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'),
        ("a.sdp", "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"),
    ],
)
def test_a_playlist_is_refused_in_one_line(colourise: Colourise, film: Path, name: str, text: str) -> None:
    playlist = film.with_name(name)
    playlist.write_text(text)
    shutil.copy(film, film.with_suffix(".ts"))
    result = colourise(playlist, "-o", film.with_name("b.mp4"))
    assert result.exit_code == 1
    assert "only names other files, which are not opened; name a film" in " ".join(result.stderr.split())
    assert result.stderr.count("\n") <= 3  # it is one line, which the terminal breaks
    assert not film.with_name("b.mp4").exists()


@pytest.mark.parametrize("suffix", ["hls", "dash", "tee", "null", "rtp"])
def test_an_output_is_one_file(
    colourise: Colourise, film: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    (empty := film.with_name("empty")).mkdir()
    monkeypatch.chdir(empty)
    result = colourise(film, "-o", f"b.{suffix}")
    assert result.exit_code == 1
    assert "no film can have this suffix" in result.stderr
    assert list(empty.iterdir()) == []
