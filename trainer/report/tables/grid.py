"""Tables with a row a model: value, interval, published number, difference; counts above."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pose_smoother.filters import table_filters
from trainer.report.collect import StepBudget, row_order
from trainer.report.intervals import Number, NumberKey, as_records
from trainer.report.published import Published
from trainer.report.tables.table import ABSENT, Row, Table

LABELS = {
    **{name: module.LABEL for name, module in table_filters().items()},
    "resmlp": "ResMLP",
    "smoothnet": "SmoothNet",
    "3dconv": "3DConv",
    "deciwatch": "DeciWatch",
    "biconvlstm-s": "bi-ConvLSTM Model S",
    "biconvlstm-c": "bi-ConvLSTM Model C",
}
CSV_COLUMNS = (
    "model",
    "experiment",
    "dataset",
    "keypoint",
    "metric",
    "alpha",
    "value",
    "low",
    "high",
    "n",
    "n_videos",
    "n_drawn",
    "seeds",
    "seed_sd",
    "mean_threshold_px",
    "published_threshold_px",
    "published",
    "difference",
    "budget_steps",
)


@dataclass(frozen=True)
class CellKey:
    """The figure that a column shows; with a model it names one number."""

    experiment: str
    metric: str
    alpha: float | None = None
    keypoint: str = "all"
    dataset: str = "all"

    def key(self, model: str, metric: str | None = None) -> NumberKey:
        """The number's key, or that of another metric over the same keypoints."""
        chosen = metric or self.metric
        return model, self.experiment, self.dataset, self.keypoint, chosen, self.alpha


@dataclass(frozen=True)
class ReportData:
    """The content of tables.

    Attributes
    ----------
    budgets : (model, experiment) -> of rows whose training had a budget.
    is_by_blocks : whether intervals draw blocks of neighbouring ids, not single videos.
    """

    numbers: dict[NumberKey, Number]
    published: Published
    budgets: Mapping[tuple[str, str], StepBudget] = field(default_factory=dict)
    is_by_blocks: bool = False

    def published_pck(self, model: str, where: CellKey) -> str | None:
        """The published number that a number here is compared with, with its printed digits."""
        if where.metric != "pck" or where.dataset != "all" or where.alpha is None:
            return None
        key = (model, where.experiment, where.keypoint, where.alpha)
        return self.published.pck.get(key)

    def models(self, columns: Sequence[CellKey]) -> list[str]:
        """Rows that have a number, here or published, in any of the columns."""
        return [
            model
            for model in row_order()
            if any(c.key(model) in self.numbers or self.published_pck(model, c) for c in columns)
        ]


@dataclass(frozen=True)
class Block:
    """Some rows of a table under a heading of their own; "" for none."""

    heading: str
    columns: tuple[CellKey, ...]


def label(model: str) -> str:
    """A row's name for readers."""
    return LABELS.get(model, model)


def figures(value: float) -> str:
    """A number with three digits, as the thesis prints them: 6.95, 25.7."""
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}"
    return text.replace("-0.00", "0.00").replace("-", "−")


def signed(value: float) -> str:
    """A difference with its sign."""
    text = figures(value)
    return text if text.startswith("−") else f"+{text}"


def span_text(low: float, high: float) -> str:
    """An interval; a dash where there is none."""
    return ABSENT if math.isnan(low) else f"[{figures(low)}, {figures(high)}]"


def grid(
    source: ReportData,
    name: str,
    title: str,
    heads: Sequence[Sequence[tuple[str, int]]],
    blocks: Sequence[Block],
    notes: Sequence[str] = (),
) -> Table:
    """A table of numbers, models down, columns as the blocks name them."""
    rows: list[Row] = []
    records: list[dict[str, Any]] = []
    for block in blocks:
        models = source.models(block.columns)
        if not models:
            continue
        rows += [Row("block", block.heading)] if block.heading else []
        rows += _facts(source, block.columns)
        best = _best(source, block.columns, models)
        for model in models:
            rows += _model_rows(source, model, block.columns, best)
            records += [
                record for where in block.columns if (record := _record(source, model, where))
            ]
    return Table(
        name,
        title,
        tuple(map(tuple, heads)),
        tuple(rows),
        CSV_COLUMNS,
        tuple(records),
        tuple(notes),
        "Model",
    )


def _facts(source: ReportData, columns: Sequence[CellKey]) -> list[Row]:
    """Thresholds, and how much was counted: the same for all models, as the truth decides it."""
    rows = []
    thresholds = [_threshold(source, where) for where in columns]
    if any(thresholds):
        rows.append(Row("fact", "Mean threshold (px)", tuple(_shown(t) for t in thresholds)))
        published = [_published_threshold(source, where) for where in columns]
        if any(published):
            rows.append(Row("published", "thesis", tuple(text or ABSENT for text in published)))
    found = [
        [source.numbers[where.key(model)] for model in row_order() if _has(source, model, where)]
        for where in columns
    ]
    n = tuple(_range([one.n // len(one.seeds) for one in column]) for column in found)
    videos = tuple(_range([one.n_videos for one in column]) for column in found)
    rows.append(Row("fact", "Keypoints counted, n", n))
    rows.append(Row("fact", "Videos", videos))
    if source.is_by_blocks:
        drawn = tuple(_range([one.n_drawn for one in column]) for column in found)
        rows.append(Row("fact", "Blocks of neighbouring ids", drawn))
    return rows


def _has(source: ReportData, model: str, where: CellKey) -> bool:
    return where.key(model) in source.numbers


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return ABSENT
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _threshold(source: ReportData, where: CellKey) -> float | None:
    """The mean threshold of a PCK column; of totals only."""
    if not where.metric.startswith("pck"):
        return None
    metric = f"mean_threshold{where.metric.removeprefix('pck')}_px"
    for model in row_order():
        if number := source.numbers.get(where.key(model, metric)):
            return number.value
    return None


def _published_threshold(source: ReportData, where: CellKey) -> str | None:
    if where.metric != "pck" or (where.dataset, where.keypoint) != ("all", "all"):
        return None
    assert where.alpha is not None
    return source.published.threshold_px.get((where.experiment, where.alpha))


def _shown(value: float | None) -> str:
    return ABSENT if value is None else figures(value)


def _best(source: ReportData, columns: Sequence[CellKey], models: Sequence[str]) -> list[str]:
    """The best model of each column; "" where none is better: the lag has no good direction."""
    best = []
    for where in columns:
        values = {m: source.numbers[where.key(m)].value for m in models if _has(source, m, where)}
        if len(values) < 2 or where.metric == "lag_frames":
            best.append("")
        elif where.metric.startswith("pck"):
            best.append(max(values, key=values.__getitem__))
        else:
            best.append(min(values, key=values.__getitem__))
    return best


def _model_rows(
    source: ReportData, model: str, columns: Sequence[CellKey], best: Sequence[str]
) -> list[Row]:
    numbers = [source.numbers.get(where.key(model)) for where in columns]
    values = tuple(figures(n.value) if n else ABSENT for n in numbers)
    published = [source.published_pck(model, where) for where in columns]
    n_seeds = max((len(n.seeds) for n in numbers if n), default=0)
    pooled = f", {n_seeds} seeds" if n_seeds > 1 else ""
    won = frozenset(at for at, name in enumerate(best) if name == model)
    name = label(model) + pooled + _budget_text(source, model, columns)
    rows = [Row("value", name, values, won)]
    if any(numbers):
        spans = tuple(span_text(n.low, n.high) if n else ABSENT for n in numbers)
        rows.append(Row("interval", "95 % CI", spans))
    if n_seeds > 1:
        spreads = tuple(f"±{figures(n.seed_sd)}" if n else ABSENT for n in numbers)
        rows.append(Row("interval", "SD over seeds", spreads))
    if any(published):
        rows.append(Row("published", "thesis", tuple(text or ABSENT for text in published)))
        if any(numbers):
            pairs = zip(numbers, published, strict=True)
            apart = tuple(signed(n.value - float(t)) if n and t else ABSENT for n, t in pairs)
            rows.append(Row("difference", "difference", apart))
    return rows


def _budget_text(source: ReportData, model: str, columns: Sequence[CellKey]) -> str:
    """How long a row trained, where that was a budget of steps; "" where none was."""
    shown = dict.fromkeys(c.experiment for c in columns if _has(source, model, c))
    budgets = {e: source.budgets[model, e] for e in shown if (model, e) in source.budgets}
    if len(budgets) == len(shown) and len(set(budgets.values())) == 1:
        return f", {next(iter(budgets.values()))}"
    return "".join(f", {e}: {budget}" for e, budget in budgets.items())


def _record(source: ReportData, model: str, where: CellKey) -> dict[str, Any] | None:
    """A row of the CSV; published numbers without one here have a row, too."""
    number = source.numbers.get(where.key(model))
    published = source.published_pck(model, where)
    if number is None and published is None:
        return None
    record: dict[str, Any] = dict.fromkeys(CSV_COLUMNS)
    record |= {"model": model, **asdict(where)}
    if number is not None:
        budget = source.budgets.get((model, where.experiment))
        record["budget_steps"] = budget.steps if budget else None
        record |= as_records([number])[0]
    threshold = _published_threshold(source, where)
    record["mean_threshold_px"] = _threshold(source, where)
    record["published_threshold_px"] = float(threshold) if threshold else None
    if published is not None:
        record["published"] = float(published)
        record["difference"] = number.value - float(published) if number else None
    return record
