"""One filter or several in a row, with their parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import filter_module, filters
from pose_smoother.filters.base import Finding, Floats, Mask, Params, Run
from pose_smoother.filters.missing import BRIDGED_FRAMES
from pose_smoother.filters.parameters import checked_rate, resolve
from pose_smoother.points import known_points


@dataclass(frozen=True)
class Step:
    """One filter of a chain.

    Attributes
    ----------
    module : the filter's module.
    params : its parameters.
    fps : frames a second, None where not known; 1 where a cutoff was given per frame.
    """

    module: Any
    params: Params
    fps: float | None


@dataclass(frozen=True)
class Chain:
    """Filters in the order in which they run."""

    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The filters' names, as ``hampel,kalman``."""
        return ",".join(step.module.NAME for step in self.steps)

    @property
    def bridged_frames(self) -> int:
        """The longest step between frame numbers inside a run that every filter can read over."""
        return min(getattr(step.module, "BRIDGED_FRAMES", BRIDGED_FRAMES) for step in self.steps)

    @property
    def replaces_outliers(self) -> bool:
        """Whether a filter puts outliers back to their place."""
        return any(getattr(step.module, "REPLACES_OUTLIERS", False) for step in self.steps)

    @property
    def reaches_across_swaps(self) -> bool:
        """Whether exchanged points are outliers to a filter, so that they drag no others."""
        return any(getattr(step.module, "REACHES_ACROSS_SWAPS", False) for step in self.steps)

    @property
    def reads_the_body(self) -> bool:
        """Whether a filter's result of a keypoint depends on the others."""
        return any(getattr(step.module, "READS_THE_BODY", False) for step in self.steps)

    @property
    def needs_memory(self) -> bool:
        """Whether a filter takes several times the memory of what it smooths."""
        return not all(getattr(step.module, "WORKS_IN_BLOCKS", False) for step in self.steps)

    @property
    def as_stream(self) -> bool:
        """Whether frames after a delay may not be used, so nothing may look at complete tracks."""
        return any(step.params.get("delay_frames") is not None for step in self.steps)

    def smooth(
        self,
        runs: Sequence[Floats],
        size: float,
        scores: Sequence[Floats] | None = None,
        doubtful: Sequence[Mask] | None = None,
        findings: list[Finding] | None = None,
    ) -> list[Floats]:
        """Put the runs of one track through every filter.

        Parameters
        ----------
        runs : float64 (T, K, axes) each, NaN where missing.
        size : the track's larger side (``filters.base.Run``).
        scores : float64 (T, K) of each run, NaN where not known.
        doubtful : bool (T, K) of each run, points of a low score that are not to drag others.
        findings : filters that measure noise append what they found.

        Returns
        -------
        The same shapes, NaN in the same places. Where a filter finds no position, it stays.
        """
        now = list(runs)
        none = [None] * len(now)
        found: list[Finding] = [] if findings is None else findings
        for step in self.steps:
            parts = zip(now, scores or none, doubtful or none, strict=True)
            read = [Run(xy, size, step.fps, score, low, found) for xy, score, low in parts]
            now = _smoothed(step, read)
        return now


def _smoothed(step: Step, runs: Sequence[Run]) -> list[Floats]:
    """The runs of a track through one filter."""
    params = step.params
    read = runs
    if not getattr(step.module, "REPLACES_OUTLIERS", False):
        read = [run.without_doubtful() for run in runs]
    if read and hasattr(step.module, "fit_track"):
        params = step.module.fit_track(read, params)
    out = []
    for run, seen in zip(runs, read, strict=True):
        found = step.module.smooth_run(seen, **params)
        better = seen.present & known_points(found)
        out.append(found if better.all() else np.where(better[..., None], found, run.positions))
    return out


def track_filters() -> list[str]:
    """The names of the filters that smooth tracks without training data."""
    return [name for name, module in filters().items() if hasattr(module, "smooth_run")]


def make_chain(
    names: str, given: Mapping[str, Any] | None = None, fps: float | None = None
) -> Chain:
    """Filters by their names, with parameters.

    Parameters
    ----------
    names : one name, or several separated by commas: ``hampel,kalman``; the results tables write
        ``hampel+kalman``.
    given : parameters by name. In a chain, one that several filters have is named with its filter:
        ``hampel.width_frames``.
    fps : frames a second, for parameters in Hz or seconds; None or NaN where it is unknown.

    Raises
    ------
    InvalidInputError : an unknown filter or parameter, a value outside its range, a parameter that
        several filters of the chain have, or a frame rate that is not positive.
    """
    fps = checked_rate(fps)
    chosen = [name.strip() for name in names.replace("+", ",").split(",")]
    modules = [filter_module(name) for name in chosen]
    for module in modules:
        if not hasattr(module, "smooth_run"):
            raise InvalidInputError(
                f"{module.NAME} is fitted on training windows: `pose-trainer predict --smoother "
                f"{module.NAME} --store S --exp X.Y` does so; filters without training: "
                f"{', '.join(track_filters())}"
            )
    if len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"a filter is twice in the chain {names}")
    parts = _assigned(modules, dict(given or {}))
    return Chain(
        tuple(_step(module, part, fps) for module, part in zip(modules, parts, strict=True))
    )


def _step(module: Any, given: Mapping[str, Any], fps: float | None) -> Step:
    """A filter with its parameters checked."""
    in_hz = {key.removesuffix("_hz") for key in module.PARAMETERS if key.endswith("_hz")}
    if fps is None and any(key.removesuffix("_per_frame") in in_hz for key in given):
        fps = 1.0  # a cutoff per frame is one in Hz at one frame a second
    params = resolve(module.NAME, module.PARAMETERS, given, fps)
    if hasattr(module, "check"):
        module.check(params)
    return Step(module, params, fps)


def _assigned(modules: Sequence[Any], given: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters given to each filter of a chain."""
    parts: list[dict[str, Any]] = [{} for _ in modules]
    by_name = {module.NAME: part for module, part in zip(modules, parts, strict=True)}
    for key, value in given.items():
        owner, dot, own_key = key.rpartition(".")
        if dot and owner in by_name:
            by_name[owner][own_key] = value
            continue
        takers = [module for module in modules if _takes(module, key)]
        if len(takers) > 1:
            ways = " or ".join(f"{module.NAME}.{key}" for module in takers)
            raise InvalidInputError(f"several filters have a parameter {key}: name it as {ways}")
        by_name[(takers or modules)[0].NAME][key] = value
    return parts


def _takes(module: Any, key: str) -> bool:
    """Whether a filter has a parameter, in its own or another unit."""
    try:
        resolve(module.NAME, module.PARAMETERS, {key: 1.0}, 1.0)
    except InvalidInputError as error:
        return not str(error).startswith("unknown parameter")
    return True
