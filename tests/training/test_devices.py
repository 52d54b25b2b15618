"""Precision, signals and several processes."""

import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace

import pytest
import torch
from helpers.commands import ROOT
from helpers.training import ALIKE, GAN, TINY, weights_of
from torch.utils.data import DataLoader

from colourise.data.crops import Crops
from colourise.errors import TrainingError
from colourise.models.networks import registry
from colourise.training.devices import ignore_interruptions, mixed_precision
from colourise.training.loop import train


def test_a_kill_that_reaches_the_readers_too_leaves_them_alive(photos):
    """SLURM and systemd kill a whole group; the master still needs its readers until it has saved."""
    crops = Crops(photos, sizes=(32,), length=40, batch=4, seed=0)
    reading = iter(DataLoader(crops, 4, num_workers=1, worker_init_fn=ignore_interruptions))
    next(reading)
    (reader,) = multiprocessing.active_children()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(reader.pid, number)
    assert len(list(reading)) == 9
    assert reader.exitcode == 0
    reading = iter(DataLoader(crops, 4, num_workers=1, worker_init_fn=ignore_interruptions))
    next(reading)
    (reader,) = multiprocessing.active_children()
    reader.terminate()
    assert next(reading)[0].shape == (4, 1, 32, 32)
    with pytest.raises(RuntimeError, match=r"killed by signal: Terminated"):  # or Python would wait at exit
        reader.terminate()
        time.sleep(5)


def test_two_processes_learn_what_one_does(photos, tmp_path):
    """`accelerate launch` on two CPU processes (gloo), against one process over the same batches."""
    import subprocess

    arguments = [
        *(
            "train",
            "--recipe",
            "pix2pix",
            "--data",
            str(photos[0].parent),
            "--held-out",
            str(photos[0].parent),
        ),
        *("--precision", "fp32", "--workers", "0", "--set", "batch=4", "--set", "images=32"),
        *("--set", "sizes=32", "--set", "input_size=32", "--set", "lr=0.01", "--set", "arguments.levels=5"),
        *("--set", "arguments.width=4", "--set", "arguments.dropout=0", "--set", "arguments.norm=instance"),
        *("--set", "discriminator.width=4", "--set", "discriminator.norm=instance", "-o"),
    ]
    launch = [*("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1")]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    commands = {
        "two": [sys.executable, *launch, "-m", "colourise", *arguments],
        "one": [sys.executable, "-m", "colourise", *arguments],
    }
    photo = photos[0].parent / "held-out"
    photo.mkdir()
    photos[0].rename(photo / "00.jpg")
    for command in commands.values():
        command[command.index("--held-out") + 1] = str(photo)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.run([*command, str(tmp_path / name)], env=environment, capture_output=True, timeout=180)
        for name, command in commands.items()
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr.decode()
    assert runs[0].stderr.decode().count("photos to learn from") == 1
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    torch.manual_seed(0)  # as the runs
    start_ = registry.build("unet", levels=5, width=4, dropout=0.0, norm="instance").state_dict()
    moved = max((one[name] - start_[name]).abs().max().item() for name in one)
    assert moved > 0.02
    assert all(torch.allclose(one[name], two[name], rtol=1e-2, atol=2e-3) for name in one)


def test_accelerate_launch_chooses_the_precision_where_we_do_not(monkeypatch):
    gpu = torch.device("cuda", 0)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    assert (mixed_precision("auto", gpu), mixed_precision("fp32", gpu)) == ("fp16", "no")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # what it says if it was not told
    assert mixed_precision("bf16", gpu) == "bf16"


def test_parts_of_a_batch_and_a_gan_are_not_for_fp16(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("colourise.training.devices.mixed_precision", lambda precision, device: "fp16")
    with pytest.raises(
        TrainingError, match=r"accumulate=2: not in fp16 with discriminators.*--precision bf16"
    ):
        train(replace(GAN, accumulate=2), photos, photos, tmp_path / "run")


def test_parts_of_a_batch_add_up_to_the_batch(photos, tmp_path):
    config = replace(TINY, arguments=TINY.arguments | ALIKE, lr=1e-2)
    for accumulate in (1, 2):
        train(
            replace(config, accumulate=accumulate),
            photos,
            photos[:1],
            tmp_path / f"in-{accumulate}",
            precision="fp32",
            workers=0,
        )
    one, two = weights_of(tmp_path / "in-1"), weights_of(tmp_path / "in-2")
    assert all(torch.allclose(one[name], two[name], rtol=1e-2, atol=2e-3) for name in one)
