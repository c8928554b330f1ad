"""What a filter's module offers, and the piece of a track that a filter reads."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.parameters import Parameter
from pose_smoother.points import known_points

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Windows = NDArray[np.float32]
#: Windows in, smoothed windows out: float32 (N, T, K, 2), heatmap pixels, NaN in the same places.
Smooth = Callable[[Windows], Windows]
#: A filter's parameters by name.
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a filter that measures noise found in one run.

    Attributes
    ----------
    method : the filter that smoothed the run.
    n_points : points that it read.
    noise : fast noise of the middle keypoint as a fraction of the body size; NaN if not measured.
    strength : 0 where the run was left alone because it has no fast noise, up to 1.
    n_outliers : points that were moved by more than noise explains.
    reason : why this filter and not the first choice; empty where it is the first choice.
    """

    method: str
    n_points: int
    noise: float = math.nan
    strength: float = 1.0
    n_outliers: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Run:
    """Consecutive frames of one track.

    Attributes
    ----------
    positions : float64 (T, K, axes), in any unit; NaN in all axes where a keypoint is missing.
    size : the larger side of the track's keypoints in the same unit, the median over its frames;
        a filter whose parameters are in pixels of a heatmap scales by it.
    fps : frames a second, None where it is not known.
    scores : the detector's confidence, float64 (T, K), NaN where not known; None without any.
    doubtful : points of a low score that are not to drag others, bool (T, K); None without any.
    findings : a filter that measures noise appends what it found.
    """

    positions: Floats
    size: float
    fps: float | None = None
    scores: Floats | None = None
    doubtful: Mask | None = None
    findings: list[Finding] = field(default_factory=list)

    def without_doubtful(self) -> "Run":
        """The run with its doubtful points missing."""
        if self.doubtful is None:
            return self
        positions = np.where(self.doubtful[..., None], np.nan, self.positions)
        return replace(self, positions=positions, doubtful=None)

    @cached_property
    def present(self) -> Mask:
        """Bool (T, K): where a keypoint has a position."""
        return known_points(self.positions)


class FilterModule(Protocol):
    """A filter: one module of this folder with a ``NAME``.

    A module has ``smooth_run`` if it smooths whole tracks, and ``TABLE_ROW`` with ``GRID`` and
    ``smooth_windows`` (or ``fit_windows``) if it is a row of the results tables.

    Attributes
    ----------
    NAME : on the command line, and in the column ``model`` of the tables.
    LABEL : the name for readers.
    PARAMETERS : every parameter, with its default and its range.

    Optional attributes
    -------------------
    TABLE_ROW : the position among the rows of the results tables.
    GRID : the parameters that tuning on validation windows chooses from.
    smooth_windows : (windows, **params) -> windows, for the tables.
    fit_windows : (noisy, ground truth) training windows -> a function that makes a ``Smooth`` from
        one point of the grid; instead of ``smooth_windows`` where a filter learns.
    smooth_run : (run, **params) -> float64 (T, K, axes). Values where a keypoint is missing are
        ignored.
    BRIDGED_FRAMES : the longest step between frame numbers inside a run, if not the usual one
        (``missing.BRIDGED_FRAMES``).
    REPLACES_OUTLIERS : True if the filter itself puts outliers back to their place: it is given the
        doubtful points, too, which other filters neither see nor move.
    REACHES_ACROSS_SWAPS : True if points that are exchanged are outliers to the filter, which drag
        no others: swaps are then counted, and the file is smoothed as it is.
    WORKS_IN_BLOCKS : True if little more memory is taken than for the result.
    READS_THE_BODY : True if a keypoint's result depends on the others, or on the run's ``size``.
    check : (params) -> None; raises ``InvalidInputError`` where parameters don't fit each other.
    fit_track : (runs of one track, params) -> params, for parameters found from the track.
    """

    NAME: str
    LABEL: str
    PARAMETERS: Mapping[str, Parameter]
