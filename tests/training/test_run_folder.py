"""What a run leaves: rows, TensorBoard's files, and nothing of another run."""

import pytest
from helpers.training import GAN, TINY, rows_of

from colourise.errors import ColouriseError, TrainingError
from colourise.training.config import TrainConfig
from colourise.training.events import HeldOutScored
from colourise.training.loop import train
from colourise.training.run_folder import rewind


def test_tensorboard_has_losses_scores_and_previews(photos, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(GAN, photos, photos[:1], tmp_path / "run", score_every=4)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/pixel", "train/adversarial", "train/real", "held_out/js_a"} <= set(tags["scalars"])
    assert [event.step for event in events.Images("preview")] == [4, 8]
    assert [event.value for event in events.Scalars("held_out/psnr_rgb")] == pytest.approx(
        [float(row["psnr_rgb"]) for row in rows_of(tmp_path / "run")]
    )


def test_rows_beyond_the_last_save_are_dropped(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text("step,pixel\n4,1.0\n8,0.5\n12,0.")
    rewind(file, 4)
    assert file.read_text() == "step,pixel\n4,1.0\n"
    rewind(file, 0)
    assert not file.exists()  # a run that begins anew may have other columns


def test_a_run_that_begins_anew_leaves_no_rows_of_the_old_one(photos, tmp_path):
    class KilledError(Exception):
        pass

    def kill(event):
        if isinstance(event, HeldOutScored):
            raise KilledError

    with pytest.raises(KilledError):  # after the first row, and before the first save
        train(TINY, photos, photos[:1], tmp_path / "run", workers=0, score_every=4, on_event=kill)
    assert [row["step"] for row in rows_of(tmp_path / "run")] == ["4"]
    train(TINY, photos, photos[:1], tmp_path / "run", workers=0, score_every=4)
    assert [row["step"] for row in rows_of(tmp_path / "run")] == ["4", "8"]


@pytest.mark.parametrize(
    "name",
    ["resume.pt", "metrics.csv", "preview-000004.jpg", "run.json", "tensorboard", "tensorboard/events"],
)
def test_a_run_writes_through_no_link(photos, tmp_path, name):
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(ColouriseError, match=f"^{link}: is a link, through which nothing is written; remove"):
        train(TINY, photos, photos[:1], tmp_path / "run", workers=0)
    assert not (tmp_path / "victim").exists()


def test_links_of_other_names_are_left_alone(photos, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "photos").symlink_to(tmp_path)
    train(TINY, photos, photos[:1], tmp_path / "run", workers=0)
    assert (tmp_path / "run" / "run.json").is_file()


@pytest.mark.parametrize("keep", [False, True])
def test_a_run_is_not_continued_with_other_settings(photos, tmp_path, keep):
    train(TINY, photos, photos[:1], tmp_path / "run", keep=keep)
    with pytest.raises(TrainingError, match="started on other photos; give the same --data"):
        train(TINY, photos[:5], photos[:1], tmp_path / "run")
    with pytest.raises(TrainingError, match="another lr; give the same settings, or another run folder"):
        train(TrainConfig(**{**vars(TINY), "lr": 0.5}), photos, photos[:1], tmp_path / "run")
