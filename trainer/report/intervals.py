"""Every number of a report with its interval and count, and all paired differences.

Several seeds are pooled by adding their counts, which is the mean over seeds, as each seed scores
the same keypoints. The intervals are over what was split as one, videos or blocks of neighbouring
ids; they hold the seeds fixed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.skeleton import POOLED_NAMES
from trainer.experiments import KNOWN
from trainer.metrics.bootstrap import interval, paired_difference
from trainer.metrics.scores import Scores, keypoint_mask, metric_cells, ratio, value
from trainer.report.collect import Collection, row_order

#: Metrics that tables give by keypoint.
BY_KEYPOINT = ("pck", "error_px")
#: Metrics of which every pair of rows is compared.
COMPARED = ("pck", "error_px", "acceleration_error_px")


@dataclass(frozen=True)
class Number:
    """One figure: a row's metric over some of the test data.

    Attributes
    ----------
    alpha : None for metrics that have none.
    value, low, high : the figure and its 95 % interval by bootstrap over what was split as one; low
        and high are NaN with fewer than two of them.
    n : keypoints counted, over all seeds.
    n_videos : videos that contribute: with ``missing_torso`` "skip", PCK counts nothing of many.
    n_drawn : videos, or blocks of neighbouring ids, that contribute: the interval draws these.
    seeds : the runs' seeds.
    seed_sd : standard deviation of the seeds' own values; NaN with one seed.
    """

    model: str
    experiment: str
    dataset: str
    keypoint: str
    metric: str
    alpha: float | None
    value: float
    low: float
    high: float
    n: int
    n_videos: int
    n_drawn: int
    seeds: tuple[int, ...]
    seed_sd: float


@dataclass(frozen=True)
class Difference:
    """``first`` minus ``second`` on the same videos, noise and seeds; fields as in ``Number``."""

    experiment: str
    metric: str
    alpha: float | None
    first: str
    second: str
    difference: float
    low: float
    high: float
    n: int
    n_videos: int
    n_drawn: int
    seeds: tuple[int, ...]


#: (model, experiment, dataset, keypoint, metric, alpha)
NumberKey = tuple[str, str, str, str, str, float | None]


def numbers(found: Collection, by_video: bool = False) -> dict[NumberKey, Number]:
    """All figures, experiment by experiment, rows in a table's order.

    ``by_video`` draws single videos, even where neighbouring ids were split as one.
    """
    listed = {}
    videos, drawn = _labels(found, by_video)
    for model, experiment in _rows_in_order(found):
        seeds = found.scores[model, experiment]
        for dataset in ("all", *found.data.datasets):
            chosen = np.array(found.data.clips["dataset"] == dataset) | (dataset == "all")
            part = {seed: scores.subset(chosen) for seed, scores in seeds.items()}
            labels = videos[chosen], drawn[chosen]
            for number in _of_row(model, experiment, dataset, part, labels):
                key = (model, experiment, dataset, number.keypoint, number.metric, number.alpha)
                listed[key] = number
    return listed


def differences(found: Collection, by_video: bool = False) -> list[Difference]:
    """Every pair of rows of the same experiment, later minus earlier in a table's order.

    Pairs are compared on the seeds that both have; a pair without any is left out. ``by_video`` as
    in ``numbers``.
    """
    listed = []
    labels = _labels(found, by_video)
    for experiment in dict.fromkeys(e for _, e in _rows_in_order(found)):
        models = [m for m, e in _rows_in_order(found) if e == experiment]
        for second, first in combinations(models, 2):
            of_first, of_second = found.scores[first, experiment], found.scores[second, experiment]
            seeds = tuple(sorted(set(of_first) & set(of_second)))
            if seeds:
                pair = _pooled(of_first, seeds), _pooled(of_second, seeds)
                listed += list(_of_pair(experiment, first, second, pair, labels, seeds))
    return listed


def as_records(items: Iterable[Number] | Iterable[Difference]) -> list[dict[str, Any]]:
    """Numbers or differences as rows of a CSV; seeds as text, "0 1 2"."""
    return [{**vars(item), "seeds": " ".join(map(str, item.seeds))} for item in items]


def _labels(found: Collection, by_video: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each clip's video and what is drawn with it, as numbers in the order of their names."""
    labels = found.data.videos, found.data.drawn_together(by_video)
    videos, drawn = (np.unique(names, return_inverse=True)[1] for names in labels)
    return videos, drawn


def _rows_in_order(found: Collection) -> list[tuple[str, str]]:
    order = row_order()
    experiments = [e.name for e in KNOWN]
    return sorted(found.scores, key=lambda key: (experiments.index(key[1]), order.index(key[0])))


def _pooled(by_seed: dict[int, Scores], seeds: tuple[int, ...]) -> Scores:
    return reduce(add, (by_seed[seed] for seed in seeds))


def _of_row(
    model: str,
    experiment: str,
    dataset: str,
    by_seed: dict[int, Scores],
    labels: tuple[NDArray[Any], NDArray[Any]],
) -> Iterator[Number]:
    seeds = tuple(sorted(by_seed))
    videos, drawn = labels
    pooled = _pooled(by_seed, seeds)
    for metric, alpha in metric_cells(pooled):
        keypoints = ("all", *POOLED_NAMES) if metric in BY_KEYPOINT else ("all",)
        counted = ratio(pooled, metric, alpha).n
        for keypoint in keypoints:
            mine = counted[:, keypoint_mask(keypoint)].sum(axis=1)
            n = int(mine.sum())
            if n == 0:
                continue
            found = interval(pooled, drawn, metric, alpha, keypoint=keypoint)
            apart = [value(by_seed[seed], metric, alpha, keypoint) for seed in seeds]
            yield Number(
                model,
                experiment,
                dataset,
                keypoint,
                metric,
                alpha,
                found.value,
                found.low,
                found.high,
                n,
                _n_contributing(videos, mine),
                found.n_groups,
                seeds,
                float(np.std(apart, ddof=1)) if len(apart) > 1 else float("nan"),
            )


def _of_pair(
    experiment: str,
    first: str,
    second: str,
    pair: tuple[Scores, Scores],
    labels: tuple[NDArray[Any], NDArray[Any]],
    seeds: tuple[int, ...],
) -> Iterator[Difference]:
    videos, drawn = labels
    for metric, alpha in metric_cells(pair[0]):
        if metric not in COMPARED:
            continue
        found = paired_difference(*pair, drawn, metric, alpha)
        counted = [ratio(scores, metric, alpha).n.sum(axis=1) for scores in pair]
        n, n_videos = int(counted[0].sum()), _n_contributing(videos, *counted)
        where = (experiment, metric, alpha, first, second)
        limits = (found.low, found.high)
        yield Difference(*where, found.value, *limits, n, n_videos, found.n_groups, seeds)


def _n_contributing(labels: NDArray[Any], *counted: NDArray[Any]) -> int:
    """How many labels have a row of which something was counted, in each of the counts (C,)."""
    return len(set.intersection(*(set(labels[n > 0].tolist()) for n in counted)))
