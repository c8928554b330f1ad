"""Real processes on a real store: killed, stopped, started again, and two at once."""

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
from trainer.runs.checkpoint import read_checkpoint

RUN = "deciwatch-2.1-seed3"
OPTIONS = ["--model", "deciwatch", "--exp", "2.1", "--seed", "3", "--max-epochs", "6"]
OPTIONS += ["--device", "cpu", "--threads", "1", "--checkpoint-minutes", "0.01"]
PATIENCE_S = 300  # the machine may be busy


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of sample annotations."""
    folder = tmp_path_factory.mktemp("sample")
    labels = folder / "raw" / "penn_action" / "labels"
    for command in (
        ["sample", folder / "raw", "--clips", 8],
        ["preprocess", "--penn-action", labels, "--actions", "all", "--out", folder / "store"],
    ):
        result = CliRunner().invoke(pipeline, [str(word) for word in command])
        assert result.exit_code == 0, result.output
    return folder / "store"


@pytest.fixture(scope="module")
def start(store):
    """Start a training process of its own, often saving within epochs; none outlives the tests."""
    started = []

    def begin(runs):
        command = [sys.executable, "-m", "trainer", "train", *OPTIONS, "--store", str(store)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([*command, "--out", str(runs)], **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def undisturbed(start, tmp_path_factory):
    runs = tmp_path_factory.mktemp("undisturbed")
    finish(start(runs))
    return runs / RUN


def finish(process, code=0):
    """Wait for a process to end as expected; what it said on stderr."""
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, errors
    return errors


def wait_until(condition, process):
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < give_up
        time.sleep(0.01)


def state(run):
    file = run / "state.json"
    return json.loads(file.read_text()) if file.exists() else {}


def assert_same_run(found, expected):
    for name in ("history.csv", "results.csv", "results.json", "scores.npz"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    for name in ("best.pt", "last.pt"):
        one, other = read_checkpoint(found / name), read_checkpoint(expected / name)
        for key, tensor in other["model"].items():
            assert torch.equal(one["model"][key], tensor), (name, key)
    assert not list(found.glob(".*.tmp"))


@pytest.mark.slow  # fault rows 2, 9 and 10 do the same with processes that start faster
def test_killed_then_stopped_a_run_ends_as_if_undisturbed(start, undisturbed, tmp_path):
    run = tmp_path / RUN

    process = start(tmp_path)
    wait_until((run / "history.csv").exists, process)
    time.sleep(0.1)  # into the second epoch
    process.kill()
    finish(process, -signal.SIGKILL)
    assert not (run / "results.json").exists()
    reached = read_checkpoint(run / "last.pt")["epoch"]
    assert reached >= 2

    process = start(tmp_path)
    wait_until(lambda: state(run).get("pid") == process.pid, process)
    process.send_signal(signal.SIGSTOP)  # so that it is alive, however long the next one takes
    errors = finish(start(tmp_path), 1)
    assert errors.startswith("error: ")
    assert f"process {process.pid} on {os.uname().nodename}" in errors
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    assert f"continues in epoch {reached}" in finish(process, 75)
    assert state(run)["state"] == "preempted"

    finish(start(tmp_path))
    assert state(run)["state"] == "finished"
    assert_same_run(run, undisturbed)
