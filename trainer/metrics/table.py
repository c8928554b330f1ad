"""The metrics, one row each: a sum over windows divided by another one.

A new metric is a row of ``METRICS`` and a function for each sum that no row has yet. Scoring,
``scores.npz``, results, intervals and reports read the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.metrics.units import in_units, length

if TYPE_CHECKING:  # results are read where torch is not loaded
    from torch import Tensor

    from trainer.metrics.ground_truth import GroundTruth, Shift


@dataclass(frozen=True)
class Sum:
    """A quantity that is summed over the frames of windows, for each keypoint.

    Attributes
    ----------
    name : of its array in ``scores.npz``.
    count : (ground truth, shift of the predictions from it) -> int64 (B, K) tensors: one, or one
        for each element of ``axes``, the last axis fastest. Whole numbers add up to the same total
        in every order; ``in_units`` makes them of lengths.
    axes : "N" where the normalisations (``MISSING_TORSO``) are counted apart, "NA" where
        the alphas are too.
    is_length : ``in_units`` made it: its array is float64, in pixels; else int64, a count.
    of_truth : no prediction changes it: it is counted once for all that are compared.
    """

    name: str
    count: Callable[["GroundTruth", "Shift"], "list[Tensor]"]
    axes: str = ""
    is_length: bool = False
    of_truth: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric: the sum of its numerator over the sum of its denominator.

    Attributes
    ----------
    name : in results; "{torso}" becomes the suffix of a normalisation that is not the main one.
    numerator, denominator : its sums.
    per_alpha : whether there is one for each share of the torso that PCK allows.
    counted : the sum that says how many keypoints were counted; None is the denominator.
    scale : factor of the numerator.
    times_alpha : whether alpha is a factor, too.
    """

    name: str
    numerator: Sum
    denominator: Sum
    per_alpha: bool = False
    counted: Sum | None = None
    scale: float = 1.0
    times_alpha: bool = False

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The sums that it needs."""
        both = (self.numerator, self.denominator)
        return both if self.counted is None else (*both, self.counted)

    @property
    def by_normalisation(self) -> bool:
        """Whether each normalisation has its own."""
        return "N" in self.numerator.axes


def _hits(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Predictions within alpha x torso of the ground truth."""
    import torch

    allowed = truth.torso[..., None] * shift.alphas  # (B, T, A)
    near = shift.length[:, :, None] <= allowed[..., None]  # (B, T, A, K)
    hits: list[Tensor] = []
    for scored in truth.scored:
        hit = (near & scored[:, :, None]).view(torch.int8)
        hits += hit.sum(dim=1, dtype=torch.int16).to(torch.int64).unbind(1)
    return hits


def _scored(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Annotated keypoints in frames that have a torso."""
    return [one.sum(dim=1) for one in truth.scored]


def _torso(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """The torso, over the scored keypoints."""
    torso = in_units(truth.torso)[..., None]
    return [(torso * one).sum(dim=1) for one in truth.scored]


def _annotated(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    return [truth.annotated.sum(dim=1)]


def _error(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Distance to the ground truth; an absent keypoint has shift 0."""
    return [in_units(shift.length).sum(dim=1)]


def _scored_error(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Distance to the ground truth over the keypoints that PCK scores."""
    error = in_units(shift.length)
    return [(error * one).sum(dim=1) for one in truth.scored]


def _triples(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Three consecutive window frames in which the keypoint is annotated."""
    return [truth.triple.sum(dim=1)]


def _acceleration_error(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """Norm of the difference of the second differences, over triples; px / frame^2."""
    # The difference of the two second differences is the second difference of the shift.
    bend = (p[:, 2:] - 2.0 * p[:, 1:-1] + p[:, :-2] for p in (shift.x, shift.y))
    return [(in_units(length(*bend)) * truth.triple).sum(dim=1)]


def _lag_product(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """-(prediction - truth) . v over triples, v the truth's central difference; px^2."""
    # predicted(t) ~ truth(t - lag) ~ truth(t) - lag * v: least squares over all triples.
    late = -(shift.x[:, 1:-1] * truth.speed_x + shift.y[:, 1:-1] * truth.speed_y)
    return [(in_units(late) * truth.triple).sum(dim=1)]


def _speed_squared(truth: "GroundTruth", shift: "Shift") -> "list[Tensor]":
    """v . v over triples; px^2."""
    squared = in_units(truth.speed_x.square() + truth.speed_y.square())
    return [(squared * truth.triple).sum(dim=1)]


HITS = Sum("hits", _hits, "NA")
SCORED = Sum("scored", _scored, "N", of_truth=True)
TORSO = Sum("torso_px", _torso, "N", is_length=True, of_truth=True)
ANNOTATED = Sum("annotated", _annotated, of_truth=True)
ERROR = Sum("error_px", _error, is_length=True)
SCORED_ERROR = Sum("scored_error_px", _scored_error, "N", is_length=True)
TRIPLES = Sum("triples", _triples, of_truth=True)
ACCELERATION_ERROR = Sum("acceleration_error_px", _acceleration_error, is_length=True)
LAG_PRODUCT = Sum("lag_product_px2", _lag_product, is_length=True)
SPEED_SQUARED = Sum("speed_squared_px2", _speed_squared, is_length=True, of_truth=True)

#: In the order of the rows of results. PCK is in percent; the lag, in window frames, is positive
#: where predictions come late.
METRICS = (
    Metric("pck{torso}", HITS, SCORED, per_alpha=True, scale=100.0),
    Metric("mean_threshold{torso}_px", TORSO, SCORED, per_alpha=True, times_alpha=True),
    Metric("error_px", ERROR, ANNOTATED),
    Metric("acceleration_error_px", ACCELERATION_ERROR, TRIPLES),
    Metric("lag_frames", LAG_PRODUCT, SPEED_SQUARED, counted=TRIPLES),
    Metric("scored_error{torso}_px", SCORED_ERROR, SCORED),
)

#: Every sum above, in the order of the arrays of ``scores.npz``.
SUMS = tuple(one for one in globals().values() if isinstance(one, Sum))
