"""Row 9: two processes on one output; dead holders and holders on other machines."""

import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.runs import RUN, run_differences, train_words
from tests.faults.stores import content, differences, labels
from tests.faults.warm import Ended

NUMBER, FAULT = 9, "two processes on one output"
TRIES, SHARE = 100, 5
_LEAVES_WITHIN_S = 30.0  # at once; but the machine may be busy
_WAYS = ("first running", "at once", "holder killed", "alive elsewhere", "dead elsewhere")


@dataclass
class Ready:
    """What both programs give undisturbed."""

    labels: Path
    store: Path
    to_train: Path
    run: Path

    def command(self, task: str, place: Path) -> list[object]:
        """A command that writes below ``place``."""
        if task == "trainer":
            return train_words(self.to_train, place)
        return ["preprocess", "--penn-action", self.labels, "--out", place / "store"]

    def harm(self, task: str, place: Path) -> str:
        """What is wrong with what a task made."""
        if task == "trainer":
            return run_differences(place / RUN, self.run)
        strays = [p.name for p in place.iterdir() if p.name != "store"]
        return differences(content(place / "store"), content(self.store)) or " ".join(strays)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """Undisturbed results."""
    source = labels(folder, (24, 40, 24, 12, 9))
    to_train, (run, _) = servers.store_to_train(), servers.undisturbed_run()
    return Ready(source, servers.build(source, folder / "store"), to_train, run)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Let two processes, or one and a trace of another, meet."""
    way, task = _WAYS[index % len(_WAYS)], ("pipeline", "trainer")[index // len(_WAYS) % 2]
    place = folder / "place"
    place.mkdir()
    target = place / ("store" if task == "pipeline" else RUN)
    one, two = servers.server(task), servers.server(task, 1)
    words, found, case = ready.command(task, place), Attempt(), f"{task}, {way}"
    if way.endswith("elsewhere"):
        _leave_owner(target, age_s=1.0 if way.startswith("alive") else 300.0)
        ended = two.run(words, folder / "log2")
        if way.startswith("alive"):
            _must_leave(ended, "process 12345 on elsewhere", case, found)
            _owner(target).unlink()
            ended = two.run(words, folder / "log2")
        if ended.code != 0:
            found.problems.append(f"{case}: exit code {ended.code}: {ended.said[-200:]}")
    else:
        held = False
        first = one.start(words, folder / "log1")
        if way != "at once":
            _wait_for(target)
        if way == "holder killed":
            first.signal(signal.SIGKILL)
            first.wait()
        else:
            time.sleep(rng.uniform(0, 0.05) if way == "at once" else 0)
        if way == "first running":
            first.signal(signal.SIGSTOP)  # so that it is alive, however busy the machine is
            held = _owner(target).exists()  # a busy machine may have stopped it only after its end
        second = two.start(words, folder / "log2")
        ended = second.wait()
        first.signal(signal.SIGCONT)
        codes = [ended] if way == "holder killed" else [first.wait(), ended]
        losers = [end for end in codes if end.code]
        if way == "first running" and held:
            _must_leave(ended, f"process {first.pid} on {socket.gethostname()}", case, found)
        elif len(losers) > 1 or (losers and way == "holder killed"):
            found.problems.append(f"{case}: {[end.said[-200:] for end in losers]}")
        for loser in losers:
            if not any(t in loser.said for t in ("is being written by", "already exists")):
                found.problems.append(f"{case}: {loser.said[-200:]}")
    if harm := ready.harm(task, place):
        found.problems.append(f"{case}: {harm}")
    return found


def _must_leave(ended: Ended, holder: str, case: str, found: Attempt) -> None:
    found.notes["slowest to leave, s"] = ended.seconds
    if ended.code != 1 or holder not in ended.said:
        found.problems.append(f"{case}: expected {holder} in {ended.code}: {ended.said[-200:]}")
    if ended.seconds > _LEAVES_WITHIN_S:
        found.problems.append(f"{case}: it left after {ended.seconds:.1f} s")


def _owner(target: Path) -> Path:
    return target.with_name(f".{target.name}.owner.json")


def _leave_owner(target: Path, age_s: float) -> None:
    """The note of a holder on another machine, last touched some time ago."""
    note = {"pid": 12345, "host": "elsewhere", "since": time.time() - 1000}
    _owner(target).write_text(json.dumps(note))
    then = time.time() - age_s
    os.utime(_owner(target), (then, then))


def _wait_for(target: Path) -> None:
    give_up = time.monotonic() + 60
    while not _owner(target).exists() or not _owner(target).stat().st_size:
        if time.monotonic() > give_up:
            raise TimeoutError("the first process did not begin")
        time.sleep(0.002)
