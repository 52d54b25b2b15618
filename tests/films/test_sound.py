"""Sound that the container cannot hold as it is becomes something that it can hold, to the sample."""

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import pan, read, write
from helpers.films import CASES, Colourise

ADPCM = CASES / "ms-adpcm.avi"


def samples(path: Path) -> tuple[float, int, np.ndarray]:
    """When a film's sound begins, in seconds; samples a second; and the samples (channels, N), -1 to 1."""
    with av.open(str(path)) as film:
        frames = list(film.decode(audio=0))
    parts = []
    for frame in frames:
        part = frame.to_ndarray()
        part = part if frame.format.is_planar else part.reshape(-1, frame.layout.nb_channels).T
        parts.append(part / -np.iinfo(part.dtype).min if part.dtype.kind == "i" else part)
    return frames[0].time, frames[0].sample_rate, np.concatenate(parts, 1)


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "flac"), ("mp4", "flac"), ("mov", "pcm_s16le")])
def test_adpcm_becomes_lossless_sound(colourise: Colourise, tmp_path: Path, suffix: str, codec: str) -> None:
    target = tmp_path / f"b.{suffix}"
    result = colourise(ADPCM, "-o", target)
    assert result.exit_code == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert f"its sound (adpcm_ms) becomes {codec[:4].strip('_').upper()[:4]}" in told
    assert "without loss" in told
    assert "nut" not in told
    with av.open(str(target)) as after:
        assert after.streams.audio[0].codec_context.name == codec
    (begin, rate, before), (begins, rates, now) = samples(ADPCM), samples(target)
    assert (begins, rates) == (begin, rate)
    assert np.array_equal(now, before)


def test_ts_gets_aac_that_plays_with_the_pictures(colourise: Colourise, tmp_path: Path) -> None:
    target = tmp_path / "b.ts"
    result = colourise(ADPCM, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "its sound (adpcm_ms) becomes AAC" in " ".join(result.stderr.split())
    begin, rate, now = samples(target)
    before = samples(ADPCM)[2][0]
    late = round((float(read(target)[0][0]) - begin) * rate)  # the encoder's run-up
    now = now[0, late : late + len(before)]
    assert np.corrcoef(now, before[: len(now)])[0, 1] > 0.99
    assert len(now) == len(before)


@pytest.mark.parametrize("codec", ["wmav2", "pcm_alaw", "adpcm_ima_wav", "adpcm_yamaha"])
def test_other_sound_keeps_its_samples_and_its_place(
    colourise: Colourise, tmp_path: Path, codec: str
) -> None:
    suffix = "wmv" if codec == "wmav2" else "avi"
    source = write(
        tmp_path / f"a.{suffix}", pan("coffee.jpg", 24), codec="mpeg4", sound=1, sound_codec=codec, rate=22050
    )
    result = colourise(source)
    assert result.exit_code == 0, result.stderr
    assert "becomes FLAC without loss" in " ".join(result.stderr.split())
    target = tmp_path / "a.colourised.mkv"
    (begin, rate, before), (begins, rates, now) = samples(source), samples(target)
    assert rates == rate
    assert now.shape == before.shape
    assert np.abs(now - before).max() < 2**-22
    shift = [float(read(path)[0][0]) for path in (source, target)]
    assert begins - shift[1] == pytest.approx(begin - shift[0], abs=0.001)


def test_a_part_has_the_samples_of_that_part(colourise: Colourise, tmp_path: Path) -> None:
    assert colourise(ADPCM, "-o", tmp_path / "b.mkv", "--start", "0.2", "--end", "0.8").exit_code == 0
    begin, rate, now = samples(tmp_path / "b.mkv")
    assert begin == 0
    assert np.array_equal(now, samples(ADPCM)[2][:, round(0.2 * rate) : round(0.8 * rate)])


def test_a_gap_in_the_sound_is_kept(colourise: Colourise, tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mkv", pan("coffee.jpg", 48), sound=2, sound_codec="pcm_s16le", rate=22050)
    source = tmp_path / "b.mkv"
    with av.open(str(whole)) as given, av.open(str(source), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in given.streams}
        for packet in given.demux():
            inside = packet.size and packet.stream.type == "audio" and 0.5 < packet.pts * packet.time_base < 1
            if packet.size and not inside:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    target = tmp_path / "b.ts"
    assert colourise(source, "-o", target).exit_code == 0
    begin, rate, now = samples(target)
    late = round((float(read(target)[0][0]) - begin) * rate)
    loud = np.abs(now[0, late:]).reshape(-1)
    assert loud[round(0.6 * rate) : round(0.9 * rate)].max() < 0.05
    assert loud[round(1.1 * rate) : round(1.2 * rate)].max() > 0.2
    assert len(loud) == pytest.approx(2 * rate, abs=2048)


def test_a_copied_stream_stays_as_it_is(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", pan("coffee.jpg", 24), sound=1, sound_codec="pcm_s16le")
    for suffix in (
        "mp4",
        "flv",
        "mkv",
    ):  # FFmpeg fails or aborts in two of them, if nobody says where channels lie
        target = tmp_path / f"b.{suffix}"
        result = colourise(source, "-o", target)
        assert result.exit_code == 0, result.stderr
        assert "sound" not in result.stderr
        assert np.array_equal(samples(target)[2], samples(source)[2])
    assert Fraction(0) == read(tmp_path / "b.mkv")[0][0]


def test_streams_stay_in_order(colourise: Colourise, tmp_path: Path) -> None:
    films = [
        write(tmp_path / f"{codec}.mov", pan("coffee.jpg", 24), sound=1, sound_codec=codec)
        for codec in ("pcm_alaw", "aac")
    ]
    source = tmp_path / "a.mov"
    with av.open(str(films[0])) as one, av.open(str(films[1])) as two, av.open(str(source), "w") as out:
        wanted = [*one.streams.video, *one.streams.audio, *two.streams.audio]
        copies = {id(stream): out.add_stream_from_template(stream, opaque=True) for stream in wanted}
        for packet in itertools.chain(one.demux(), two.demux(audio=0)):
            if packet.size:
                packet.stream = copies[id(packet.stream)]
                out.mux(packet)
    result = colourise(source, "-o", tmp_path / "b.mkv")
    assert result.exit_code == 0, result.stderr
    with av.open(str(tmp_path / "b.mkv")) as after:
        assert [stream.codec_context.name for stream in after.streams.audio] == ["flac", "aac"]
