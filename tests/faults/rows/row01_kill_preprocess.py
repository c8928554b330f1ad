"""Row 1: preprocess killed at random moments, and at every kind of step of a commit."""

import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults import servers, shim
from tests.faults.harness import Attempt
from tests.faults.shim import Shim
from tests.faults.stores import content, differences, labels
from tests.faults.warm import Warm

NUMBER, FAULT = 1, "SIGKILL of preprocess"
TRIES, SHARE = 761, 2  # 500 at random, and 261 named steps
_CHAIN = 4  # kills one after another before a build may end
_FORMATS = ("zarr", "hdf5")


@dataclass
class Ready:
    """What an undisturbed build gives, its length, and the operation of each named step."""

    program: Warm
    shim: Shim
    labels: Path
    whole: dict[str, dict[str, str]]
    seconds: float
    steps: list[tuple[str, str, int]]  # in a mixed order

    def command(self, out: Path, kind: str, n_workers: int) -> list[object]:
        """The command of a build."""
        words = ["preprocess", "--penn-action", self.labels, "--out", out, "--format", kind]
        return [*words, "--workers", n_workers]


def needs() -> str:
    """The shim."""
    return shim.lacking()


def prepare(folder: Path) -> Ready:
    """Undisturbed builds, watched."""
    source = labels(folder, (9, 262, 9, 9, 9, 9))
    watcher = servers.watcher()
    ready = Ready(servers.server("pipeline"), watcher, source, {}, 0.0, [])
    for kind in _FORMATS:
        out = folder / "watched"
        out.mkdir(exist_ok=True)
        watcher.set(out, shim.COUNT, trace=True)
        ended = ready.program.run(ready.command(out / kind, kind, 1), folder / "log")
        watcher.off()
        assert ended.code == 0, ended.said
        ready.whole[kind] = content(out / kind)
        ready.seconds = max(ready.seconds, ended.seconds)
        named: dict[str, int] = {}
        for number, operation in enumerate(watcher.operations()):
            named.setdefault(f"{operation.kind} {_what(operation.path, out)}", number)
        ready.steps += [(kind, step, number) for step, number in named.items()]
    np.random.default_rng(NUMBER).shuffle(ready.steps)
    return ready


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Kill a build once at a named step, or some times at random; then let it end."""
    out = folder / "place" / "store"
    out.parent.mkdir()
    log = folder / "log"
    found = Attempt(0)
    if index % 2 == 0 and index // 2 < len(ready.steps):
        kind, step, number = ready.steps[index // 2]
        n_workers, case = 1, f"{kind} at {step}"
        ready.shim.set(out.parent, shim.KILL, at=number)
        ended = ready.program.run(ready.command(out, kind, 1), log)
        ready.shim.off()
        found.tries = 1
        if ended.code != -signal.SIGKILL:
            found.problems.append(f"{case}: it was not killed ({ended.code}): {ended.said[-200:]}")
    else:
        kind, n_workers = _FORMATS[index // 2 % 2], 1 + index // 4 % 2
        case = f"{kind}, {n_workers} workers, killed at random"
        for _ in range(_CHAIN):
            if _is_finished(out):  # killed after all was done: the command would only say so
                break
            before = _shards(out)
            started = ready.program.start(ready.command(out, kind, n_workers), log)
            time.sleep(rng.uniform(0, ready.seconds))
            started.signal(signal.SIGKILL, group=bool(rng.integers(2)))
            ended = started.wait()
            if ended.code != -signal.SIGKILL:
                if ended.code != 0:
                    found.problems.append(f"{case}: exit code {ended.code}: {ended.said[-300:]}")
                break
            found.tries += 1
            _count_again(before, _shards(out), n_workers, case, found)
    before = _shards(out)
    if not _is_finished(out) or list(out.parent.glob(".store.*")):  # notes of a dead holder's lock
        ended = ready.program.run(ready.command(out, kind, n_workers), log)
        if ended.code != 0:
            found.problems.append(f"{case}: the rerun ended with {ended.code}: {ended.said[-300:]}")
    _count_again(before, _shards(out), n_workers, case, found)
    if harm := differences(content(out), ready.whole[kind]):
        found.problems.append(f"{case}: {harm}")
    give_up = time.monotonic() + 60  # workers of a killed build end when they see that it is gone
    while (strays := [p.name for p in out.parent.iterdir() if p != out]) and (
        time.monotonic() < give_up
    ):
        time.sleep(0.2)
    if strays:
        found.problems.append(f"{case}: left {strays}")
    found.tries = max(1, found.tries)
    return found


def _is_finished(out: Path) -> bool:
    """Whether a store is whole and its build has nothing left to clean up."""
    at_work = [out.with_name(f".store.{name}").exists() for name in ("building", "work")]
    return (out / "MANIFEST.json").exists() and not any(at_work)


def _what(path: str, root: Path) -> str:
    """The kind of thing a path is: names without numbers and random parts."""
    name = path.removeprefix(str(root.resolve()))
    name = re.sub(r"\.[a-z0-9_]{8}\.tmp", ".tmp", name)
    name = re.sub(r"^/\.(zarr|hdf5)\.", "/", name)
    name = re.sub(r"/(train|val|test)/", "/split/", name)
    name = re.sub(r"/(clips|split)/[a-z_0-9]+", r"/\1/array", name)
    return re.sub(r"\d+", "N", name)


def _shards(out: Path) -> dict[str, int]:
    """Shards on the disk and their inodes: of the store, or where its build has them.

    What a command computes again to compare a finished store with is no shard of it.
    """
    found = {}
    places = (out.with_name(".store.building"), out.with_name(".store.work") / "parts")
    for place in (out,) if (out / "MANIFEST.json").exists() else places:
        for file in place.rglob("*"):
            name = file.relative_to(place).as_posix()
            shard = re.match(r"(train|val|test)/.*(/c/|\.h5$)", name)
            if shard and file.is_file() and not file.name.startswith("."):
                found[name] = file.stat().st_ino
    return found


def _count_again(
    before: dict[str, int], after: dict[str, int], n_workers: int, case: str, found: Attempt
) -> None:
    """Count the shards that were whole before a kill and were made again after it."""
    again = [name for name, node in before.items() if after.get(name, node) != node]
    found.notes["shards made again"] = max(len(again), found.notes.get("shards made again", 0))
    if len(again) > n_workers:
        found.problems.append(f"{case}: {len(again)} shards were made again: {again[:5]}")
