"""States as run folders tell them, and as a table."""

import csv

import pytest

from pose_smoother.files.atomic import write_json
from tests.trainer.fake_store import make_store
from trainer.runs.folder import RunFolder
from trainer.runs.layout import RunState
from trainer.runs.status import RunStatus, read_status
from trainer.runs.status_table import sweep_table, write_table
from trainer.training.config import TrainConfig
from trainer.training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    config = TrainConfig("deciwatch", "1.1", max_epochs=2, max_steps=1, device="cpu")
    train(config, make_store(n_clips=10, n_frames=12), runs)
    return runs / config.run_name


def test_a_finished_run(run):
    status = read_status(run)
    assert (status.run, status.state, status.epochs) == (run.name, "finished", 2)
    with (run / "history.csv").open() as file:
        best = max(float(row["val_pck_0.2"]) for row in csv.DictReader(file))
    assert status.best_val_pck == best
    assert status.minutes > 0


def test_results_that_were_cut_off_are_not_finished(run, tmp_path):
    for name in ("history.csv", "timing.csv", "state.json", "results.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    assert read_status(tmp_path).state == "stopped"
    (tmp_path / "results.csv").write_bytes((run / "results.csv").read_bytes())
    assert read_status(tmp_path).state == "finished"


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        ({"state": "running"}, "stopped", ""),  # the process that wrote it is no more
        ({"state": "preempted"}, "stopped", ""),
        ({"state": "failed", "error": "RunError: not finite"}, "failed", "RunError: not finite"),
    ],
)
def test_an_unfinished_run(tmp_path, told, state, reason):
    write_json(tmp_path / "state.json", told)
    assert read_status(tmp_path) == RunStatus(tmp_path.name, RunState(state), reason=reason)


def test_no_run_and_a_damaged_one(tmp_path):
    assert read_status(tmp_path / "none") == RunStatus("none", RunState.PENDING)
    with RunFolder(tmp_path / "run") as folder:
        folder.set_state("running")
    (tmp_path / "run" / "history.csv").write_text("epoch,train\n1")
    status = read_status(tmp_path / "run")
    assert status.state == "stopped"
    assert "history.csv is damaged: expected the columns" in status.reason


def test_the_table_has_a_line_a_run_and_the_counts():
    statuses = [
        RunStatus("deciwatch-1.1-seed0", RunState.FINISHED, 23, 71.234, 12.34),
        RunStatus("3dconv-1.1-seed0", RunState.FAILED, 0, None, None, "disk full"),
        RunStatus("baselines-1.1-seed0", RunState.FINISHED),
    ]
    lines = sweep_table(statuses).splitlines()
    assert lines[0] == (
        "deciwatch-1.1-seed0  finished   epoch 23  best val PCK@0.2  71.23   12.3 min"
    )
    assert lines[1].startswith("3dconv-1.1-seed0     failed     epoch  0")
    assert lines[1].endswith("disk full")
    assert lines[2:] == ["baselines-1.1-seed0  finished", "3 runs: 1 failed, 2 finished"]


def test_the_csv_has_a_row_a_run_whatever_the_reason(tmp_path):
    statuses = [
        RunStatus("a", RunState.FINISHED, 2, 1.5, 0.25),
        RunStatus("b", RunState.FAILED, reason="=1\n\x1b[0m"),
    ]
    write_table(tmp_path / "sweep.csv", statuses)
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "run": "a",
        "state": "finished",
        "epochs": "2",
        "best_val_pck": "1.5",
        "minutes": "0.25",
        "reason": "",
    }
    assert rows[1]["reason"] == "'=1 [0m"
