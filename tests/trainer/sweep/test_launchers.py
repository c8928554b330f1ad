"""Groups of made-up runs, in a thread and in submitit's local executor."""

import io
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.lock import exclusive_lock
from tests.trainer.sweep.test_supervisor import SCRIPT, an_hour_passes_when, events, states
from trainer.runs.signals import Interrupt
from trainer.sweep.job import Job
from trainer.sweep.jobs import job_of
from trainer.sweep.launchers import job_group
from trainer.sweep.launchers.cli import launcher_of
from trainer.sweep.launchers.job_group import ClusterJob, JobGroup, grouped_runs
from trainer.sweep.launchers.queue import Queue
from trainer.sweep.progress_display import ProgressDisplay
from trainer.sweep.supervisor import Supervisor, SweepOptions

PATIENCE_S = 300


@pytest.fixture
def out(tmp_path):
    (tmp_path / "job.py").write_text(SCRIPT)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def jobs(out, *names):
    script = str(out.parent / "job.py")
    return tuple(
        Job(
            name,
            {"deed": name.split("-")[0]},
            (sys.executable, "-S", script, str(out / name), name.split("-")[0]),
        )
        for name in names
    )


def wait_until(condition):
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


class Threads:
    """A launcher whose cluster is a thread; for each group it notes the runs."""

    def __init__(self, out, runs_per_job):
        self.out, self.runs_per_job = out, runs_per_job
        self.begun = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def begin(self, jobs):
        self.begun.append([job.name for job in jobs])
        return grouped_runs(InThread(JobGroup(tuple(jobs), self.out, 1, self.out / "stop")))


class InThread(ClusterJob):
    def __init__(self, group):
        super().__init__(group)
        self.found = None
        self.thread = threading.Thread(target=self._make)
        self.thread.start()

    def _make(self):
        self.found = self.group()

    def is_done(self):
        return not self.thread.is_alive()

    def result(self):
        return self.found


def sweep(out, launcher, *names, **options):
    options = SweepOptions(**{"n_jobs": 1, "again": True, **options})
    display = ProgressDisplay(io.StringIO(), live=False)
    return Supervisor(jobs(out, *names), out, options, Interrupt(), display, launcher).run()


def test_runs_share_a_job_and_only_what_is_left_comes_again(out):
    launcher = Threads(out, 2)
    found = sweep(out, launcher, "flaky-1", "ok-1", "fail-1")
    assert states(found) == {"flaky-1": "finished", "ok-1": "finished", "fail-1": "failed"}
    assert launcher.begun == [["flaky-1", "ok-1"], ["fail-1", "flaky-1"]]


def test_the_time_is_up_for_packs_too(out, monkeypatch):
    an_hour_passes_when(monkeypatch, out, "begin slow-1", "end ok-1")
    found = sweep(out, Threads(out, 2), "slow-1", "ok-1", "slow-2", max_minutes=30)
    assert states(found) == {"slow-1": "stopped", "ok-1": "finished", "slow-2": "pending"}
    assert ["end", "slow-1", "1"] in events(out)  # it was asked, and could save


def test_a_group_waits_for_the_process_of_a_dead_worker(out, monkeypatch):
    monkeypatch.setattr(job_group, "_WAIT_FOR_LOCK_S", 30)
    group = JobGroup(jobs(out, "ok-1"), out, 1, out / "stop")
    held, free = threading.Event(), threading.Event()

    def other():
        with exclusive_lock(out / "ok-1"):
            held.set()
            free.wait()

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    threading.Timer(1.0, free.set).start()
    assert group() == {"ok-1": ("finished", "")}
    thread.join()
    assert group() == {"ok-1": ("finished", "")}  # again: nothing is begun
    assert [line[:2] for line in events(out)] == [["begin", "ok-1"], ["end", "ok-1"]]
    monkeypatch.setattr(job_group, "_WAIT_FOR_LOCK_S", 0.1)
    with exclusive_lock(out / "ok-2"):
        assert JobGroup(jobs(out, "ok-2"), out, 1, out / "stop")()["ok-2"][0] == "stopped"


def test_a_job_that_dies_is_reported_by_its_runs_folders(out):
    class Dead(ClusterJob):
        def is_done(self):
            return True

        def result(self):
            raise OSError("the machine is gone")

    for name in ("results.json", "results.csv"):
        (out / "ok-1").mkdir(exist_ok=True)
        (out / "ok-1" / name).touch()
    handles = grouped_runs(Dead(JobGroup(jobs(out, "ok-1", "ok-2"), out, 1, out / "stop")))
    assert handles["ok-1"].outcome() == ("finished", "")
    assert handles["ok-2"].outcome() == ("lost", "OSError: the machine is gone")


def children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_queue_that_takes_a_job_off_its_machine_gives_it_back(out):
    pytest.importorskip("submitit")
    parameters = {"timeout_min": 10}
    (moved,) = jobs(out, "moved-1")
    with Queue(out, 1, 1, "local", parameters, out / "stop") as queue:
        (handle,) = queue.begin([moved]).values()
        wait_until((out / "moved-1" / "tried").exists)
        (task,) = children(int(handle.remote._job.job_id))
        os.kill(task, signal.SIGUSR2)  # what SLURM sends by submitit's wish
        wait_until(lambda: handle.outcome() is not None)
        assert handle.outcome() == ("finished", "")
    words = [word for word, *_ in events(out)]
    assert words == ["begin", "end", "begin", "end"]  # it was asked, saved, and came again


ASKED = {
    "launcher": "submitit",
    "cluster": "local",
    "runs_per_gpu": 3,
    "gpus": 1,
    "partition": "gpu",
    "job_minutes": 60,
    "queue_options": ("slurm_account=me", "mem_gb=16"),
}


def test_what_is_asked_of_the_queue_reaches_submitit(tmp_path):
    made = launcher_of(tmp_path, 2, **ASKED)
    assert isinstance(made, Queue)
    assert made.runs_per_job == 3
    assert made.parameters == {
        "timeout_min": 60,
        "cpus_per_task": 6,
        "gpus_per_node": 1,
        "name": "pose-sweep",
        "slurm_account": "me",
        "mem_gb": 16,
        "slurm_partition": "gpu",
    }


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"launcher": "local"}, "--partition and --queue-option go with --launcher submitit"),
        ({"queue_options": ("mem",)}, "expected --queue-option NAME=VALUE, got 'mem'"),
    ],
)
def test_options_of_another_launcher_are_reported(tmp_path, wrong, text):
    with pytest.raises(InvalidInputError, match=text):
        launcher_of(tmp_path, 1, **{**ASKED, **wrong})


def test_an_unknown_option_of_the_queue_is_one_line(tmp_path):
    pytest.importorskip("submitit")
    made = launcher_of(tmp_path, 1, **{**ASKED, "queue_options": ("colour=red",)})
    with pytest.raises(InvalidInputError, match=r"submitit: .*colour"):
        made.__enter__()


def test_a_model_of_several_processes_is_begun_by_torchrun():
    from tests.trainer.fake_store import make_store
    from trainer.evaluation.baselines import BaselinesConfig
    from trainer.training.config import TrainConfig

    store = make_store(n_clips=5, n_frames=6)
    together = job_of(TrainConfig("deciwatch", "1.1"), store, Path("runs"), 5.0, 4).command
    assert together[1:8] == (
        *("-m", "trainer.distributed.launch", "--nproc-per-node", "4"),
        *("-m", "trainer", "train"),
    )
    alone = job_of(BaselinesConfig("1.1"), store, Path("runs"), 5.0, 4).command
    assert alone[1:4] == ("-m", "trainer", "baselines")
