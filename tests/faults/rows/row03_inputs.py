"""Row 3: damaged annotation files, in processes that may crash; each is named with its reason."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.parse_files import scan
from pipeline.sources import SourceOptions, source
from pipeline.worker_pool import Workers
from pose_smoother.errors import InvalidInputError
from tests.faults.harness import Attempt
from tests.faults.inputs import write_brace, write_penn

NUMBER, FAULT = 3, "damaged .mat, JSON and npz inputs"
TRIES, SHARE = 5_000, 2
_FILES = 50
_TIMEOUT_S = 30.0


@dataclass
class Ready:
    """Worker processes that all attempts use."""

    workers: Workers

    def close(self) -> None:
        """End them."""
        self.workers.__exit__(None, None, None)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """Start the workers."""
    del folder
    return Ready(Workers(1))


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """A folder of damaged files: as many outcomes as files, each sound or with a reason."""
    name, write = (("penn-action", write_penn), ("brace", write_brace))[index % 2]
    n_files = write(folder, _FILES, rng)
    found = Attempt(_FILES)
    began = time.monotonic()
    items = source(name).items(folder, SourceOptions())
    try:
        outcomes = list(scan(name, items, ready.workers, _TIMEOUT_S))
    except InvalidInputError as error:
        found.problems.append(f"the whole source was given up: {error}")
        return found
    found.notes["slowest folder, s"] = time.monotonic() - began
    names = [outcome.name for outcome in outcomes]
    if len(names) != n_files or len(set(names)) != n_files:
        found.problems.append(f"{len(set(names))} outcomes of {n_files} files")
    for outcome in outcomes:
        if bool(outcome.reason) == bool(outcome.clips):
            found.problems.append(f"{outcome.name}: accepted and rejected, or neither")
        if not outcome.reason.isprintable() or len(outcome.reason) > 400:
            found.problems.append(f"{outcome.name}: the reason is no line: {outcome.reason!r}")
        for clip in outcome.clips:
            size = np.abs(clip.keypoints)
            if not (np.isnan(size) | (size < 1e9)).all():
                found.problems.append(f"{outcome.name}: positions {np.nanmax(size)} went through")
    found.notes["rejected in a folder"] = sum(bool(o.reason) for o in outcomes)
    crashed = sum(o.reason.startswith("parser crashed") for o in outcomes)
    found.notes["parsers crashed in a folder"] = crashed
    return found
