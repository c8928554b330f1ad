"""Row 25: keypoint files with four times as many of one thing, which take no square of the time."""

from pathlib import Path

import numpy as np

from tests.faults.forked import Outcome, run_all
from tests.faults.growing_files import KINDS
from tests.faults.harness import Attempt
from tests.faults.keypoint_files import smoothed

NUMBER, FAULT = 25, "keypoint files with many of one thing: time that grows with its square"
TRIES, SHARE = 10 * len(KINDS), 0  # no timings in the suite: see test_growth.py
_TIMES, _MOST_TIMES = 4, 9.0  # so many more; what is quadratic takes 16 times as long
_LEAST_SECONDS = 0.2  # a shorter time is taken as this
_MAX_SECONDS, _MAX_MIB = 30.0, 1_000.0


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> None:
    """Nothing."""
    del folder


def growth_problem(name: str, n: int, few: Outcome, many: Outcome) -> str:
    """What is wrong with what n and ``_TIMES`` as many took; "" if nothing."""
    for outcome in (few, many):
        if problem := outcome.problem(_MAX_SECONDS, _MAX_MIB):
            return f"{name} of {n:,}: {problem}"
    if many.seconds > _MOST_TIMES * max(few.seconds, _LEAST_SECONDS):
        return f"{name}: {n:,} take {few.seconds:.2f} s, {_TIMES * n:,} {many.seconds:.2f} s"
    return ""


def attempt(ready: None, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Smooth a file of each of two sizes, in a process that has smoothed a small one before."""
    del ready
    maker, usual = list(KINDS.items())[index % len(KINDS)]
    n = int(usual * rng.uniform(0.5, 1.5))
    actions = []
    for place, size in (("warm", 16), ("few", n), ("many", _TIMES * n)):
        (folder / place).mkdir()
        path = maker(folder / place, size)
        actions.append(lambda path=path: smoothed(path, path.with_name(f"out{path.suffix}")))
    _, few, many = run_all(actions)
    found = Attempt(notes={"slowest, s": many.seconds, "memory at most, MiB": many.grown_mib})
    found.notes["times as long"] = many.seconds / max(few.seconds, _LEAST_SECONDS)
    if problem := growth_problem(maker.__name__, n, few, many):
        found.problems.append(problem)
    return found
