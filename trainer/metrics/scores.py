"""What was counted while scoring, by clip and keypoint, and the metrics as ratios of those sums.

Totals, pooled rows, rows by dataset and the bootstrap over videos are all made from one ``Scores``:
each metric is (sum of a numerator) / (sum of a denominator), so rows always add up to totals.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.npz import open_archive, read_array
from pose_smoother.files.plain import Budget, read_plain
from pose_smoother.skeleton import N_KEYPOINTS, POOLED

_MAX_BYTES = 1 << 30
#: The two ways to measure a torso, in the order of the axis N of ``Scores``.
NORMALISATIONS = ("skip", "one-side")


@dataclass(frozen=True)
class Scores:
    """Sums and counts by clip row C and keypoint K, over all scored windows and their frames.

    Attributes
    ----------
    alphas : float64 (A,), the shares of the torso that PCK allows.
    missing_torso : which normalisation carries the plain names ``pck`` and ``mean_threshold_px``.
    hits : int64 (C, N, A, K), predictions within alpha x torso, by normalisation N.
    scored : int64 (C, N, K), annotated keypoints in frames that have a torso.
    torso_px : float64 (C, N, K), sum of the torso over the scored keypoints.
    annotated : int64 (C, K), annotated keypoints.
    error_px : float64 (C, K), sum of the distance to the truth over the annotated keypoints.
    triples : int64 (C, K), runs of three window frames in which the keypoint is annotated.
    acceleration_error_px : float64 (C, K), sum over triples of the norm of the difference of the
        second differences; px / frame^2.
    lag_product_px2 : float64 (C, K), sum over triples of -(prediction - truth) . v, where v is the
        truth's central difference.
    speed_squared_px2 : float64 (C, K), sum over triples of v . v.
    """

    alphas: NDArray[np.float64]
    missing_torso: str
    hits: NDArray[np.int64]
    scored: NDArray[np.int64]
    torso_px: NDArray[np.float64]
    annotated: NDArray[np.int64]
    error_px: NDArray[np.float64]
    triples: NDArray[np.int64]
    acceleration_error_px: NDArray[np.float64]
    lag_product_px2: NDArray[np.float64]
    speed_squared_px2: NDArray[np.float64]

    def __add__(self, other: "Scores") -> "Scores":
        """Scores of two sets of windows together.

        Raises
        ------
        ValueError : they count different alphas, normalisations or clip tables.
        """
        mine, theirs = self._settings(), other._settings()
        if mine != theirs:
            raise ValueError(f"can't add scores of {mine} and of {theirs}")
        return self._with(
            {name: getattr(self, name) + getattr(other, name) for name in _SUMS},
        )

    def subset(self, clips: NDArray[Any]) -> "Scores":
        """The scores of some clip rows (a bool mask of length C, or row numbers)."""
        return self._with({name: getattr(self, name)[clips] for name in _SUMS})

    def save(self, path: Path) -> None:
        """Write as ``.npz``, atomically; the same scores give the same bytes."""
        buffer = io.BytesIO()
        content: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        np.savez(buffer, **content)
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
            with open_archive(raw, _MAX_BYTES) as archive:
                found = {f.name: read_array(archive, f.name, budget) for f in fields(cls)}
        except (OSError, InvalidInputError) as error:
            raise RunError(f"{path} is not a readable file of scores: {error}") from None
        if fault := _fault_of(found):
            raise RunError(f"{path} is damaged: {fault}")
        return cls(**{**found, "missing_torso": str(found["missing_torso"])})  # type: ignore[arg-type]

    def _settings(self) -> tuple[list[float], str, tuple[int, ...]]:
        return self.alphas.tolist(), self.missing_torso, self.annotated.shape

    def _with(self, sums: dict[str, NDArray[Any]]) -> "Scores":
        return Scores(alphas=self.alphas, missing_torso=self.missing_torso, **sums)


_SUMS = tuple(f.name for f in fields(Scores) if f.name not in ("alphas", "missing_torso"))


def _fault_of(found: Mapping[str, NDArray[Any] | None]) -> str:
    """What is wrong with the arrays of a file of scores; "" if nothing is."""
    alphas, annotated = found["alphas"], found["annotated"]
    if alphas is None or annotated is None or alphas.ndim != 1 or annotated.ndim != 2:
        return "it lacks alphas or annotated, or they have other axes"
    clips, keypoints, norms = len(annotated), N_KEYPOINTS, len(NORMALISATIONS)
    shapes: dict[str, tuple[int, ...]] = {
        "alphas": alphas.shape,
        "missing_torso": (),
        "hits": (clips, norms, len(alphas), keypoints),
        "scored": (clips, norms, keypoints),
        "torso_px": (clips, norms, keypoints),
    }
    for name, array in found.items():
        kinds = "U" if name == "missing_torso" else "iuf"
        shape = shapes.get(name, (clips, keypoints))
        if array is None or array.dtype.kind not in kinds or array.shape != shape:
            return f"expected {name} of shape {shape}"
        if kinds == "iuf" and not np.isfinite(array).all():
            return f"{name} has numbers that are not finite"
    if str(found["missing_torso"]) not in NORMALISATIONS:
        return "its missing_torso is unknown"
    return ""


@dataclass(frozen=True)
class Ratio:
    """A metric before division; all (C, K).

    Attributes
    ----------
    numerator : float64, in percent for PCK.
    denominator : float64; equal to ``n`` but for the lag, which divides by motion.
    n : int64, keypoints counted.
    """

    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    n: NDArray[np.int64]


def metric_cells(scores: Scores) -> list[tuple[str, float | None]]:
    """Every (metric, alpha) that the scores hold; alpha is None for those that have none."""
    names = [f"{stem}{mid}{end}" for stem, end in _BY_ALPHA for mid in _suffixes(scores)]
    return [(name, float(alpha)) for name in names for alpha in scores.alphas] + [
        (name, None) for name in ("error_px", "acceleration_error_px", "lag_frames")
    ]


def ratio(scores: Scores, metric: str, alpha: float | None = None) -> Ratio:
    """Numerators and denominators of one metric, by clip and keypoint.

    Parameters
    ----------
    metric : ``pck`` (percent), ``mean_threshold_px``, the same under the other normalisation
        (``pck_one_side``, ``mean_threshold_one_side_px``; ``_skip`` where one-side is the main
        one), ``error_px``, ``acceleration_error_px`` (px / frame^2) or ``lag_frames`` (window
        frames; positive when predictions come late).
    alpha : needed by the metrics of the torso only.

    Raises
    ------
    ValueError : unknown metric, or an alpha that was not counted.
    """
    if metric == "error_px":
        return _per_count(scores.error_px, scores.annotated)
    if metric == "acceleration_error_px":
        return _per_count(scores.acceleration_error_px, scores.triples)
    if metric == "lag_frames":
        return Ratio(scores.lag_product_px2, scores.speed_squared_px2, scores.triples)
    for suffix, row in _suffixes(scores).items():
        if metric == f"pck{suffix}":
            hits = scores.hits[:, row, _alpha_index(scores, alpha)]
            return _per_count(100.0 * hits, scores.scored[:, row])
        if metric == f"mean_threshold{suffix}_px":
            allowed = float(scores.alphas[_alpha_index(scores, alpha)])
            return _per_count(allowed * scores.torso_px[:, row], scores.scored[:, row])
    known = dict.fromkeys(name for name, _ in metric_cells(scores))
    raise ValueError(f"unknown metric {metric!r}; known: {', '.join(known)}")


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


def keypoint_mask(keypoint: str) -> NDArray[np.bool_]:
    """Bool (K,): the keypoints of a pooled name, left and right together, or of ``all``."""
    mask = np.array([keypoint in ("all", name) for name in POOLED])
    if not mask.any():
        raise ValueError(f"unknown keypoint {keypoint!r}; known: all, {', '.join(POOLED)}")
    return mask


_BY_ALPHA = (("pck", ""), ("mean_threshold", "_px"))


def _suffixes(scores: Scores) -> dict[str, int]:
    """What a metric's name says of its normalisation -> the row of the axis N."""
    main = NORMALISATIONS.index(scores.missing_torso)
    other = 1 - main
    return {"": main, "_" + NORMALISATIONS[other].replace("-", "_"): other}


def _alpha_index(scores: Scores, alpha: float | None) -> int:
    found = np.flatnonzero(scores.alphas == alpha)
    if not found.size:
        raise ValueError(f"alpha {alpha} was not counted; known: {scores.alphas.tolist()}")
    return int(found[0])


def _per_count(numerator: NDArray[Any], n: NDArray[np.int64]) -> Ratio:
    return Ratio(numerator.astype(np.float64), n.astype(np.float64), n)
