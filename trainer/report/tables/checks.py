"""Tables that question the numbers: identity against theory, paired differences, ranks."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import combinations, product
from typing import Any

from trainer.experiments import EXPERIMENTS
from trainer.metrics.scorer import ALPHAS
from trainer.noise.select import FROM_FILE
from trainer.report.collect import Collection, row_order
from trainer.report.intervals import Difference, as_records
from trainer.report.tables.grid import CellKey, ReportData, figures, label, signed, span_text
from trainer.report.tables.table import ABSENT, Row, Table
from trainer.report.theory import identity_theory

#: What the page's table of differences shows: (metric, alpha) -> heading.
_SHOWN = {("pck", 0.1): "PCK@0.1", ("error_px", None): "Error (px)"}
_AGAINST = ("identity", "mean")
_EXPECTED = ("At the mean", "Over clips", "Rounded shifts")


def theory_table(found: Collection, source: ReportData) -> Table | None:
    """The identity rows against 1 - exp(-r^2 / 2 sigma^2); None without such rows.

    The formula is for shifts about zero: None too where runs used another mean or a noise file.
    """
    entries = [e for e in EXPERIMENTS if ("identity", e.name) in found.scores]
    identities = [b.record["identity"] for b in found.baselines]
    if not entries or any(
        one["mu_in_px"] or one.get("noise", "").startswith(FROM_FILE) for one in identities
    ):
        return None
    heads = ("Mean threshold (px)", "Counted", "95 % CI", *_EXPECTED, "n")
    rows, records = [], []
    for known, alpha in product(entries, ALPHAS):
        scores = next(iter(found.scores["identity", known.name].values()))
        theory = identity_theory(scores, alpha, known.k)
        number = source.numbers[CellKey(known.name, "pck", alpha).key("identity")]
        values = (theory.at_mean, theory.over_clips, theory.rounded)
        cells = (
            figures(theory.mean_threshold_px),
            figures(theory.measured),
            span_text(number.low, number.high),
            *(f"{figures(v)} ({signed(theory.measured - v)})" for v in values),
            f"{theory.n:,}",
        )
        rows.append(Row("value", f"{known.name}, PCK@{alpha:g}", cells))
        records.append({"experiment": known.name, "alpha": alpha, **asdict(theory)})
    notes = (
        "Expected: 1 − exp(−r²/2σ²) with σ = 3k px, at the mean threshold r; its mean over clips, "
        "each at its own mean threshold; and the same with shifts rounded to whole pixels, as they "
        "are drawn. In brackets: counted minus expected, in points.",
        "What remains: positions are clipped to the heatmap, which brings keypoints near its edge "
        "closer to the truth (the more, the larger k), and thresholds also differ within a clip.",
    )
    return Table(
        "theory",
        "Identity function against theory",
        (tuple((head, 1) for head in heads),),
        tuple(rows),
        tuple(records[0]),
        tuple(records),
        notes,
        "Experiment",
    )


def difference_table(listed: Sequence[Difference], source: ReportData) -> Table | None:
    """Each row against identity, mean and the best other row; the CSV has every pair."""
    if not listed:
        return None
    by_pair = {(d.experiment, d.metric, d.alpha, d.first, d.second): d for d in listed}
    rows: list[Row] = []
    for name in dict.fromkeys(d.experiment for d in listed):
        members = [m for m in row_order() if CellKey(name, "error_px").key(m) in source.numbers]
        rows.append(Row("block", f"Experiment {name}"))
        rows += _count_rows(listed, name)
        for model in members:
            pairs = [
                _against(by_pair, source, name, shown, model, other)
                for shown in _SHOWN
                for other in (*_AGAINST, _best_other(source, name, shown, model, members))
            ]
            rows.append(Row("value", label(model), tuple(text for text, _ in pairs)))
            rows.append(Row("interval", "95 % CI", tuple(text for _, text in pairs)))
    heads = (
        tuple((text, 3) for text in _SHOWN.values()),
        tuple((text, 1) for _ in _SHOWN for text in ("− identity", "− mean", "− best other")),
    )
    columns = tuple(f.name for f in fields(Difference))
    records = as_records(listed)
    notes = (
        "Row minus reference, on the same videos, windows and noise, with intervals as in Table 1: "
        "one without zero is a difference. Above zero is better for PCK, below zero for the error.",
        "The best other row was picked on these same test videos. differences.csv holds every "
        "pair of rows, at every alpha.",
    )
    title = "Paired differences"
    return Table("differences", title, heads, tuple(rows), columns, tuple(records), notes, "Model")


def _count_rows(listed: Sequence[Difference], name: str) -> list[Row]:
    """How much the differences of an experiment were counted on."""
    cells: list[str] = []
    videos: list[str] = []
    for metric, alpha in _SHOWN:
        found = [d for d in listed if (d.experiment, d.metric, d.alpha) == (name, metric, alpha)]
        counts = {d.n // len(d.seeds) for d in found}
        cells += ["–".join(f"{n:,}" for n in sorted(counts)) or ABSENT] * 3
        videos += ["–".join(f"{n:,}" for n in sorted({d.n_videos for d in found})) or ABSENT] * 3
    return [
        Row("fact", "Keypoints counted, n", tuple(cells)),
        Row("fact", "Videos", tuple(videos)),
    ]


def _against(
    by_pair: dict[Any, Difference],
    source: ReportData,
    name: str,
    shown: tuple[str, float | None],
    model: str,
    other: str | None,
) -> tuple[str, str]:
    """(difference, its interval) as text, whichever way round the pair is listed."""
    if other is None or other == model:
        return ABSENT, ABSENT
    forward = by_pair.get((name, *shown, model, other))
    backward = by_pair.get((name, *shown, other, model))
    is_best_other = other not in _AGAINST
    suffix = f" ({label(other)})" if is_best_other else ""
    if forward is not None:
        return signed(forward.difference) + suffix, span_text(forward.low, forward.high)
    if backward is not None:
        return signed(-backward.difference) + suffix, span_text(-backward.high, -backward.low)
    return ABSENT, ABSENT


def _best_other(
    source: ReportData,
    name: str,
    shown: tuple[str, float | None],
    model: str,
    members: Sequence[str],
) -> str | None:
    metric, alpha = shown
    keys = {m: CellKey(name, metric, alpha).key(m) for m in members if m != model}
    # PCK has no value where no test frame has a complete torso.
    others = {m: source.numbers[key].value for m, key in keys.items() if key in source.numbers}
    if not others:
        return None
    pick = max if metric == "pck" else min
    return str(pick(others, key=others.__getitem__))


def rank_table(source: ReportData) -> Table | None:
    """Ranks of rows here and in the thesis; None where fewer than two can be compared."""
    columns = [(e.name, alpha) for e in EXPERIMENTS for alpha in ALPHAS]
    ranks: dict[tuple[str, float], dict[str, tuple[int, int]]] = {}
    agree: list[str] = []
    for name, alpha in columns:
        both = _both(source, CellKey(name, "pck", alpha))
        ranks[name, alpha] = _ranks(both)
        agree.append(_agreement(both))
    models = [m for m in row_order() if any(m in column for column in ranks.values())]
    if not models:
        return None
    rows = [
        Row("value", label(m), tuple(_rank_text(ranks[c].get(m)) for c in columns)) for m in models
    ]
    rows.append(Row("fact", "Pairs in the same order", tuple(agree)))
    records = [
        {
            "experiment": name,
            "alpha": alpha,
            "model": model,
            "rank_here": rank[0],
            "rank_published": rank[1],
            "n_rows": len(column),
        }
        for (name, alpha), column in ranks.items()
        for model, rank in column.items()
    ]
    heads = (
        tuple((f"{e.name}", len(ALPHAS)) for e in EXPERIMENTS),
        tuple((f"@{alpha:g}", 1) for _, alpha in columns),
    )
    notes = (
        "Rank here / rank in the thesis, among the rows that have both numbers. Pairs that the "
        "thesis prints as equal are not counted.",
    )
    title = "Order of the rows, here and in the thesis"
    return Table(
        "ranks", title, heads, tuple(rows), tuple(records[0]), tuple(records), notes, "Model"
    )


def _both(source: ReportData, where: CellKey) -> dict[str, tuple[float, float]]:
    """Models with a number here and a published one."""
    found = {}
    for model in row_order():
        number = source.numbers.get(where.key(model))
        published = source.published_pck(model, where)
        if number is not None and published is not None:
            found[model] = (number.value, float(published))
    return found if len(found) > 1 else {}


def _ranks(both: dict[str, tuple[float, float]]) -> dict[str, tuple[int, int]]:
    """1 is the highest; equals share the better rank."""
    pairs = list(both.values())
    return {
        model: (
            1 + sum(other[0] > here for other in pairs),
            1 + sum(other[1] > published for other in pairs),
        )
        for model, (here, published) in both.items()
    }


def _agreement(both: dict[str, tuple[float, float]]) -> str:
    signs = [
        (a[0] - b[0]) * (a[1] - b[1]) > 0 for a, b in combinations(both.values(), 2) if a[1] != b[1]
    ]
    return f"{sum(signs)} of {len(signs)}" if signs else ABSENT


def _rank_text(rank: tuple[int, int] | None) -> str:
    return f"{rank[0]} / {rank[1]}" if rank else ABSENT
