"""Reading the sources: raw files are parsed in worker processes, which may crash and be replaced.

Damaged files can crash a parser outright, so no file is ever parsed in the main process; results
come back in the order of the files, whatever the number of workers.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from types import TracebackType

from pipeline.contract.errors import BadInput
from pipeline.contract.files import sha256_bytes
from pipeline.sources import Clip, Item, source

BATCH_FILES = 16


@dataclass(frozen=True)
class Outcome:
    """What became of one input file: its clips, or the reason why it was rejected."""

    dataset: str
    name: str
    sha256: str
    clips: list[Clip]
    reason: str = ""


class Workers:
    """A pool of processes that is made anew after a crash."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = max(1, n_workers)
        self._pool: ProcessPoolExecutor | None = None

    @property
    def pool(self) -> ProcessPoolExecutor:
        """The running pool; started on first use, by spawning (no inherited threads or handles)."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.n_workers, mp_context=context)
        return self._pool

    def renew(self) -> None:
        """Drop a broken pool."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)


def parse_items(dataset: str, items: list[Item]) -> list[Outcome]:
    """Parse some raw files; never raises for what is inside them (runs in a worker)."""
    parse = source(dataset).parse
    outcomes = []
    for item in items:
        digest = sha256_bytes(item.data)
        try:
            outcomes.append(Outcome(dataset, item.name, digest, parse(item)))
        except BadInput as error:
            outcomes.append(Outcome(dataset, item.name, digest, [], str(error)))
        except Exception as error:
            reason = f"parser failed: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
            outcomes.append(Outcome(dataset, item.name, digest, [], reason))
    return outcomes


def scan(dataset: str, items: Iterable[Item], workers: Workers) -> Iterator[Outcome]:
    """Outcomes of all raw files of a source, in order; only a few batches are held at a time."""
    stream = iter(items)
    waiting: deque[tuple[list[Item], Future[list[Outcome]]]] = deque()
    while True:
        while len(waiting) < 2 * workers.n_workers + 1:
            batch = list(islice(stream, BATCH_FILES))
            if not batch:
                break
            waiting.append((batch, _submit(workers, dataset, batch)))
        if not waiting:
            return
        batch, future = waiting.popleft()
        try:
            yield from future.result()
        except BrokenProcessPool:
            yield from _one_by_one(dataset, batch, workers)
            waiting = deque((b, _submit(workers, dataset, b)) for b, _ in waiting)


def _submit(workers: Workers, dataset: str, batch: list[Item]) -> "Future[list[Outcome]]":
    try:
        return workers.pool.submit(parse_items, dataset, batch)
    except BrokenProcessPool:
        workers.renew()
        return workers.pool.submit(parse_items, dataset, batch)


def _one_by_one(dataset: str, batch: list[Item], workers: Workers) -> Iterator[Outcome]:
    """Parse the files of a crashed batch alone, each in a process of its own kind, to name it."""
    workers.renew()
    for item in batch:
        try:
            yield from workers.pool.submit(parse_items, dataset, [item]).result()
        except BrokenProcessPool:
            workers.renew()
            yield Outcome(dataset, item.name, sha256_bytes(item.data), [], "parser crashed")
