"""Jobs side by side: made-up processes that finish, fail, crash, or run until they are stopped."""

import csv
import io
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest

from pose_smoother.errors import Interrupted, RunError
from pose_smoother.files.lock import LockedError, exclusive_lock
from trainer.runs.signals import Interrupt
from trainer.runs.status import SWEEP_CSV
from trainer.sweep import supervisor
from trainer.sweep.job import Job
from trainer.sweep.launchers import local
from trainer.sweep.progress_display import ProgressDisplay
from trainer.sweep.run_process import begin
from trainer.sweep.supervisor import Supervisor, SweepOptions, UnfinishedError, verdict

#: What a job does: ``python job.py FOLDER DEED --parent PID``; it tells when it was at work.
SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path
folder, deed = Path(sys.argv[1]), sys.argv[2]
def at_work(word):
    with open(folder.parent / "events.txt", "a") as file:
        file.write(f"{word} {folder.name} {os.environ['OMP_NUM_THREADS']}\\n")
def saved(*_):
    at_work("end")
    sys.exit(75)
signal.signal(signal.SIGTERM, saved)
folder.mkdir(exist_ok=True)
identity = {"deed": "slow" if deed == "quick" else deed}
(folder / "config.json").write_text(json.dumps({"identity": identity}))
at_work("begin")
if deed == "fail":
    print("working")
    print("error: no\\x1b luck")
    sys.exit(1)
tried = folder / "tried"
if deed in ("flaky", "dies", "moved") and not tried.exists():
    tried.touch()
    if deed == "flaky":
        saved()
    if deed == "moved":
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)
if deed == "pair":  # ends when another was at work beside it
    give_up = time.monotonic() + 120
    events = folder.parent / "events.txt"
    while events.read_text().count("begin") < 2 and time.monotonic() < give_up:
        time.sleep(0.01)
if deed == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep({"slow": 600, "long": 3}.get(deed, 0.2))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "results.json").write_text("{}")
(folder / "results.csv").write_text("")
at_work("end")
"""


@pytest.fixture
def make(tmp_path):
    """A supervisor of jobs that do what their names begin with."""
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    out = tmp_path / "runs"
    out.mkdir()

    def build(*names, interrupt=None, deeds=None, **options):
        deeds = {name: name.split("-")[0] for name in names} | (deeds or {})
        jobs = [
            Job(
                name,
                {"deed": name.split("-")[0], "noise": "fresh"},
                (sys.executable, "-S", str(script), str(out / name), deeds[name]),
            )
            for name in names
        ]
        build.told = io.StringIO()
        display = ProgressDisplay(build.told, live=False)
        return Supervisor(jobs, out, SweepOptions(**options), interrupt or Interrupt(), display)

    build.out = out
    return build


class StopWhen(Interrupt):
    """A signal comes when a file tells of these runs."""

    def __init__(self, file, words, number):
        super().__init__()
        self._file, self._words, self._number = file, words, number

    @property
    def signum(self):
        return self._number if tells(self._file, *self._words) else None

    @signum.setter
    def signum(self, number):
        pass


def tells(file, *words):
    """Whether a file exists and holds these words."""
    return file.exists() and all(word in file.read_text() for word in words)


def an_hour_passes_when(monkeypatch, out, *words):
    """Let the supervisor's clock jump once the events hold these words, however slow they come."""

    def clock():
        return time.monotonic() + (3600 if tells(out / "events.txt", *words) else 0)

    fake = SimpleNamespace(monotonic=clock, sleep=time.sleep)
    monkeypatch.setattr(supervisor, "time", fake)


def events(out):
    return [line.split() for line in (out / "events.txt").read_text().splitlines()]


def states(statuses):
    return {status.run: status.state for status in statuses}


def test_each_ends_in_its_own_way_and_none_takes_another_down(make):
    found = make("ok-1", "crash-1", "fail-1", "ok-2", n_jobs=2, threads=3).run()
    assert states(found) == {
        "ok-1": "finished",
        "crash-1": "failed",
        "fail-1": "failed",
        "ok-2": "finished",
    }
    with (make.out / SWEEP_CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["state"]) for row in rows] == [(s.run, s.state) for s in found]
    with pytest.raises(RunError) as failed:
        verdict(found, Interrupt())
    assert "2 of 4 runs failed" in str(failed.value)
    assert "crash-1: ended by SIGKILL: out of memory?" in str(failed.value)
    assert "fail-1: no luck" in str(failed.value)
    assert "working" in (make.out / ".logs" / "fail-1.txt").read_text()
    assert {threads for *_, threads in events(make.out)} == {"3"}
    verdict([status for status in found if status.state == "finished"], Interrupt())


def test_as_many_at_a_time_as_asked(make):
    names = [f"pair-{i}" for i in range(1, 6)]
    make(*names, n_jobs=2).run()
    at_work, most = 0, 0
    for word, *_ in events(make.out):
        at_work += {"begin": 1, "end": -1}[word]
        most = max(most, at_work)
    assert most == 2
    begun = [line for line in make.told.getvalue().splitlines() if "running" in line]
    assert [line.split()[1] for line in begun] == names


def test_what_is_finished_is_not_run_again_and_what_failed_is(make):
    make("ok-1", "fail-1").run()
    n_before = len(events(make.out))
    again = make("ok-1", "fail-1").run()
    assert events(make.out)[n_before:] == [["begin", "fail-1", "1"]]
    assert states(again) == {"ok-1": "finished", "fail-1": "failed"}
    assert make.told.getvalue().startswith("2 runs, 1 of them finished; 1 at a time")


def test_a_kill_while_the_table_was_written_leaves_nothing_behind(make):
    stray, of_others = make.out / ".sweep.csv.a1b2.tmp", make.out / ".other.a1b2.tmp"
    for file in (stray, of_others):
        file.write_text("run,sta")
    make("ok-1").run()
    assert not stray.exists()
    assert of_others.exists()  # whoever writes it may be alive


def test_the_time_is_up(make, monkeypatch):
    an_hour_passes_when(monkeypatch, make.out, "begin slow-1")
    found = make("ok-1", "slow-1", "slow-2", "ok-2", n_jobs=1, max_minutes=30).run()
    assert states(found) == {
        "ok-1": "finished",
        "slow-1": "stopped",
        "slow-2": "pending",
        "ok-2": "pending",
    }
    assert ["end", "slow-1", "1"] in events(make.out)  # it was asked, and could save
    with pytest.raises(
        UnfinishedError, match="3 of 4 runs are unfinished; the same command continues"
    ) as left:
        verdict(found, Interrupt())
    assert left.value.exit_code == 75
    quick = {"slow-1": "quick", "slow-2": "quick"}
    found = make("ok-1", "slow-1", "slow-2", "ok-2", deeds=quick).run()
    assert set(states(found).values()) == {"finished"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_stops_all_and_starts_no_more(make, number, code):
    interrupt = StopWhen(make.out / "events.txt", ("slow-1", "slow-2"), number)
    sweep = make("slow-1", "slow-2", "ok-1", n_jobs=2, interrupt=interrupt)
    found = sweep.run()
    assert states(found) == {"slow-1": "stopped", "slow-2": "stopped", "ok-1": "pending"}
    with pytest.raises(Interrupted) as stopped:
        verdict(found, interrupt)
    assert stopped.value.exit_code == code


def test_a_run_that_can_not_stop_is_ended_after_a_while(make, monkeypatch):
    monkeypatch.setattr(supervisor, "_GRACE_S", 0.5)
    script = make.out.parent / "job.py"
    an_hour_passes_when(monkeypatch, make.out, "begin slow-1")
    sweep = make("slow-1", max_minutes=30)
    script.write_text(SCRIPT.replace("SIGTERM, saved", "SIGTERM, signal.SIG_IGN"))
    (status,) = sweep.run()
    assert status.state == "failed"
    assert "SIGKILL" in status.reason


def test_leaving_in_a_hurry_leaves_no_process_behind(make, monkeypatch):
    children = []

    def hurried(*arguments):
        children.append(begin(*arguments))
        raise KeyboardInterrupt

    def kept(self, names):
        try:
            real(self, names)
        finally:
            if names:
                self._processes[names[0]] = children[0]

    real = Supervisor._begin
    monkeypatch.setattr(local, "begin", hurried)
    monkeypatch.setattr(Supervisor, "_begin", kept)
    with pytest.raises(KeyboardInterrupt):
        make("slow-1").run()
    assert children[0].process.returncode == -signal.SIGKILL


def test_a_terminal_s_ctrl_c_does_not_reach_the_runs(make):
    job = make("slow-1")._jobs["slow-1"]
    process = begin(job, make.out, 1)
    try:
        assert os.getpgid(process.process.pid) != os.getpgrp()
    finally:
        process.kill()


def test_two_sweeps_on_one_folder_do_not_collide(make):
    with (
        exclusive_lock(make.out / SWEEP_CSV),
        pytest.raises(
            LockedError, match=rf"{SWEEP_CSV} is being written by process {os.getpid()} on"
        ),
    ):
        make("ok-1").run()
    assert not (make.out / "ok-1").exists()


def test_a_run_in_other_hands_is_waited_for(make):
    def other():
        with exclusive_lock(make.out / "ok-1"):
            held.set()
            released.wait(20)

    held, released = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    held.wait(20)
    sweep = make("ok-1", "ok-2", interrupt=(look := ReleaseAfter(make.out, released)))
    found = sweep.run()
    thread.join()
    assert look.state_then == "locked"
    assert states(found) == {"ok-1": "finished", "ok-2": "finished"}
    assert [name for word, name, _ in events(make.out) if word == "begin"] == ["ok-2", "ok-1"]


class ReleaseAfter(Interrupt):
    """No signal comes; the other run is let go once the second one is finished."""

    def __init__(self, out, released):
        self._out, self._released = out, released
        self.state_then = None
        super().__init__()

    @property
    def signum(self):
        table = self._out / SWEEP_CSV
        if "ok-2,finished" in table.read_text() and not self._released.is_set():
            (row,) = [r for r in table.read_text().splitlines() if r.startswith("ok-1")]
            self.state_then = row.split(",")[1]
            self._released.set()
        return None

    @signum.setter
    def signum(self, number):
        pass


def test_a_finished_run_of_another_configuration_is_not_taken_for_this_one(make):
    make("ok-1").run()
    file = make.out / "ok-1" / "config.json"
    file.write_text(json.dumps({"identity": {"deed": "ok", "max_steps": 1}}))
    (status,) = make("ok-1").run()
    assert status.state == "failed"
    assert "belongs to another configuration (max_steps: here 1, asked None)" in status.reason
    assert len(events(make.out)) == 2


def test_live_lines_are_redrawn_and_others_stay():
    stream = io.StringIO()
    display = ProgressDisplay(stream, live=True)
    display.write("begun")
    display.show(["a", "b"])
    display.show(["c"])
    display.write("done")
    assert stream.getvalue() == "begun\na\nb\n\x1b[2F\x1b[Jc\n\x1b[1F\x1b[Jdone\n"


def test_where_nobody_watches_lines_are_not_redrawn():
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    assert not display.is_due
    display.show(["a"])
    display.write("b")
    assert stream.getvalue() == "a\nb\n"


def test_the_running_ones_are_shown(make, monkeypatch):
    monkeypatch.setattr("trainer.sweep.progress_display._REPEAT_S", 0.15)
    began = time.monotonic()
    make("long-1").run()
    lines = [line for line in make.told.getvalue().splitlines() if "running" in line]
    assert len(lines) >= 2  # when it began, and while it ran
    assert time.monotonic() - began < 120


def test_as_in_a_queue_what_was_preempted_or_died_is_begun_again(make, monkeypatch):
    monkeypatch.setattr(supervisor, "MOST_DEATHS", 3)
    found = make("flaky-1", "dies-1", "crash-1", "fail-1", "ok-1", n_jobs=2, again=True).run()
    assert states(found) == {
        "flaky-1": "finished",
        "dies-1": "finished",
        "crash-1": "failed",
        "fail-1": "failed",
        "ok-1": "finished",
    }
    begun = [name for word, name, _ in events(make.out) if word == "begin"]
    expected = {"flaky-1": 2, "dies-1": 2, "crash-1": 3, "fail-1": 1, "ok-1": 1}
    assert Counter(begun) == expected
    assert states(make("flaky-2").run()) == {"flaky-2": "stopped"}  # here once


def test_torchruns_flattened_exit_code_is_read_from_the_state(make):
    script = make.out.parent / "job.py"
    state = '(folder / "state.json").write_text(json.dumps({"state": "preempted"}))'
    script.write_text(SCRIPT.replace("sys.exit(75)", f"{state}; sys.exit(1)"))
    assert states(make("flaky-1").run()) == {"flaky-1": "stopped"}
    script.write_text(SCRIPT.replace("sys.exit(1)", "sys.exit(1)  # an older state is not its own"))
    (make.out / "fail-1").mkdir()
    (make.out / "fail-1" / "state.json").write_text(json.dumps({"state": "preempted"}))
    assert states(make("fail-1").run()) == {"fail-1": "failed"}
