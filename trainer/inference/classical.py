"""Classical smoothers for whole tracks, with parameters that a user chose or tuning did.

How each runs was measured on validation clips (docs/experiments.md): the mean, the median and the
linear estimator in sliding windows whose estimates are averaged, as trained models; Savitzky-Golay
and the Gaussian centred on each frame; One-Euro along the whole run, for it is causal.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.filters import Smooth, lmmse, moving, smoother
from pose_smoother.filters.one_euro import one_euro
from pose_smoother.heatmap import SIZE
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.experiments import experiment
from trainer.inference.sliding_window import WindowSmoother
from trainer.runs.results_io import read_results

#: What tuning chose for experiment 1.1 on real Penn Action (docs/results).
DEFAULTS: dict[str, dict[str, float]] = {
    "identity": {},
    "mean": {},
    "gaussian": {"sigma_frames": 1.5},
    "median": {"width_frames": 5},
    "savgol": {"width_frames": 5, "polyorder": 1},
    "one-euro": {
        "min_cutoff_per_frame": 0.05,
        "beta_per_px": 0.03,
        "speed_cutoff_per_frame": 0.2,
    },
    "lmmse": {"ridge_windows": 100.0},
}
_MAY_BE_ZERO = ("beta_per_px", "polyorder")
_WHOLE = ("width_frames", "polyorder")
_MOST_FRAMES = 61  # of a filter: Savitzky-Golay names patterns of missing frames by bits
_ALL = np.ones(N_KEYPOINTS, bool)


@dataclass(frozen=True)
class FitData:
    """What the linear estimator is fitted on: an experiment's training windows of a store."""

    store: Store
    experiment: str
    seed: int = 0


def parameters(
    name: str, baselines: Path | None = None, given: Sequence[str] = ()
) -> dict[str, float]:
    """A smoother's parameters: the defaults, then those of a baselines run, then those given.

    Parameters
    ----------
    given : texts like ``sigma_frames=2``.

    Raises
    ------
    InvalidInputError : an unknown smoother or parameter, or a value that is out of the question.
    RunError : the baselines run is not finished, or not one.
    """
    smoother(name)  # an unknown name lists the known ones
    chosen = dict(DEFAULTS[name])
    if baselines is not None:
        tuned = read_results(baselines).get("params", {})
        if name not in tuned:
            raise unknown_name(f"smoother in {baselines}", name, list(tuned))
        chosen.update(tuned[name])
    for text in given:
        key, _, value = text.partition("=")
        if key not in chosen:
            raise unknown_name(f"parameter of {name}", key, list(chosen) or ["none"])
        try:
            chosen[key] = float(value)
        except ValueError:
            raise InvalidInputError(f"--param {text}: expected {key}=NUMBER") from None
    return _checked(name, chosen)


def _checked(name: str, params: dict[str, float]) -> dict[str, float]:
    for key, value in params.items():
        if not math.isfinite(value) or value < 0 or (value == 0 and key not in _MAY_BE_ZERO):
            raise InvalidInputError(f"{key} of {name} must be a positive number, got {value:g}")
        if key in _WHOLE:
            if value != int(value):
                raise InvalidInputError(f"{key} of {name} must be a whole number, got {value:g}")
            params[key] = int(value)
    width = params.get("width_frames", 1)
    if width % 2 == 0 or width > _MOST_FRAMES:
        raise InvalidInputError(f"width_frames of {name} must be odd and at most {_MOST_FRAMES}")
    if params.get("polyorder", 0) >= width:
        raise InvalidInputError(f"polyorder of {name} must be below width_frames, which is {width}")
    if params.get("sigma_frames", 0.0) > _MOST_FRAMES:
        raise InvalidInputError(f"sigma_frames of {name} must be at most {_MOST_FRAMES}")
    return params


def classical(
    name: str, params: Mapping[str, Any], training: FitData | None = None
) -> WindowSmoother:
    """A classical smoother as tracks are put through it.

    Raises
    ------
    InvalidInputError : an unknown name, or the linear estimator without training windows.
    """
    if name == "lmmse":
        return _linear(dict(params), training)
    make = partial(WindowSmoother, name=name, keypoints=_ALL)
    smooth: dict[str, Smooth] = {
        "identity": moving.identity,
        "mean": moving.mean,
        "gaussian": partial(moving.gaussian, **params),
        "median": partial(moving.median, **params),
        "savgol": partial(moving.savgol, **params),
        "one-euro": partial(one_euro, **params),
    }
    if name not in smooth:
        raise unknown_name("smoother", name, list(DEFAULTS))
    if name == "identity":
        return make(smooth=smooth[name], n_frames=1)
    if name == "gaussian":
        n_frames = 2 * math.ceil(4.0 * params["sigma_frames"]) + 1
        return make(smooth=smooth[name], n_frames=n_frames, merge="middle")
    if name == "savgol":
        return make(smooth=smooth[name], n_frames=int(params["width_frames"]), merge="middle")
    if name == "one-euro":
        return make(smooth=smooth[name], n_frames=None)
    return make(smooth=smooth[name])


def _linear(params: dict[str, float], training: FitData | None) -> WindowSmoother:
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
