"""Row 11: reader threads and worker processes that are killed, hang or raise."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import shards
from pose_smoother.errors import PoseSmootherError
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from tests.faults import servers
from tests.faults.harness import Attempt
from tests.faults.nursery import workers_of
from tests.faults.stores import content, differences, labels
from trainer.data.stored import reader
from trainer.runs import checkpoint
from trainer.training.config import TrainConfig
from trainer.training.train import train

NUMBER, FAULT = 11, "readers and workers killed, hung or raising"
TRIES, SHARE = 60, 5
_WAYS = ("reader hangs", "reader raises", "reader dies", "worker killed", "worker hangs")
_TIMEOUT_S = 2.0


@dataclass
class Ready:
    """A store to train from, and a build to disturb."""

    to_train: Path
    labels: Path
    whole: dict[str, str]
    seconds: float
    n_reads: int


_CONFIG = TrainConfig(
    "3dconv", "1.2", max_epochs=3, max_steps=1, batch_size=2, targets="stored", device="cpu"
)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """A store, and an undisturbed build."""
    source = labels(folder / "p", (300, 40, 24, 12, 9))
    began = time.monotonic()
    whole = content(servers.build(source, folder / "p" / "store"))
    seconds = time.monotonic() - began
    with open_store(servers.store_to_train()) as store:
        counted = _Stubborn(store, 10_000, lambda: None)
        undisturbed: Any = counted
        train(_CONFIG, undisturbed, folder / "runs")
    return Ready(servers.store_to_train(), source, whole, seconds, 10_000 - counted.left)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Disturb a run or a build once."""
    way = _WAYS[index % len(_WAYS)]
    found = Attempt()
    if way.startswith("reader"):
        _disturb_reader(ready, folder, rng, way, found)
    else:
        _disturb_worker(ready, folder, rng, way, found)
    return found


class _Stubborn:
    """A store whose heatmaps can't be read from the n-th time on."""

    def __init__(self, store: Store, n_good: int, fault: Callable[[], None]) -> None:
        self._store, self.left, self._fault = store, n_good, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, split: str, name: str, start: int = 0, stop: int | None = None) -> Any:
        if name == "heatmaps":
            self.left -= 1
            if self.left < 0:
                self._fault()
        return self._store.read(split, name, start, stop)


def _disturb_reader(
    ready: Ready, folder: Path, rng: np.random.Generator, way: str, found: Attempt
) -> None:
    released = threading.Event()

    def fault() -> None:
        if way == "reader hangs":
            released.wait(60)
        elif way == "reader raises":
            raise OSError(5, "Input/output error", "train/heatmaps")
        else:
            raise SystemExit  # ends the thread

    before, reader.READ_TIMEOUT_S = reader.READ_TIMEOUT_S, _TIMEOUT_S
    reader_join, reader._JOIN_S = reader._JOIN_S, 0.2
    began, error = time.monotonic(), ""
    try:
        with open_store(ready.to_train) as store:
            odd: Any = _Stubborn(store, int(rng.integers(2, ready.n_reads)), fault)
            train(_CONFIG, odd, folder, checkpoint_minutes=0)
    except (PoseSmootherError, SystemExit) as caught:
        error = f"{type(caught).__name__} {caught}"
    finally:
        reader.READ_TIMEOUT_S, reader._JOIN_S = before, reader_join
        released.set()
    found.notes["slowest, s"] = time.monotonic() - began
    named = "shard" in error or "input/output error" in error or "SystemExit" in error
    if not named:
        found.problems.append(f"{way}: {error or 'nothing was noticed'}")
    try:
        checkpoint.load_last(folder / _CONFIG.run_name)
    except PoseSmootherError as damage:
        found.problems.append(f"{way}: {damage}")


def _disturb_worker(
    ready: Ready, folder: Path, rng: np.random.Generator, way: str, found: Attempt
) -> None:
    out, log = folder / "place" / "store", folder / "log"
    out.parent.mkdir()
    words: list[object] = ["preprocess", "--penn-action", ready.labels, "--out", out]
    number = signal.SIGKILL if way == "worker killed" else signal.SIGSTOP
    program = servers.server("pipeline")
    began = time.monotonic()
    limits = {
        "pipeline.shards:SHARD_TIMEOUT_S": _TIMEOUT_S,
        "pipeline.build_steps:_CLOSE_TIMEOUT_S": 5.0,
    }
    disturbed = program.start(words, log, settings=limits)
    _disturb(disturbed.pid, out, float(rng.uniform(0, ready.seconds)), number)
    ended = disturbed.wait()
    found.notes["slowest, s"] = time.monotonic() - began
    clear = ("worker that wrote shard", "worker that closed the store", "worker processes")
    if ended.code and (ended.code != 1 or not any(text in ended.said for text in clear)):
        found.problems.append(f"{way}: exit code {ended.code}: {ended.said[-300:]}")
    if not (out / "MANIFEST.json").exists() and (ended := program.run(words, log)).code:
        found.problems.append(f"{way}: the rerun ended with {ended.code}: {ended.said[-300:]}")
    if harm := differences(content(out), ready.whole):
        found.problems.append(f"{way}: {harm}")


def _disturb(parent: int, out: Path, moment_s: float, number: int) -> None:
    """Send a worker a signal, some time after the first shard was begun, if it is still there."""
    journal = out.parent / ".store.work" / shards.JOURNAL
    while not journal.exists() and Path(f"/proc/{parent}").exists():
        time.sleep(0.002)
    time.sleep(moment_s)
    with suppress(ProcessLookupError, IndexError):
        os.kill(workers_of(parent)[0], number)
