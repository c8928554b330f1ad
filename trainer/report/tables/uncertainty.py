"""The calibration of a model's uncertainty: the share of the ground truth in its regions."""

from typing import Any

from pose_smoother.skeleton import POOLED_NAMES
from trainer.report.collect import Collection
from trainer.report.tables.grid import figures, label
from trainer.report.tables.table import ABSENT, Row, Table

_COLUMNS = ("model", "experiment", "keypoint", "alpha", "value", "n", "seeds")

#: (model, experiment) -> (keypoint, share) -> seed -> (percent inside, keypoints counted)
_Found = dict[tuple[str, str], dict[tuple[str, float], dict[int, tuple[float, int]]]]


def coverage_table(found: Collection) -> Table | None:
    """By keypoint, the share of the ground truth in the regions made to hold 50 and 90 % of it.

    Several seeds are pooled by their counts. None without a model that has an uncertainty.
    """
    by_run = _coverage(found)
    if not by_run:
        return None
    shares = sorted({share for cells in by_run.values() for _, share in cells})
    rows, records = [], []
    for (model, experiment), cells in by_run.items():
        rows.append(Row("block", f"{label(model)} {experiment}"))
        for keypoint in ("all", *POOLED_NAMES):
            pooled = [_pooled(cells.get((keypoint, share), {})) for share in shares]
            if not any(pooled):
                continue
            texts = tuple(ABSENT if p is None else figures(p[0]) for p in pooled)
            counted = next(p[1] for p in pooled if p is not None)
            rows.append(Row("value", keypoint, (*texts, f"{counted:,}")))
            for share, cell in zip(shares, pooled, strict=True):
                if cell is not None:
                    seeds = " ".join(map(str, sorted(cells[keypoint, share])))
                    record = (model, experiment, keypoint, share, *cell, seeds)
                    records.append(dict(zip(_COLUMNS, record, strict=True)))
    heads = (*(f"% inside the {share:.0%} region" for share in shares), "Keypoints")
    return Table(
        "coverage",
        "Uncertainty: ground truth inside the regions",
        (tuple((head, 1) for head in heads),),
        tuple(rows),
        _COLUMNS,
        tuple(records),
        ("Regions are discs whose radii were fitted on validation windows, by keypoint.",),
        "Model and keypoint",
    )


def _coverage(found: Collection) -> _Found:
    by_run: _Found = {}
    for run in sorted(found.runs, key=lambda run: (run.model, run.experiment, run.seed)):
        rows: list[dict[str, Any]] = run.results["rows"] if run.results else []
        for row in rows:
            if row["metric"] == "coverage" and row["dataset"] == "all":
                cells = by_run.setdefault((run.model, run.experiment), {})
                cell = (row["keypoint"], float(row["alpha"]))
                cells.setdefault(cell, {})[run.seed] = (row["value"], row["n"])
    return by_run


def _pooled(by_seed: dict[int, tuple[float, int]]) -> tuple[float, int] | None:
    n = sum(count for _, count in by_seed.values())
    if not n:
        return None
    return sum(value * count for value, count in by_seed.values()) / n, n
