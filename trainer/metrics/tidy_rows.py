"""Scores as tidy rows: one number a row, in the columns of DESIGN section 10."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import POOLED_NAMES
from trainer.metrics.scores import Ratio, Scores, keypoint_mask, metric_cells, ratio

COLUMNS = (
    "model",
    "experiment",
    "seed",
    "split",
    "dataset",
    "keypoint",
    "metric",
    "alpha",
    "value",
    "n",
)


def rows(
    scores: Scores,
    clips: Mapping[str, NDArray[Any]],
    *,
    model: str,
    experiment: str,
    seed: int,
    split: str,
) -> list[dict[str, Any]]:
    """Every metric for all data and each dataset, for all keypoints and each pooled name.

    Parameters
    ----------
    scores : counted over the rows of ``clips``.
    clips : the store's clips table; its column ``dataset`` is read.
    model, experiment, seed, split : copied into each row.

    Returns
    -------
    Rows with the keys ``COLUMNS``; ``alpha`` is None for metrics that have none. Cells in which
    nothing was counted (n = 0, or no motion for the lag) are left out. Weighted by ``n`` the
    keypoint rows give the total again, except for the lag, a regression that weighs by motion.
    """
    dataset_of_clip = np.asarray(clips["dataset"])
    datasets = {"all": np.ones(len(dataset_of_clip), bool)}
    datasets |= {str(name): dataset_of_clip == name for name in np.unique(dataset_of_clip)}
    groups = {name: keypoint_mask(name) for name in ("all", *POOLED_NAMES)}
    about = {"model": model, "experiment": experiment, "seed": seed, "split": split}
    found = []
    for metric, alpha in metric_cells(scores):
        parts = ratio(scores, metric, alpha)
        for dataset, in_dataset in datasets.items():
            for keypoint, in_group in groups.items():
                cell = _cell(parts, np.ix_(in_dataset, in_group))
                where = {"dataset": dataset, "keypoint": keypoint, "metric": metric}
                if cell is not None:
                    found.append({**about, **where, "alpha": alpha, **cell})
    return found


def _cell(parts: Ratio, where: tuple[NDArray[Any], ...]) -> dict[str, float | int] | None:
    below = float(parts.denominator[where].sum())
    n = int(parts.n[where].sum())
    if n == 0 or below == 0.0:
        return None
    return {"value": float(parts.numerator[where].sum()) / below, "n": n}
