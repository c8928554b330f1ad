"""A folder of runs on a store in memory: real smoothers, and networks that were never trained.

A made network halves the mean smoother's error, so its scores are real counts of real windows.
"""

from pathlib import Path

import numpy as np

from pose_smoother.files.atomic import write_json
from pose_smoother.filters.mean import smooth_windows as mean
from tests.trainer.fake_store import FakeStore
from trainer.evaluation.baselines import BaselinesConfig, baselines, read_positions
from trainer.metrics.scorer import score
from trainer.metrics.tidy_rows import rows
from trainer.runs.data_summary import describe, save_data, store_hash
from trainer.runs.layout import HISTORY_KINDS, TIMING_KINDS
from trainer.runs.results_io import write_csv, write_results
from trainer.training.config import TrainConfig, run_record

SMOOTHERS = ("identity", "mean", "gaussian")
N_EPOCHS = 7
FELL_AFTER = 5


def make_baselines(runs: Path, store: FakeStore, experiment: str, seed: int = 0) -> Path:
    """A finished folder of smoothers."""
    config = BaselinesConfig(experiment, seed=seed, smoothers=SMOOTHERS)
    baselines(config, store, runs)
    return runs / config.run_name


def make_run(
    runs: Path,
    store: FakeStore,
    model: str,
    experiment: str,
    seed: int = 0,
    *,
    share_of_error: float = 0.5,
    is_finished: bool = True,
    budget_steps: int | None = None,
) -> Path:
    """A network's folder; its error is a share of the mean smoother's.

    An unfinished one has its history, but no results.
    """
    config = TrainConfig(model, experiment, seed, budget_steps=budget_steps, device="cpu")
    folder = runs / config.run_name
    write_json(folder / "config.json", run_record(config, store, 1234))
    write_csv(folder / "history.csv", list(HISTORY_KINDS), _history(seed))
    seconds = [{"epoch": e + 1, "train_seconds": 8.0, "val_seconds": 2.0} for e in range(N_EPOCHS)]
    write_csv(folder / "timing.csv", list(TIMING_KINDS), seconds)
    write_json(folder / "state.json", {"state": "finished" if is_finished else "preempted"})
    if not is_finished:
        return folder
    test = read_positions(BaselinesConfig(experiment, seed=seed), store, "test")
    predicted = test.truth + np.float32(share_of_error) * (mean(test.noisy) - test.truth)
    scores = score(predicted, test.truth, test.clip, len(store.clips["id"]))
    scores.save(folder / "scores.npz")
    save_data(folder, describe(store, store_hash(store)))
    about = {"model": config.row_name, "experiment": experiment, "seed": seed, "split": "test"}
    results = {"rows": rows(scores, store.clips, **about), "references": []}
    write_results(folder, {**results, "best_epoch": 6, "n_epochs": N_EPOCHS, "test_loss": 0.1})
    return folder


def _history(seed: int) -> list[dict[str, float]]:
    epochs = []
    for epoch in range(1, N_EPOCHS + 1):
        row = dict.fromkeys(HISTORY_KINDS, 1.0 / epoch + 0.01 * seed)
        row |= {"epoch": epoch, "learning_rate_reduced": int(epoch == FELL_AFTER)}
        row["val_pck_0.2"] = 40.0 + epoch
        epochs.append(row)
    return epochs
