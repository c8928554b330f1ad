"""The status of runs as an onlooker sees it, while they run or after they died."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import write_json
from pose_smoother.files.lock import exclusive_lock
from trainer.cli import main
from trainer.runs.folder import RunFolder
from trainer.runs.layout import RunState
from trainer.runs.status import RunStatus, live_status, overview
from trainer.runs.status_table import _age, write_table


def owner(runs, name, pid, host=None, silent_s=0.0):
    file = runs / f".{name}.owner.json"
    file.write_text(json.dumps({"pid": pid, "host": host or socket.gethostname(), "since": 0}))
    os.utime(file, (time.time() - silent_s,) * 2)


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def runs(tmp_path):
    for name, state in (
        ("a-1.1-seed0", {"state": "running"}),
        ("b-1.1-seed0", {"state": "preempted"}),
        ("c-1.1-seed0", {"state": "failed", "error": "RunError: not\nfinite"}),
        ("d-1.1-seed0", {"state": "running"}),
    ):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "state.json", state)
    (tmp_path / "e-1.1-seed0").mkdir()
    for name in ("config.json", "results.json", "results.csv"):
        (tmp_path / "e-1.1-seed0" / name).write_text("{}")
    statuses = [RunStatus(f"{name}-1.1-seed0", RunState.PENDING) for name in "abcdef"]
    write_table(tmp_path / "sweep.csv", statuses)
    (tmp_path / ".logs").mkdir()
    return tmp_path


def test_each_state_is_distinguished(runs, dead_pid):
    owner(runs, "a-1.1-seed0", os.getpid())
    owner(runs, "d-1.1-seed0", dead_pid)
    found = {sight.run[0]: sight for sight in overview(runs)}
    assert {name: sight.state for name, sight in found.items()} == {
        "a": "running",
        "b": "stopped",
        "c": "failed",
        "d": "lost",
        "e": "finished",
        "f": "pending",
    }
    assert found["c"].reason == "RunError: not finite"
    assert found["f"].silent_s is None
    assert 0 <= found["a"].silent_s < 60


def test_signs_of_life_count_not_the_state(runs, dead_pid):
    name = "a-1.1-seed0"
    assert live_status(runs / name).state == "lost"  # nobody holds it
    owner(runs, name, os.getpid(), silent_s=3600)
    assert live_status(runs / name).state == "lost"  # the number may be another process's by now
    owner(runs, name, dead_pid, host="elsewhere", silent_s=20)
    assert live_status(runs / name).state == "running"  # another machine's, heard of 20 s ago
    owner(runs, name, dead_pid, host="elsewhere", silent_s=120)
    assert live_status(runs / name).state == "lost"
    owner(runs, "b-1.1-seed0", os.getpid())
    assert live_status(runs / "b-1.1-seed0").state == "running"  # it goes on
    (runs / f".{name}.owner.json").write_text("{")
    assert live_status(runs / name).state == "lost"


def test_a_live_run_is_not_disturbed(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.set_state("running")
        before = sorted(p.name for p in tmp_path.rglob("*"))
        (found,) = overview(tmp_path)
        assert found.state == "running"
        assert sorted(p.name for p in tmp_path.rglob("*")) == before
    with exclusive_lock(tmp_path / "run"):
        pass


def test_the_command_prints_a_table_or_json(runs):
    printed = CliRunner().invoke(main, ["status", str(runs)])
    assert printed.exit_code == 0, printed.output
    lines = printed.stdout.splitlines()
    assert len(lines) == 8
    assert lines[0].split() == ["run", "state", "epochs", "val", "PCK@0.2", "last", "sign"]
    assert lines[3].split()[:2] == ["c-1.1-seed0", "failed"]
    assert lines[3].endswith("RunError: not finite")
    assert lines[-1] == "6 runs: 1 failed, 2 lost, 1 stopped, 1 pending, 1 finished"
    rows = json.loads(CliRunner().invoke(main, ["status", str(runs), "--json"]).stdout)
    assert rows[5] == {
        "run": "f-1.1-seed0",
        "state": "pending",
        "epochs": None,
        "best_val_pck": None,
        "sign_of_life_s": None,
        "reason": "",
    }


def test_no_runs_is_one_line(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        overview(tmp_path)
    result = CliRunner().invoke(main, ["status", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert result.stderr == f"error: no folder {tmp_path / 'none'}\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (150, "2 min"), (9000, "2 h"), (2e5, "2 d")]
)
def test_ages(seconds, text):
    assert _age(seconds) == text
