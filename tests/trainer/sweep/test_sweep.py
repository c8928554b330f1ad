"""The whole command on a small real store: killed and started again, stopped, and its options."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from click.testing import CliRunner

from pipeline.cli import main as pipeline
from pose_smoother.files.lock import LockedError, exclusive_lock
from pose_smoother.store.open import open_store
from tests.pipeline.penn_files import write_labels
from trainer.cli import main
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.runs.results_io import load
from trainer.training.config import TrainConfig
from trainer.training.train import train

MODELS, EXPERIMENTS = ("deciwatch", "3dconv"), ("1.2",)
QUICK = {"max_epochs": 1, "max_steps": 1, "device": "cpu", "threads": 1}
NAMES = [f"{m}-{e}-seed0" for m in ("baselines", *MODELS) for e in EXPERIMENTS]
PATIENCE_S = 300  # the machine may be busy


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of a few short clips."""
    folder = tmp_path_factory.mktemp("short")
    labels = write_labels(folder / "labels", [14] * 5, ["bowl"])
    command = ["preprocess", "--penn-action", labels, "--actions", "all", "--out", folder / "store"]
    result = CliRunner().invoke(pipeline, [str(word) for word in command])
    assert result.exit_code == 0, result.output
    return folder / "store"


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory):
    """The same runs, made one by one in this process."""
    runs, n_threads = tmp_path_factory.mktemp("undisturbed"), torch.get_num_threads()
    with open_store(store) as opened:
        for model in MODELS:
            for experiment in EXPERIMENTS:
                train(TrainConfig(model, experiment, **QUICK), opened, runs)
        for experiment in EXPERIMENTS:
            baselines(BaselinesConfig(experiment), opened, runs)
    torch.set_num_threads(n_threads)
    return runs


def start(store, out, *options):
    words = [sys.executable, "-m", "trainer", "sweep", "--store", store, "--out", out]
    for name, value in QUICK.items():
        words += [f"--{name.replace('_', '-')}", value]
    return subprocess.Popen(
        [str(word) for word in (*words, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_held(folder):
    try:
        with exclusive_lock(folder):
            return False
    except LockedError:
        return True


def wait_until(condition):
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.mark.slow  # fault row 12 does the same with processes that start faster
def test_killed_and_started_again_every_run_is_there_once(store, undisturbed, tmp_path):
    grid = ["--models", ",".join(MODELS), "--exps", ",".join(EXPERIMENTS), "--jobs", "2"]
    sweep = start(store, tmp_path, *grid)
    models = [tmp_path / name for name in NAMES[1:]]
    wait_until(lambda: any((model / "config.json").exists() for model in models))
    sweep.kill()
    sweep.communicate()
    wait_until(lambda: not any(is_held(tmp_path / name) for name in NAMES))
    assert not (models[-1] / "results.csv").exists()

    again = start(store, tmp_path, *grid)
    printed, errors = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, errors
    assert "3 runs: 3 finished" in printed
    with (tmp_path / "sweep.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == NAMES
    for name in NAMES:
        for expected in undisturbed.glob(f"{name}/*.csv"):
            if expected.name != "timing.csv":  # seconds differ
                found = tmp_path / name / expected.name
                assert found.read_bytes() == expected.read_bytes(), found
    table = load(tmp_path)
    assert not table.duplicated(table.columns.difference(["value", "n"])).any()
    assert len(list(tmp_path.glob("*/results.csv"))) == len(NAMES)
    assert not list(tmp_path.rglob(".*.tmp"))


def test_ctrl_c_stops_its_runs_and_says_how_to_go_on(store, tmp_path):
    run = tmp_path / "deciwatch-1.2-seed0"
    options = ["--models", "deciwatch", "--exps", "1.2", "--no-baselines", "--max-epochs", "5000"]
    sweep = start(store, tmp_path, *options)
    wait_until((run / "history.csv").exists)
    sweep.send_signal(signal.SIGINT)
    printed, errors = sweep.communicate(timeout=PATIENCE_S)
    assert sweep.returncode == 130
    assert "the same command continues" in errors
    assert "1 runs: 1 stopped" in printed
    assert not is_held(run)
    assert json.loads((run / "state.json").read_text())["state"] == "preempted"


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--models", "unet", "unknown model 'unet'; known: 3dconv"),
        ("--exps", "", "expected 'all' or names"),
        ("--seeds", "1,b", "expected seeds such as 0,1,2, got '1,b'"),
    ],
)
def test_a_wrong_value_is_one_line_and_leaves_nothing(tmp_path, option, value, text):
    out = tmp_path / "runs"
    command = ["sweep", "--store", str(tmp_path), "--out", str(out), option, value]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert text in result.stderr
    assert not out.exists()


def test_a_process_whose_parent_is_gone_stops(tmp_path):
    code = "import sys, time; from trainer.runs.signals import stop_with_parent; "
    code += "stop_with_parent(int(sys.argv[1])); time.sleep(600)"
    mine = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])
    orphan = subprocess.Popen([sys.executable, "-c", code, str(os.getppid())])
    assert orphan.wait(PATIENCE_S) == -signal.SIGTERM
    assert mine.poll() is None
    mine.kill()
    mine.wait()
