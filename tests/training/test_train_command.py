"""`colourise train` as people see it: lines, a table of scores, and what is left when it is done."""

import pytest
from typer.testing import CliRunner

from colourise.cli import progress
from colourise.cli.commands import app

SMALL = ("--recipe", "colourise", "--workers", "0", "--score-every", "2")
SETTINGS = {
    "architecture": "unet",
    "arguments.levels": 5,
    "arguments.width": 4,
    "sizes": 32,
    "batch": 4,
    "images": 16,
    "feature_weight": 0,
    "input_size": 32,
}


@pytest.fixture
def run(photos, tmp_path):
    """Runs a tiny training by the command, with more options."""

    def trained(*more):
        settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
        folder = photos[0].parent
        words = ["train", "--data", folder, "-o", tmp_path / "runs" / "mine", *SMALL, *settings, *more]
        return CliRunner().invoke(app, list(map(str, words)))

    return trained


def test_a_log_has_short_lines_and_a_table_of_scores(run, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    result = run()
    assert result.exit_code == 0, result.stderr
    lines = result.stderr.splitlines()
    folder = tmp_path / "runs" / "mine"
    assert lines[0] == f"11 photos to learn from, 1 held out; the run is {folder}"
    assert lines[1] == f"all losses and scores: tensorboard --logdir {folder}"
    told = [line for line in lines[2:-1] if not line.startswith("batch ")]
    heads = ["batch", "JS", "a", "JS", "b", "psnr_ab", "psnr_rgb", "SSIM", "delta", "E", "of", "truth"]
    assert [told[0].split(), told[3].split()] == [heads, heads]
    assert [told[2].split()[0], told[5].split()[0]] == ["2", "4"]
    assert len({len(line) for line in told}) == 1  # columns stand below each other
    assert [line for line in lines if line.startswith("batch 4 of 4 (")]
    assert all(len(line) <= 80 for line in lines[2:-1])
    assert lines[-1].startswith(f"trained {folder / 'mine.json'}; try: ")


def test_what_a_finished_run_leaves(run, tmp_path):
    folder = tmp_path / "runs" / "mine"
    assert run().exit_code == 0
    assert {path.name for path in folder.iterdir() if path.suffix in (".pt", ".json", ".safetensors")} == {
        "mine.json",
        "mine.safetensors",
    }
    before = (folder / "mine.safetensors").stat().st_mtime_ns
    again = run()
    assert again.exit_code == 0
    assert "trained" in again.stderr
    assert (folder / "mine.safetensors").stat().st_mtime_ns == before
    other = run("--set", "lr=0.5")
    assert other.exit_code == 1
    assert "started with another lr; give the same settings, or another run folder" in other.stderr
    assert (folder / "mine.safetensors").stat().st_mtime_ns == before


def test_resume_pt_stays_when_asked(run, tmp_path):
    assert run("--keep").exit_code == 0
    assert (tmp_path / "runs" / "mine" / "resume.pt").exists()
    assert run().exit_code == 0
    assert not (tmp_path / "runs" / "mine" / "resume.pt").exists()
