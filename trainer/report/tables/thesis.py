"""Tables 1 to 4 of the thesis and their twins, and the same rows by other measures."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from pose_smoother.skeleton import POOLED_NAMES
from pose_smoother.store.config import NEIGHBOURING_IDS
from trainer.experiments import EXPERIMENTS, REAL, THESIS_MODELS
from trainer.metrics.scorer import ALPHAS
from trainer.report.tables.grid import (
    CSV_COLUMNS,
    Block,
    CellKey,
    ReportData,
    figures,
    grid,
    label,
    signed,
)
from trainer.report.tables.table import ABSENT, Row, Table

#: Shifting-scalar as text -> its experiments.
BY_K: dict[str, list[str]] = {
    k: [e.name for e in EXPERIMENTS if f"{e.k:g}" == k]
    for k in dict.fromkeys(f"{e.k:g}" for e in EXPERIMENTS)
}
_PCK_NOTE = (
    "PCK in percent; the mean threshold is the mean distance, in heatmap pixels, within which a "
    "keypoint counts as found."
)


def pck_table(source: ReportData, k: str) -> Table:
    """Table 1 (k = 1) or 2 (k = 2): PCK at three alphas by experiment, then both errors."""
    title = f"Table {k}: test PCK and errors, shifting-scalar k = {k}"
    notes = (_PCK_NOTE, interval_note(source), *_error_notes(source))
    block = Block("", _headline(source, k))
    return grid(source, f"table{k}", title, _headline_heads(k), [block], notes)


def interval_note(source: ReportData) -> str:
    """What the intervals of a table draw, and what n counts."""
    drawn = (
        f"blocks of {NEIGHBOURING_IDS} neighbouring ids, which were split as one and often share a "
        "source video"
        if source.is_by_blocks
        else "test videos"
    )
    n = "n counts keypoints of test windows, for each seed"
    return f"Intervals: 95 % by bootstrap over {drawn}; {n}."


def _headline(source: ReportData, k: str, torso: str = "") -> tuple[CellKey, ...]:
    """The columns of a headline table: PCK, error of the keypoints it scores, acceleration error.

    Parameters
    ----------
    torso : what the metrics' names say of the normalisation; "" is the runs' main one.
    """
    scored = f"scored_error{torso}_px"
    error = scored if _is_counted(source, scored) else "error_px"
    keys: list[tuple[str, float | None]] = [("pck" + torso, alpha) for alpha in ALPHAS]
    keys += [(error, None), ("acceleration_error_px", None)]
    return tuple(CellKey(e, metric, alpha) for (metric, alpha), e in product(keys, BY_K[k]))


def _is_counted(source: ReportData, metric: str) -> bool:
    return any(key[4] == metric for key in source.numbers)


def _error_notes(source: ReportData) -> list[str]:
    """What the two errors of a headline table are, and of which keypoints."""
    scored = _is_counted(source, "scored_error_px")
    whose = "the keypoints that PCK scores" if scored else "all annotated keypoints"
    return [
        f"Error: mean distance to the ground truth over {whose}. Acceleration error: mean length "
        "of the difference of second differences, over all annotated keypoints. Videos: those "
        "that contribute."
    ]


def keypoint_table(source: ReportData, k: str, alpha: float) -> Table:
    """Table 3 (k = 1) or 4 (k = 2), or the same table at another alpha: PCK by keypoint."""
    number = int(k) + 2
    keypoints = [name for name in POOLED_NAMES if _is_known(source, k, name, alpha)] + ["all"]
    blocks = [
        Block(f"Experiment {e}", tuple(CellKey(e, "pck", alpha, name) for name in keypoints))
        for e in BY_K[k]
    ]
    is_printed = alpha == 0.1
    name = f"table{number}" + ("" if is_printed else f"-at-{alpha}")
    note = "" if is_printed else ", which the thesis does not print"
    heads = [[(name.capitalize() if name != "all" else "Total", 1) for name in keypoints]]
    notes = [
        "Left and right are pooled. The total is the micro average: the keypoints' rows weighted "
        "by n give it again.",
        interval_note(source),
        *(_odd_totals(source, k, alpha) if is_printed else ()),
    ]
    title = f"Table {number}: test PCK@{alpha:g} by keypoint, k = {k}{note}"
    table = grid(source, name, title, heads, blocks, notes)
    return _with_means(source, table, k, alpha, keypoints) if is_printed else table


def one_side_table(source: ReportData) -> Table | None:
    """PCK under the second normalisation, both k; None where it was not counted."""
    plain = {"pck_one_side": "one side suffices", "pck_skip": "frames without all four skipped"}
    metrics = {key[4] for key in source.numbers} & set(plain)
    if not metrics:
        return None
    (metric,) = metrics
    torso = metric.removeprefix("pck")
    blocks = [Block(f"k = {k}", _headline(source, k, torso)) for k in BY_K]
    notes = (
        "The torso is the mean of the annotated sides' shoulder–hip distance, where at least one "
        "side is annotated; Tables 1 to 4 score only frames with both."
        if metric == "pck_one_side"
        else "Only frames with both shoulders and both hips annotated are scored.",
        _PCK_NOTE,
        interval_note(source),
        *_error_notes(source),
    )
    heads = _headline_heads("1")
    heads[1] = [(f"k.{name.split('.')[1]}", 1) for name, _ in heads[1]]
    title = f"Second normalisation: {plain[metric]}"
    return grid(source, "second-normalisation", title, heads, blocks, notes)


def motion_table(source: ReportData) -> Table:
    """Pixel error, acceleration error and lag, both k."""
    metrics = {
        "error_px": "Error (px)",
        "acceleration_error_px": "Acceleration error (px/frame²)",
        "lag_frames": "Lag (frames)",
    }
    blocks = [
        Block(f"k = {k}", tuple(CellKey(e, metric) for metric, e in product(metrics, BY_K[k])))
        for k in BY_K
    ]
    heads = [
        [(text, len(BY_K["1"])) for text in metrics.values()],
        [(f"k.{name.split('.')[1]}", 1) for _ in metrics for name in BY_K["1"]],
    ]
    notes = (
        "Over all annotated keypoints, with or without a torso. Acceleration error: mean length of "
        "the difference between predicted and true second differences, in frames of the window. "
        "Lag: how late predictions come, by least squares along the true motion; below zero is "
        "early.",
        interval_note(source),
    )
    return grid(source, "motion", "Pixel error, acceleration error and lag", heads, blocks, notes)


def real_table(source: ReportData) -> Table:
    """Experiment ``real``: the same measures as tables 1 and ``motion``, in one table."""
    shown: dict[tuple[str, float | None], str] = {
        **{("pck", alpha): f"PCK@{alpha:g}" for alpha in ALPHAS},
        ("error_px", None): "Error (px)",
        ("acceleration_error_px", None): "Acceleration error (px/frame²)",
        ("lag_frames", None): "Lag (frames)",
    }
    columns = tuple(CellKey(REAL.name, metric, alpha) for metric, alpha in shown)
    notes = (
        "Not of the thesis. The noise is that of simulated detectors, drawn near measured ones: "
        "smaller than the thesis's and mostly slow, with a constant offset, bursts and missed "
        "keypoints (docs/experiments.md).",
        _PCK_NOTE,
        interval_note(source),
        "Models of coordinates and filters read and are scored at sub-pixel positions, models of "
        "heatmaps at whole pixels.",
    )
    heads = [[(text, 1) for text in shown.values()]]
    title = "Experiment real: simulated detectors"
    return grid(source, "real", title, heads, [Block("", columns)], notes)


def dataset_table(source: ReportData, datasets: Sequence[str]) -> Table | None:
    """Tables 1 and 2 by dataset; None with a single one, which the totals are of."""
    if len(datasets) < 2:
        return None
    blocks = [
        Block(
            f"{dataset}, k = {k}",
            tuple(
                CellKey(e, "pck", alpha, dataset=dataset) for alpha, e in product(ALPHAS, BY_K[k])
            ),
        )
        for k, dataset in product(BY_K, datasets)
    ]
    heads = [
        [(f"PCK@{alpha:g}", len(BY_K["1"])) for alpha in ALPHAS],
        [(f"k.{name.split('.')[1]}", 1) for _ in ALPHAS for name in BY_K["1"]],
    ]
    return grid(
        source, "datasets", "Test PCK by dataset", heads, blocks, (_PCK_NOTE, interval_note(source))
    )


def _headline_heads(k: str) -> list[list[tuple[str, int]]]:
    names = [*(f"PCK@{alpha:g}" for alpha in ALPHAS), "Error (px)", "Acceleration (px/frame²)"]
    return [
        [(name, len(BY_K[k])) for name in names],
        [(experiment, 1) for _ in names for experiment in BY_K[k]],
    ]


def _is_known(source: ReportData, k: str, keypoint: str, alpha: float) -> bool:
    """Whether a keypoint has a number, here or published."""
    columns = [CellKey(e, "pck", alpha, keypoint) for e in BY_K[k]]
    return bool(source.models(columns))


def _odd_totals(source: ReportData, k: str, alpha: float) -> list[str]:
    """Printed totals that no weighting of their own printed rows can give."""
    odd = []
    for model, name in product(THESIS_MODELS, BY_K[k]):
        rows = [source.published.pck.get((model, name, p, alpha)) for p in POOLED_NAMES]
        printed = [float(text) for text in rows if text is not None]
        total = source.published.pck.get((model, name, "all", alpha))
        if printed and total and not min(printed) - 0.05 <= float(total) <= max(printed) + 0.05:
            odd.append(f"{label(model)} {name} ({total})")
    if not odd:
        return []
    return [f"Printed totals outside the range of their own printed rows: {', '.join(odd)}."]


def _with_means(
    source: ReportData, table: Table, k: str, alpha: float, keypoints: Sequence[str]
) -> Table:
    """Add the thesis's column "Total": a keypoint's plain mean over networks and experiments."""
    published = [source.published.column_mean.get((name, k)) for name in keypoints]
    if not any(published):
        return table
    means = [_mean_of_networks(source, k, alpha, name) for name in keypoints]
    cells = tuple(ABSENT if mean is None else figures(mean) for mean in means)
    pairs = list(zip(means, published, strict=True))
    apart = tuple(ABSENT if m is None or t is None else signed(m - float(t)) for m, t in pairs)
    n_cells = len(THESIS_MODELS) * len(BY_K[k])
    rows = (
        Row("block", f"Plain mean over the {n_cells} network results above"),
        Row("value", "Networks", cells),
        Row("published", "thesis", tuple(text or ABSENT for text in published)),
        *([Row("difference", "difference", apart)] if any(m is not None for m in means) else []),
    )
    records: list[dict[str, Any]] = []
    for name, (mean, printed) in zip(keypoints, pairs, strict=True):
        if mean is None and printed is None:
            continue
        where = {"experiment": "all", "keypoint": name, "metric": "pck", "alpha": alpha}
        record = {"model": "plain mean of networks", "dataset": "all", "value": mean, **where}
        record["published"] = None if printed is None else float(printed)
        if mean is not None and printed is not None:
            record["difference"] = mean - float(printed)
        records.append({**dict.fromkeys(CSV_COLUMNS), **record})
    return Table(
        table.name,
        table.title,
        table.heads,
        table.rows + rows,
        table.columns,
        table.records + tuple(records),
        table.notes,
        table.corner,
    )


def _mean_of_networks(source: ReportData, k: str, alpha: float, keypoint: str) -> float | None:
    """None unless all networks of the thesis have a number in all experiments."""
    found = [
        source.numbers.get(CellKey(e, "pck", alpha, keypoint).key(model))
        for model, e in product(THESIS_MODELS, BY_K[k])
    ]
    values = [number.value for number in found if number is not None]
    return sum(values) / len(values) if len(values) == len(found) else None
