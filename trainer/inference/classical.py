"""Filters as ``trainer predict`` runs them: tuned parameters, and the linear estimator's fit.

Filters that learn nothing run as ``pose_smoother.smoothing`` runs them, on every keypoint of a file
in the file's own unit. The linear estimator is fitted on windows of a store, so it runs in sliding
windows whose estimates are averaged, as trained models do (docs/experiments.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.filters import lmmse, table_filter
from pose_smoother.filters.parameters import from_text, resolve
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.experiments import experiment
from trainer.inference.sliding_window import WindowSmoother
from trainer.runs.results_io import read_results


@dataclass(frozen=True)
class FitData:
    """The data that the linear estimator is fitted on: training windows of a store."""

    store: Store
    experiment: str
    seed: int = 0


def parameters(
    name: str, baselines: Path | None = None, given: Sequence[str] = ()
) -> dict[str, Any]:
    """A filter's parameters: the defaults, then those of a baselines run, then those given.

    Parameters
    ----------
    given : texts like ``sigma_frames=2``.

    Raises
    ------
    InvalidInputError : an unknown filter or parameter, or a value outside its range.
    RunError : the baselines run is not finished, or not one.
    """
    module = table_filter(name)  # an unknown name lists the known ones
    chosen = {**tuned(name, baselines), **from_text(given)}
    params = resolve(name, module.PARAMETERS, chosen)
    if hasattr(module, "check"):
        module.check(params)
    return params


def tuned(name: str, baselines: Path | None) -> dict[str, Any]:
    """A filter's parameters as a baselines run tuned them; none without a run.

    Raises
    ------
    InvalidInputError : the run has no such filter.
    """
    if baselines is None:
        return {}
    found: dict[str, dict[str, Any]] = read_results(baselines).get("params", {})
    if name not in found:
        raise unknown_name(f"filter in {baselines}", name, list(found))
    return found[name]


def linear_estimator(params: dict[str, Any], training: FitData | None) -> WindowSmoother:
    """The linear estimator, fitted, as tracks are put through it.

    Raises
    ------
    InvalidInputError : no training windows are given.
    """
    if training is None:
        raise InvalidInputError(
            "lmmse is fitted on training windows: name them by --store S --exp X.Y"
        )
    from trainer.evaluation.baselines import BaselinesConfig, read_positions

    config = BaselinesConfig(training.experiment, seed=training.seed, smoothers=("lmmse",))
    windows = read_positions(config, training.store, "train")
    estimator = lmmse.fit(windows.noisy, windows.truth).estimator(**params)
    built = training.store.config

    def smooth(noisy: NDArray[np.float32]) -> NDArray[np.float32]:
        return estimator(noisy.clip(0, SIZE - 1))  # as the windows it was fitted on

    return WindowSmoother(
        name="lmmse",
        smooth=smooth,
        keypoints=np.asarray(estimator.seen.reshape(WINDOW_FRAMES, N_KEYPOINTS).any(axis=0)),
        step=experiment(training.experiment).step,
        expand=built.expand,
        keep_aspect=built.keep_aspect,
    )
