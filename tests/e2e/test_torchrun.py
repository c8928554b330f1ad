"""The command under torchrun: stopped and gone on with by another number of processes; one killed.

That the numbers are those of one process is in tests/trainer/distributed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.cli import main as pipeline
from pose_smoother.files.lock import exclusive_lock
from tests.pipeline.penn_files import write_labels

RUN = "deciwatch-2.1-seed0"
PATIENCE_S = 300
N_EPOCHS = 40  # so many that a signal finds the run at work, on a busy machine too
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    labels = write_labels(folder / "labels", [14] * 5, ["bowl"])
    command = ["preprocess", "--penn-action", labels, "--actions", "all", "--out", folder / "store"]
    result = CliRunner().invoke(pipeline, [str(word) for word in command])
    assert result.exit_code == 0, result.output
    return folder / "store"


@pytest.fixture
def start(store, tmp_path):
    """Start a run by one process or two; none outlives the test."""
    started = []

    def begin(n_processes):
        words = [sys.executable, "-m", *(TORCHRUN if n_processes == 2 else ()), "trainer", "train"]
        words += ["--model", "deciwatch", "--exp", "2.1", "--max-steps", "2"]
        words += ["--max-epochs", str(N_EPOCHS)]
        words += ["--device", "cpu", "--threads", "1", "--checkpoint-minutes", "0"]
        started.append(
            subprocess.Popen(
                [*words, "--store", str(store), "--out", str(tmp_path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.terminate()  # torchrun ends its processes
        process.communicate(timeout=PATIENCE_S)


def ranks_of(torchrun):
    """Process ids of torchrun's processes, by rank."""
    found = {}
    for pid in Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text().split():
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found |= {int(w.removeprefix(b"RANK=")): int(pid) for w in words if w.startswith(b"RANK=")}
    return found


def wait_for_an_epoch(run):
    give_up = time.monotonic() + PATIENCE_S
    while not (run / "history.csv").exists():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def state(run):
    return json.loads((run / "state.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)], ids=["2-1", "1-2"])
def test_a_run_goes_on_with_another_number_of_processes(start, tmp_path, before, after):
    run = tmp_path / RUN
    first = start(before)
    wait_for_an_epoch(run)
    signalled = ranks_of(first)[1] if before == 2 else first.pid  # not the one that writes
    os.kill(signalled, signal.SIGTERM)
    _, errors = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == (1 if before == 2 else 75), errors  # torchrun has but one code
    assert errors.count("the same command continues the run") == 1  # told by rank 0 alone
    assert state(run)["state"] == "preempted"
    with exclusive_lock(run):
        pass
    rows_before = (run / "history.csv").read_text()
    n_before = len(rows_before.splitlines()) - 1
    assert 1 <= n_before < N_EPOCHS
    second = start(after)
    printed, errors = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, errors
    assert errors.count("continues in epoch") == 1
    assert printed.count("test results:") == 1
    assert (run / "history.csv").read_text().startswith(rows_before)
    assert pd.read_csv(run / "history.csv")["epoch"].tolist() == list(range(1, N_EPOCHS + 1))
    assert state(run)["state"] == "finished"
    assert len(pd.read_csv(run / "results.csv")) > 0
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_dies_ends_the_others_and_is_named(start, tmp_path, killed):
    run = tmp_path / RUN
    torchrun = start(2)
    wait_for_an_epoch(run)
    pid = ranks_of(torchrun)[killed]
    os.kill(pid, signal.SIGKILL)
    _, errors = torchrun.communicate(timeout=PATIENCE_S)
    assert torchrun.returncode == 1
    told = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert told == [
        f"error: rank {killed} (process {pid}) of 2 ended, so all stop; "
        "the same command continues from the last checkpoint"
    ]
    assert state(run)["state"] == ("running" if killed == 0 else "lost")  # 0 can't tell any more
    with exclusive_lock(run):
        pass
    again = start(1)
    _, errors = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, errors
    assert len(pd.read_csv(run / "history.csv")) == N_EPOCHS
