"""The sums of scoring, by clip and keypoint, and the metrics as ratios of them.

Totals, pooled rows, rows by dataset and the bootstrap over videos are all made from one ``Scores``:
each metric is (sum of a numerator) / (sum of a denominator), so rows always add up to totals.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import open_archive, read_array
from pose_smoother.files.plain import Budget, read_plain
from pose_smoother.skeleton import N_KEYPOINTS, POOLED
from trainer.metrics.table import ANNOTATED, METRICS, SUMS, Metric, Sum
from trainer.settings import MISSING_TORSO

_MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Scores:
    """Sums and counts by clip row C and keypoint K, over all scored windows and their frames.

    Attributes
    ----------
    alphas : float64 (A,), the shares of the torso that PCK allows.
    missing_torso : which normalisation carries the plain names ``pck`` and ``mean_threshold_px``.
    sums : name of a ``Sum`` -> int64 (counts) or float64 (lengths, px) (C, K), (C, N, K) or
        (C, N, A, K), by normalisation N and alpha A as its ``axes`` say. Scores that were saved
        before a sum was added lack it.
    """

    alphas: NDArray[np.float64]
    missing_torso: str
    sums: Mapping[str, NDArray[Any]]

    @property
    def annotated(self) -> NDArray[np.int64]:
        """int64 (C, K), annotated keypoints."""
        return self.sums[ANNOTATED.name]

    def __add__(self, other: "Scores") -> "Scores":
        """Scores of two sets of windows together.

        What only one of them counted, as it was saved after a metric was added, is left out.

        Raises
        ------
        ValueError : they count different alphas, normalisations or clip tables.
        """
        if self._settings() != other._settings():
            raise ValueError(f"can't add scores of {self._settings()} and of {other._settings()}")
        both = {name: self.sums[name] for name in self.sums if name in other.sums}
        return replace(self, sums={name: one + other.sums[name] for name, one in both.items()})

    def subset(self, clips: NDArray[Any]) -> "Scores":
        """The scores of some clip rows (a bool mask of length C, or row numbers)."""
        return replace(self, sums={name: one[clips] for name, one in self.sums.items()})

    def save(self, path: Path) -> None:
        """Write as ``.npz``, atomically; the same scores give the same bytes."""
        buffer = io.BytesIO()
        content: dict[str, Any] = {"alphas": self.alphas, "missing_torso": self.missing_torso}
        np.savez(buffer, **{**content, **self.sums})
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Scores":
        """Read what ``save`` wrote.

        Raises
        ------
        RunError : the file is absent, cut or not a file of scores.
        """
        try:
            raw = read_plain(path, _MAX_BYTES)
            budget = Budget(len(raw), _MAX_BYTES)
            names = ("alphas", "missing_torso", *(one.name for one in SUMS))
            with open_archive(raw, _MAX_BYTES) as archive:
                found = {name: read_array(archive, name, budget) for name in names}
        except (OSError, InvalidInputError) as error:
            raise RunError(f"{path} is not a readable file of scores: {error}") from None
        known = {name: array for name, array in found.items() if array is not None}
        if fault := fault_of(known):
            raise RunError(f"{path} is damaged: {fault}")
        alphas, missing_torso = known.pop("alphas"), known.pop("missing_torso")
        return cls(alphas, str(missing_torso), known)

    def _settings(self) -> tuple[list[float], str, tuple[int, ...]]:
        return self.alphas.tolist(), self.missing_torso, self.annotated.shape


def fault_of(found: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with the arrays of a file of scores; "" if nothing is."""
    if absent := {"alphas", "missing_torso", ANNOTATED.name} - set(found):
        return f"it has no {min(absent)}"
    alphas, annotated = found["alphas"], found[ANNOTATED.name]
    if alphas.ndim != 1 or annotated.ndim != 2 or annotated.shape[1] != N_KEYPOINTS:
        return f"expected {ANNOTATED.name} of shape (clips, {N_KEYPOINTS})"
    lengths = {"N": len(MISSING_TORSO), "A": len(alphas)}
    shapes = {"alphas": alphas.shape, "missing_torso": ()}
    for one in SUMS:
        middle = tuple(lengths[axis] for axis in one.axes)
        shapes[one.name] = (len(annotated), *middle, N_KEYPOINTS)
    for name, array in found.items():
        kinds = "U" if name == "missing_torso" else "iuf"
        if array.dtype.kind not in kinds or array.shape != shapes[name]:
            return f"expected {name} of shape {shapes[name]}"
        if kinds == "iuf" and not np.isfinite(array).all():
            return f"{name} has numbers that are not finite"
    if str(found["missing_torso"]) not in MISSING_TORSO:
        return "its missing_torso is unknown"
    return ""


@dataclass(frozen=True)
class Ratio:
    """A metric before division; all (C, K).

    Attributes
    ----------
    numerator : float64, in percent for PCK.
    denominator : float64; equal to ``n`` except for the lag, which divides by motion.
    n : int64, keypoints counted.
    """

    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    n: NDArray[np.int64]


def metric_cells(scores: Scores) -> list[tuple[str, float | None]]:
    """Every (metric, alpha) that the scores hold; alpha is None for those that have none."""
    return [
        (name, alpha)
        for name, (metric, _) in _named(scores).items()
        for alpha in (map(float, scores.alphas) if metric.per_alpha else (None,))
    ]


def ratio(scores: Scores, metric: str, alpha: float | None = None) -> Ratio:
    """Numerators and denominators of one metric, by clip and keypoint.

    Parameters
    ----------
    metric : a name that ``METRICS`` gives: ``pck`` (percent), ``mean_threshold_px``, the same under
        the other normalisation (``pck_one_side``, ``mean_threshold_one_side_px``; ``_skip`` where
        one-side is the main one), ``error_px``, ``acceleration_error_px``, ``lag_frames``, ...
    alpha : needed by the metrics that have one for each alpha.

    Raises
    ------
    ValueError : a metric that is unknown, or whose sums were not counted; an alpha that was not.
    """
    known = _named(scores)
    if metric not in known:
        raise ValueError(f"unknown metric {metric!r}; known: {', '.join(known)}")
    row, normalisation = known[metric]
    index = _alpha_index(scores, alpha) if row.per_alpha else 0
    above, below, counted = (
        _cells(scores, one, normalisation, index)
        for one in (row.numerator, row.denominator, row.counted or row.denominator)
    )
    factor = row.scale * (float(scores.alphas[index]) if row.times_alpha else 1.0)
    return Ratio(factor * above, below.astype(np.float64), counted)


def value(scores: Scores, metric: str, alpha: float | None = None, keypoint: str = "all") -> float:
    """One number over all clips: a metric for all keypoints, or for one pooled name (``wrist``).

    NaN where nothing was counted. Parameters and Raises as in ``ratio``.
    """
    parts = ratio(scores, metric, alpha)
    chosen = keypoint_mask(keypoint)
    below = parts.denominator[:, chosen].sum()
    return float(parts.numerator[:, chosen].sum() / below) if below else float("nan")


def pck(scores: Scores, alpha: float, keypoint: str = "all") -> float:
    """PCK@alpha in percent under the main normalisation; NaN where nothing was scored."""
    return value(scores, "pck", alpha, keypoint)


@cache
def keypoint_mask(keypoint: str) -> NDArray[np.bool_]:
    """Bool (K,), read-only: the keypoints of a pooled name, left and right together, or of ``all``.

    Raises
    ------
    ValueError : an unknown name.
    """
    mask = np.array([keypoint in ("all", name) for name in POOLED])
    if not mask.any():
        raise ValueError(f"unknown keypoint {keypoint!r}; known: all, {', '.join(POOLED)}")
    mask.setflags(write=False)
    return mask


def _named(scores: Scores) -> Mapping[str, tuple[Metric, int]]:
    """Name in results -> its metric and the row of the axis N, for all whose sums were counted."""
    return _names_of(scores.missing_torso, frozenset(scores.sums))


@cache
def _names_of(missing_torso: str, sums: frozenset[str]) -> Mapping[str, tuple[Metric, int]]:
    main = MISSING_TORSO.index(missing_torso)
    other = 1 - main
    suffixes = {"": main, "_" + MISSING_TORSO[other].replace("-", "_"): other}
    return {
        metric.name.format(torso=suffix): (metric, row)
        for metric in METRICS
        if all(one.name in sums for one in metric.sums)
        for suffix, row in (suffixes if metric.by_normalisation else {"": main}).items()
    }


def _cells(scores: Scores, one: Sum, normalisation: int, alpha: int) -> NDArray[Any]:
    """A sum by clip and keypoint, (C, K)."""
    index = {"N": normalisation, "A": alpha}
    cells = scores.sums[one.name]
    for axis in one.axes:  # the first axis is C
        cells = cells[:, index[axis]]
    return cells


def _alpha_index(scores: Scores, alpha: float | None) -> int:
    found = np.flatnonzero(scores.alphas == alpha)
    if not found.size:
        raise ValueError(f"alpha {alpha} was not counted; known: {scores.alphas.tolist()}")
    return int(found[0])
