"""How good films are: `colourise eval --video`."""

import json
from pathlib import Path

import numpy as np
from helpers.clips import pan, write
from helpers.films import Colourise


def test_eval_scores_a_colour_film_frame_by_frame_and_steadied(colourise: Colourise, tmp_path: Path) -> None:
    frames = pan("coffee.jpg", 16) + pan("chelsea.jpg", 12)
    chance = np.random.default_rng(0)
    frames = [np.clip(frame + chance.normal(0, 4, (64, 96, 1)), 0, 255).astype(np.uint8) for frame in frames]
    source = write(tmp_path / "a.mkv", frames, options={"crf": "5"})
    result = colourise("eval", "--video", source, "--json")
    assert result.exit_code == 0, result.stderr
    rows = {
        name.rpartition(", ")[2].rpartition(": ")[2].split()[0]: row
        for name, row in json.loads(result.stdout).items()
    }
    assert set(rows) == {"truth", "frame", "steadied"}
    assert {(row["frames"], row["scenes"]) for row in rows.values()} == {(28, 2)}
    assert rows["truth"]["psnr_ab"] is None  # infinite
    assert rows["steadied"]["warp_error"] < 0.6 * rows["frame"]["warp_error"]
    assert all(row["cdc"] > 0 and row["cdc_ab"] > 0 and row["colourfulness"] > 0 for row in rows.values())
    assert rows["steadied"]["psnr_ab"] > rows["frame"]["psnr_ab"] - 0.2


def test_eval_takes_photos_or_films(colourise: Colourise, film: Path) -> None:
    for arguments, told in [
        ([], "--video"),
        (["--video", film, "--data", film.parent], "give one of the two"),
        (["--video", film, "--lpips"], "--lpips is for photos"),
    ]:
        result = colourise("eval", *arguments)
        assert result.exit_code == 2
        assert told in " ".join(result.stderr.replace("│", " ").split())
    result = colourise("eval", "--video", film)
    assert result.exit_code == 0
    assert "24 frames, 2 scenes" in result.stdout
