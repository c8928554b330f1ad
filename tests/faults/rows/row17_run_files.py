"""Row 17: run folders from strangers; a wrong file is named in one line, and others still count."""

from pathlib import Path

import numpy as np

from tests.faults import servers
from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from tests.faults.run_files import READERS, copy_runs, damage

NUMBER, FAULT = 17, "damaged and hostile files of runs"
TRIES, SHARE = 2_000, 2
_FILES = 20
_MAX_SECONDS, _MAX_MIB = 20.0, 900.0


def needs() -> str:
    """Pipes and links."""
    return "" if Path("/dev/zero").exists() else "needs /dev/zero"


def prepare(folder: Path) -> Path:
    """A run with regions of uncertainty and a run of filters."""
    server, store = servers.server("trainer"), servers.store_to_train()
    common = ["--exp", "1.1", "--store", store, "--out", folder / "runs"]
    short = ["--max-epochs", "1", "--max-steps", "1", "--batch-size", "16"]
    for words in (
        ["train", "--model", "resmlp", *short, *common],
        ["baselines", "--smoothers", "identity,mean", *common],
    ):
        ended = server.run(words, folder / "log")
        assert ended.code == 0, ended.said
    return folder / "runs"


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Damage a file at a time; every reader of runs meets each."""
    del index
    found = Attempt(_FILES)
    runs = copy_runs(ready, folder / "runs")
    run = runs / "resmlp-1.1-seed0"
    actions, words = [], []
    for number in range(_FILES):
        copy = copy_runs(ready, folder / f"runs{number}") / run.name
        what = damage(copy, rng)
        reader = READERS[int(rng.integers(len(READERS)))]
        words.append(f"{reader.__name__}, {what}")
        actions.append(lambda reader=reader, copy=copy: reader(copy))
    for outcome, word in zip(run_all(actions), words, strict=True):
        if problem := outcome.problem(_MAX_SECONDS, _MAX_MIB):
            found.problems.append(f"{word}: {problem}")
        found.notes["slowest, s"] = max(found.notes.get("slowest, s", 0.0), outcome.seconds)
        found.notes["refused in 20"] = found.notes.get("refused in 20", 0) + (
            outcome.kind == "refused"
        )
    return found
