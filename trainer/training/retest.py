"""A second test of a finished run, from its best weights: the numbers must be the same."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose_smoother.errors import RunError, StoreError
from pose_smoother.store.store import Store
from trainer.evaluation.uncertainty import has_uncertainty
from trainer.noise.recorded import RECORDED
from trainer.runs.data_summary import store_hash
from trainer.runs.folder import CONFIG
from trainer.runs.results_io import read_json, read_results
from trainer.runs.schema import CONFIG_SCHEMA
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig
from trainer.training.final_test import coverage_on_test, evaluate_on_test, tidy_rows
from trainer.training.model_setup import best_weights
from trainer.training.progress import Progress

#: Relative: other machines, and batches of another size, add the same numbers in another order. A
#: keypoint that counts for another PCK is more than that.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Repeat:
    """The result of a repeated test.

    Attributes
    ----------
    rows : its tidy rows.
    different : rows whose value is another one, or that only one of both tests has.
    n_rounded : rows whose value differs by ``ROUNDING`` at most: none on the machine, and with the
        version, that tested first.
    """

    rows: list[dict[str, Any]]
    different: list[dict[str, Any]]
    n_rounded: int


def check_has_store(folder: Path, config: TrainConfig) -> None:
    """Raise RunError for a finetuned run: it was tested on pairs of files, not on a store."""
    if config.noise == RECORDED:
        raise RunError(
            f"{folder} was finetuned on pairs of files, which are no store: to test it again, run "
            "the same finetune command with --no-resume --replace"
        )


def repeat_test(folder: Path, config: TrainConfig, store: Store) -> Repeat:
    """Test a run's best epoch again and compare with its ``results.json``.

    Raises
    ------
    StoreError : the store is not the one that the run was trained on.
    RunError : the run is not finished, or a file of it is damaged.
    """
    saved = read_results(folder)["rows"]
    identity = read_json(folder / CONFIG, "not a run folder", CONFIG_SCHEMA)["identity"]
    if store_hash(store) != identity.get("store_sha256"):
        raise StoreError(f"{store.path} is not the store of {folder}: give that one by --store")
    weights, _ = best_weights(folder, config)
    with Interrupt() as interrupt, Progress(config.run_name, 1) as progress:
        evaluation = evaluate_on_test(config, store, weights, progress, interrupt)
    found = tidy_rows(config, store, evaluation.scores, config.model)
    if has_uncertainty(config.model):
        found += coverage_on_test(config, store, weights, folder)
    return _compared(found, saved)


def _compared(found: list[dict[str, Any]], saved: Sequence[Mapping[str, Any]]) -> Repeat:
    """Compare rows with the saved ones of the same name; newer metrics are not compared."""
    metrics = {row["metric"] for row in saved}
    found = [row for row in found if row["metric"] in metrics]
    before = {_name(row): row for row in saved}
    different: list[dict[str, Any]] = []
    n_rounded = 0
    for row in found:
        other = before.pop(_name(row), None)
        if other is not None and math.isclose(
            row["value"], other["value"], rel_tol=ROUNDING, abs_tol=ROUNDING
        ):
            n_rounded += row["value"] != other["value"]
        else:
            different.append(row)
    return Repeat(found, different + [dict(row) for row in before.values()], n_rounded)


def _name(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Everything of a row but its value; how many were counted is part of it."""
    return tuple(sorted((key, cell) for key, cell in row.items() if key != "value"))
