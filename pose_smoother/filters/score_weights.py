"""Scores as weights: what each point of a run counts in a filter that weighs them."""

import numpy as np

from pose_smoother.filters.base import Floats, Run

_LEAST_WEIGHT = 0.02


def are_probabilities(score: Floats) -> bool:
    """Whether scores are given, and about between 0 and 1."""
    given = score[np.isfinite(score)]
    return bool(len(given)) and given.min() >= 0 and 0 < given.max() <= 2


def weights(run: Run) -> Floats | None:
    """The precision of each point, in proportion to its score; the mean of a keypoint is 1.

    Returns
    -------
    float64 (T, K), or None where scores say nothing: not given, not probabilities, all alike.
    """
    if run.scores is None or not are_probabilities(run.scores):
        return None
    given = np.where(run.present & np.isfinite(run.scores), run.scores, np.nan)
    given = np.clip(given, _LEAST_WEIGHT, None)
    known = np.isfinite(given)
    n_known = known.sum(axis=0)
    mean = np.where(known, given, 0.0).sum(axis=0) / np.maximum(n_known, 1)
    found = np.where(known, given / np.where(n_known > 0, mean, 1.0), 1.0)
    return None if np.allclose(found, 1.0, atol=1e-3) else found
