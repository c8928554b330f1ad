"""The test of a run: its best epoch, or other weights, on the test split."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pose_smoother.errors import RunError
from pose_smoother.filters.identity import smooth_windows as identity
from pose_smoother.filters.mean import smooth_windows as mean
from pose_smoother.store.store import Store
from trainer.distributed.evaluate import evaluate_together
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from trainer.evaluation import uncertainty
from trainer.evaluation.evaluate import Evaluation, Smooth
from trainer.metrics.scores import Scores
from trainer.metrics.tidy_rows import rows
from trainer.models import model_module
from trainer.models.nonfinite import NonFiniteError
from trainer.runs.folder import SCORES
from trainer.runs.layout import BEFORE
from trainer.runs.signals import Interrupt, raise_if_interrupted
from trainer.settings import window_suffix
from trainer.training.config import TrainConfig, open_stream
from trainer.training.loop import Training
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import new_model
from trainer.training.progress import Progress
from trainer.training.warm_start import WarmStart

#: Scored on the same test windows as the model, for comparison.
REFERENCES: Mapping[str, Smooth] = {"identity": identity, "mean": mean}


def evaluate_on_test(
    config: TrainConfig,
    store: Store,
    weights: Mapping[str, torch.Tensor],
    progress: Progress,
    interrupt: Interrupt,
    references: Mapping[str, Smooth] = REFERENCES,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> Evaluation:
    """Evaluate weights and some smoothers on the test split."""
    model = new_model(config)
    model.load_state_dict(weights)
    stream = open_stream(config, store, "test")
    progress.start_batches("test", stream.n_batches)

    def on_batch(loss: torch.Tensor) -> None:
        progress.batch(loss)
        raise_if_interrupted(ranks.sync_stop(interrupt.signum)[0])

    batch_loss = batch_loss_of(config.loss, model_module(config.model))
    try:
        return evaluate_together(
            ranks,
            model,
            stream,
            batch_loss,
            config.missing_torso,
            references=references,
            on_batch=on_batch,
        )
    except NonFiniteError as error:
        raise RunError(f"{config.run_name}: test {error}") from None


def tidy_rows(
    config: TrainConfig, store: Store, scores: Scores, model: str
) -> list[dict[str, Any]]:
    """Tidy rows of a model's or a reference's scores on a run's test windows."""
    return rows(scores, store.clips, **_metadata(config, model))


def coverage_on_test(
    config: TrainConfig, store: Store, weights: dict[str, torch.Tensor], folder: Path
) -> list[dict[str, Any]]:
    """Tidy rows: the share of the test split's ground truth inside the regions of a run."""
    model = new_model(config)
    model.load_state_dict(weights)
    return uncertainty.coverage_rows(
        model,
        open_stream(config, store, "test"),
        uncertainty.Regions.load(folder),
        _metadata(config, config.model),
    )


def _metadata(config: TrainConfig, model: str) -> dict[str, Any]:
    suffix = window_suffix(config.window)  # a budget is the model's alone
    return {
        "model": config.row_name if model == config.model else model + suffix,
        "experiment": config.experiment,
        "seed": config.seed,
        "split": "test",
    }


def test_best(training: Training, progress: Progress, interrupt: Interrupt) -> dict[str, Any]:
    """Test a training's best epoch: what ``results.json`` holds; of several processes, the first's.

    Scores and regions are saved in the run's folder.
    """
    config, store, best = training.config, training.store, training.best
    assert best is not None  # every finished epoch sets one
    references = REFERENCES if training.start is None else training.start.references()
    weights, ranks = best["model"], training.ranks
    evaluation = evaluate_on_test(config, store, weights, progress, interrupt, references, ranks)
    if not ranks.is_main:
        return {}
    evaluation.scores.save(training.folder / SCORES)
    coverage = []
    if uncertainty.has_uncertainty(config.model):
        training.model.load_state_dict(best["model"])
        uncertainty.fit_regions(training.model, training.val).save(training.folder)
        coverage = coverage_on_test(config, store, best["model"], training.folder)
    results = {
        "best_epoch": best["epoch"],
        "n_epochs": len(training.history),
        **({} if config.budget_steps is None else {"n_steps": training.n_steps}),
        "test_loss": evaluation.loss,
        "rows": tidy_rows(config, store, evaluation.scores, config.model) + coverage,
        "references": [
            row
            for name, scores in evaluation.references.items()
            for row in tidy_rows(config, store, scores, name)
        ],
    }
    if training.start is not None:
        _add_compared(training, training.start, evaluation.references, results, progress, interrupt)
    return results


def _add_compared(
    training: Training,
    start: WarmStart,
    smoothers: Mapping[str, Scores],
    results: dict[str, Any],
    progress: Progress,
    interrupt: Interrupt,
) -> None:
    """Test the model as it was before, and add all that was tested to the rows."""
    config, store = training.config, training.store
    before = evaluate_on_test(config, store, start.weights, progress, interrupt, {})
    compared = {**smoothers, config.model + BEFORE: before.scores}
    for name, scores in compared.items():
        scores.save(training.folder / f"scores-{name}.npz")
    results["beside"] = list(compared)
    results["rows"] += [
        r for n, scores in compared.items() for r in tidy_rows(config, store, scores, n)
    ]
    results["references"] = []
