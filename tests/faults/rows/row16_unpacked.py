"""Row 16: keypoint files that ask for too much memory or time; all in budget, none silent."""

from pathlib import Path

import numpy as np

from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from tests.faults.keypoint_files import KINDS, smoothed

NUMBER, FAULT = 16, "keypoint files that unpack to too much, nested, sparse, pipes"
TRIES, SHARE = 400, 11
_MAX_SECONDS, _MAX_MIB, _RATIO = 20.0, 700.0, 12.0


def needs() -> str:
    """Pipes and holes."""
    return "" if Path("/dev/zero").exists() else "needs /dev/zero"


def prepare(folder: Path) -> Path:
    """Nothing."""
    return folder


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Smooth one such file in a process of its own."""
    del ready
    kind = KINDS[index % len(KINDS)]
    path = kind(folder, rng)
    size_mib = path.stat().st_size / (1 << 20) if path.is_file() else 0.0
    (outcome,) = run_all([lambda: smoothed(path, folder / f"out{path.suffix}")])
    found = Attempt()
    most = max(_MAX_MIB, _RATIO * size_mib if path.suffix == ".json" else 0)
    if problem := outcome.problem(_MAX_SECONDS, most):
        found.problems.append(f"{kind.__name__}: {problem}")
    found.notes["slowest, s"] = outcome.seconds
    found.notes["memory at most, MiB"] = outcome.grown_mib
    return found
