"""Reading the sources: raw files are parsed in worker processes, which may crash and be replaced.

Damaged files can crash a parser outright, so no file is ever parsed in the main process; results
come back in the order of the files, whatever the number of workers.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from pipeline.sources import Clip, Item, source
from pipeline.worker_pool import WorkerDiedError, Workers, memory_cap, outcome
from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import sha256_bytes

BATCH_FILES = 16
BATCH_BYTES = 16 << 20
#: A file may unfold to so much while it is parsed.
PARSE_BYTES = 768 << 20
PARSE_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ParsedFile:
    """What became of one input file: its clips, or the reason why it was rejected."""

    dataset: str
    name: str
    sha256: str
    clips: list[Clip]
    reason: str = ""


def parse_items(dataset: str, items: list[Item]) -> list[ParsedFile]:
    """Parse some raw files; never raises for what is inside them (runs in a worker)."""
    return [_parse(dataset, item) for item in items]


def _parse(dataset: str, item: Item) -> ParsedFile:
    digest = sha256_bytes(item.data)
    try:
        with memory_cap(PARSE_BYTES):
            return ParsedFile(dataset, item.name, digest, source(dataset).parse(item))
    except InvalidInputError as error:
        reason = str(error)
    except MemoryError:
        reason = f"needs more than the {PARSE_BYTES >> 20} MiB of memory allowed for a file"
    except Warning:  # one that a filter made an error: not of the file
        raise
    except Exception as error:
        reason = f"parser failed: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return ParsedFile(dataset, item.name, digest, [], reason)


def scan(
    dataset: str,
    items: Iterable[Item],
    workers: Workers,
    timeout_s: float = PARSE_TIMEOUT_S,
) -> Iterator[ParsedFile]:
    """Outcomes of all raw files of a source, in order; only a few batches are held at a time.

    Parameters
    ----------
    timeout_s : a parser that takes longer is killed, and its file rejected.
    """
    batches = _batches(items)
    waiting: deque[tuple[list[Item], Future[list[ParsedFile]]]] = deque()
    while True:
        while len(waiting) < 2 * workers.n_workers + 1 and (batch := next(batches, None)):
            waiting.append((batch, workers.submit(timeout_s, parse_items, dataset, batch)))
        if not waiting:
            return
        batch, future = waiting.popleft()
        try:
            yield from outcome(future, timeout_s)
        except WorkerDiedError:
            for item in batch:
                yield _alone(dataset, item, workers, timeout_s)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Some files each: few enough that memory doesn't grow with what strangers put in them."""
    batch: list[Item] = []
    n_bytes = 0
    for item in items:
        size = len(item.data) + sum(len(part) for part in item.context.get("manual", {}).values())
        if batch and (len(batch) == BATCH_FILES or n_bytes + size > BATCH_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(item)
        n_bytes += size
    if batch:
        yield batch


def _alone(dataset: str, item: Item, workers: Workers, timeout_s: float) -> ParsedFile:
    """A file of a batch that failed, by itself: the one at fault is named."""
    try:
        return workers.call(timeout_s, parse_items, dataset, [item])[0]
    except WorkerDiedError as error:
        return ParsedFile(dataset, item.name, sha256_bytes(item.data), [], f"parser {error}")
