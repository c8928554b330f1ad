"""Many files of keypoints: which they are, where each is written; a failure stops no other."""

import logging
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from pose_smoother.dask_cluster import connected
from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.files.shared_locks import shared_locks_problem
from pose_smoother.poses.assumed import NOTE
from pose_smoother.poses.formats import find_format, formats
from pose_smoother.remote.objects import listing
from pose_smoother.remote.path import PathOrUrl

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()  # HDF5 is not made for the threads of a worker

#: Smooths the first file into the second, and returns a line of text about it.
Smooth = Callable[[Any, Any], str]


@dataclass(frozen=True)
class Job:
    """A file to be smoothed.

    Attributes
    ----------
    source : the file, or the folder where the format is one.
    out : what is written.
    """

    source: PathOrUrl
    out: PathOrUrl


@dataclass(frozen=True)
class Result:
    """What became of a job: one line of text, which is an error unless ``done``."""

    job: Job
    done: bool
    text: str


def is_batch(source: PathOrUrl, format: str | None) -> bool:
    """Whether a path is a folder of files, not a folder that is one input (OpenPose's)."""
    if not source.is_dir():
        return False
    if format is not None:
        return "" not in formats()[format].EXTENSIONS if format in formats() else False
    if not isinstance(source, Path):
        return True
    try:
        find_format(source)
    except InvalidInputError:
        return True
    return False


def find_jobs(
    sources: Sequence[PathOrUrl], out_dir: PathOrUrl, format: str | None = None
) -> list[Job]:
    """The jobs for files and folders: a folder's files, and its folders that are one input.

    Of a folder, what begins with a dot and files with endings of no format are left out.

    Parameters
    ----------
    out_dir : every output has its input's name, in this folder.
    format : of all files; None finds out each one's.

    Raises
    ------
    InvalidInputError : two inputs have one name, or there is none.
    """
    found: list[PathOrUrl] = []
    for source in sources:
        found += _inside(source, format) if is_batch(source, format) else [source]
    if not found:
        raise InvalidInputError(f"{sources[0]}: no file of keypoints is in the folder")
    names = Counter(path.name for path in found)
    name, count = names.most_common(1)[0]
    if count > 1:
        both = " and ".join(str(path) for path in found if path.name == name)
        raise InvalidInputError(f"{both} would be written to one file, {out_dir / name}")
    return [Job(path, out_dir / path.name) for path in found]


def _inside(folder: PathOrUrl, format: str | None) -> list[PathOrUrl]:
    """The inputs in a folder, by name; at an address files alone, not what is in folders of it."""
    endings = {ending for module in formats().values() for ending in module.EXTENSIONS if ending}
    found: list[PathOrUrl] = []
    n_others = 0
    here: Sequence[PathOrUrl] = (
        sorted(folder.iterdir())
        if isinstance(folder, Path)
        else [folder / name for name in listing(folder) if "/" not in name]
    )
    for path in here:
        if path.name.startswith("."):
            continue
        name = Path(path.name)
        ending = name.with_suffix("").suffix if name.suffix.lower() == ".gz" else name.suffix
        is_folder = isinstance(path, Path) and path.is_dir()
        chosen = not is_batch(path, format) if is_folder else ending.lower() in endings
        found += [path] if chosen else []
        n_others += not chosen
    if n_others:
        what = "1 file of another kind" if n_others == 1 else f"{n_others} files of other kinds"
        _log.log(NOTE, "%s: left out %s", folder, what)
    return found


def smooth_one(smooth: Smooth, job: Job) -> Result:
    """Smooth one file; an error becomes a result."""
    try:
        return Result(job, True, smooth(job.source, job.out))
    except PoseSmootherError as error:
        return Result(job, False, str(error))
    except Warning:  # one that a filter made an error: not of the file
        raise
    except Exception as error:  # whatever it is, the other files are smoothed
        return Result(job, False, f"{job.source}: {type(error).__name__}: {error}")


def smooth_many(
    jobs: Sequence[Job],
    smooth: Smooth,
    n_workers: int = 1,
    begin: Callable[[], None] | None = None,
    scheduler: str | None = None,
) -> Iterator[Result]:
    """Smooth files, each on its own; results come in the order of the jobs.

    Parameters
    ----------
    smooth : with several workers, picklable.
    n_workers : processes; 1 smooths in this one.
    begin : called once in every other process.
    scheduler : the address of a Dask scheduler, whose workers smooth instead; they see the files
        under the same paths.

    Raises
    ------
    InvalidInputError : the scheduler or a worker of it cannot be reached.
    """
    if scheduler is None and n_workers > 1 and (problem := shared_locks_problem()):
        _log.warning("%s: one file is smoothed after another", problem)
        n_workers = 1
    if scheduler is None and (n_workers <= 1 or len(jobs) <= 1):
        for job in jobs:
            yield smooth_one(smooth, job)
        return
    with ExitStack() as opened:
        pool: Executor
        if scheduler is not None:
            client = opened.enter_context(connected(scheduler, n_workers))
            pool = client.get_executor(pure=False)
        else:
            context = multiprocessing.get_context("spawn")
            processes = ProcessPoolExecutor(min(n_workers, len(jobs)), context, _begin, (begin,))
            pool = opened.enter_context(processes)
            # Who stops early does not wait for the files that nobody has begun.
            opened.callback(processes.shutdown, cancel_futures=True)
        waiting = [pool.submit(_alone, smooth, job) for job in jobs]
        for job, future in zip(jobs, waiting, strict=True):
            try:
                yield future.result()
            except BrokenExecutor:
                died = "a worker process died (out of memory?); try --workers 1"
                yield Result(job, False, f"{job.source}: {died}")
            except (Exception, CancelledError) as error:
                if scheduler is None:
                    raise
                lost = f"the cluster lost it ({type(error).__name__}: {error})"
                yield Result(job, False, f"{job.source}: {lost}")


def _begin(begin: Callable[[], None] | None) -> None:
    """In a worker: end with the process that started it, which may be killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if begin is not None:
        begin()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _alone(smooth: Smooth, job: Job) -> Result:
    with _one_at_a_time:
        return smooth_one(smooth, job)
