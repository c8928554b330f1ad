"""A queue that preempts and kills at random: all runs are there in the end, once and whole."""

import pytest

from benchmarks.preempted_queue import (
    EXPERIMENTS,
    THESIS,
    problems,
    run_struck,
    small_store,
    sweep_words,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "launcher", "models", "exps"),
    [
        (1, ["--launcher", "local"], THESIS[:1], ("1.1", "1.3", "2.1")),
        (2, ["--launcher", "submitit", "--cluster", "local"], THESIS, EXPERIMENTS),
    ],
    ids=["three", "all"],
)
def test_every_run_is_there_once_whatever_was_struck(tmp_path, seed, launcher, models, exps):
    runs = tmp_path / "runs"
    words = sweep_words(small_store(tmp_path), runs, launcher, models, exps)
    struck = run_struck(words, runs, seed, tmp_path / "log")
    print(f"seed {seed}: {dict(struck.strikes)}, {len(struck.begun)} processes")
    assert problems(runs, len(models) * len(exps)) == []
    assert len(struck.begun) >= sum(struck.strikes.values())
