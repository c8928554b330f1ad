"""What README and docs say of results, held against the committed numbers."""

import re
import statistics
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from trainer.metrics.bootstrap import interval
from trainer.metrics.scores import value
from trainer.report.counts import load_counts

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
ALPHAS = (0.05, 0.1, 0.2)
ROWS = {
    "identity": "identity",
    "5-frame mean": "mean",
    "Gaussian": "gaussian",
    "linear MMSE": "lmmse",
    "resmlp (three seeds)": "resmlp",
}


def totals(report: str) -> pd.DataFrame:
    """The totals of a committed report."""
    table = pd.read_csv(RESULTS / report / "numbers.csv", dtype={"experiment": str})
    return table.query("dataset == 'all' and keypoint == 'all'")


def number(table: pd.DataFrame, model: str, experiment: str, metric: str, alpha=None) -> pd.Series:
    """One row of a report."""
    found = table.query("model == @model and experiment == @experiment and metric == @metric")
    found = found[found["alpha"].isna() if alpha is None else found["alpha"] == alpha]
    assert len(found) == 1, (model, experiment, metric, alpha)
    return found.iloc[0]


def texts() -> dict[str, str]:
    """The pages that are checked, one line each, so that line breaks don't matter."""
    pages = {"README.md": ROOT / "README.md", "results": RESULTS / "README.md"}
    pages["deciwatch"] = RESULTS / "deciwatch.md"
    return {name: " ".join(page.read_text().split()) for name, page in pages.items()}


@pytest.mark.parametrize("label", ROWS)
def test_the_readme_s_table_is_of_the_committed_report(label: str) -> None:
    table, text = totals("penn-nine"), texts()["README.md"]
    for experiment in ("1.1", "2.3"):
        model = ROWS[label]
        pck = [number(table, model, experiment, "pck", a)["value"] for a in ALPHAS]
        errors = [
            number(table, model, experiment, metric)["value"]
            for metric in ("error_px", "acceleration_error_px")
        ]
        cell = " / ".join(f"{v:.1f}" for v in pck) + "".join(f", {v:.2f}" for v in errors)
        assert re.search(rf"\| {re.escape(label)} \|[^\n]*?{re.escape(cell)} \|", text), cell


@pytest.mark.parametrize("report", ["penn-default", "penn-nine"])
def test_where_resmlp_is_the_best_row_and_where_it_is_not(report: str) -> None:
    table = totals(report)
    for (experiment, metric, _), cell in table.groupby(
        ["experiment", "metric", "alpha"], dropna=False
    ):
        if metric in ("pck", "pck_one_side"):
            assert cell.loc[cell["value"].idxmax(), "model"] == "resmlp", (experiment, metric)
        elif metric == "error_px":
            assert cell.loc[cell["value"].idxmin(), "model"] == "resmlp", (experiment, metric)
        elif metric == "acceleration_error_px":
            best = cell.loc[cell["value"].idxmin(), "model"]
            assert best == ("mean" if experiment in ("2.1", "2.2") else "resmlp"), experiment
    mean, ours = (
        number(table, model, "2.1", "acceleration_error_px")["value"]
        for model in ("mean", "resmlp")
    )
    assert f"{mean:.2f} against {ours:.2f}" in texts()["results"]


@pytest.mark.parametrize(
    ("report", "skip", "one_side"), [("penn-default", 22.5, 85.4), ("penn-nine", 39.9, 89.1)]
)
def test_how_many_keypoints_pck_counts(report: str, skip: float, one_side: float) -> None:
    table, text = totals(report), texts()["results"]
    every = number(table, "identity", "1.1", "error_px")["n"]
    for metric, share in (("pck", skip), ("pck_one_side", one_side)):
        counted = number(table, "identity", "1.1", metric, 0.2)["n"]
        assert 100 * counted / every == pytest.approx(share, abs=0.05)
        assert f"{share} %" in text
    if report == "penn-nine":
        assert f"{skip} % of the keypoints" in texts()["README.md"]
        for model in ("resmlp", "mean"):
            values = [number(table, model, "1.1", "pck_one_side", a)["value"] for a in ALPHAS]
            assert " / ".join(f"{v:.1f}" for v in values) in text


def test_the_page_on_deciwatch_is_of_the_measured_and_published_numbers() -> None:
    text = texts()["deciwatch"]
    measured = pd.read_csv(ROOT / "benchmarks/results/clean_ends.csv", dtype={"experiment": str})
    for ends, label in (("clean", "clean ends"), ("noisy", "noisy ends")):
        rows = measured[measured["ends"] == ends].set_index("experiment")
        cells = [
            " / ".join(f"{rows.loc[e, f'pck_{a}']:.1f}" for a in ALPHAS)
            for e in ("1.1", "1.3", "2.1", "2.3")
        ]
        assert f"| interpolated, {label} | {' | '.join(cells)} |" in text
    clean = measured[measured["ends"] == "clean"].set_index("experiment")
    assert (clean.loc[["1.1", "1.3"], "pck_0.05"] > 40).all()
    ratio = clean.loc["1.3", "error_px"] / clean.loc["1.1", "error_px"]
    assert f"grows by {ratio:.2f}" in text
    published = pd.read_csv(ROOT / "data/published/test_pck.csv", dtype={"experiment": str})
    theirs = published[published["model"] == "deciwatch"].set_index(["experiment", "alpha"])
    theirs = theirs["pck_percent"]
    five = theirs[theirs.index.get_level_values("experiment") != "2.3"]
    assert five.min() == theirs["1.3", 0.05] == 44.5
    for low, high in ((0.05, 0.1), (0.1, 0.2)):
        assert abs(theirs["1.3", high] - theirs["1.1", low]) < 0.5
    for alpha in ALPHAS:
        assert abs(theirs["1.1", alpha] - theirs["2.1", alpha]) <= 0.2 + 1e-9
    ours = totals("penn-default")
    cells = [
        " / ".join(f"{number(ours, 'deciwatch', e, 'pck', a)['value']:.1f}" for a in ALPHAS)
        for e in ("1.1", "1.3", "2.1", "2.3")
    ]
    assert f"| DeciWatch, ours | {' | '.join(cells)} |" in text


def test_the_tables_by_neighbours_are_made_again_from_their_counts() -> None:
    """Values and intervals of three rows, and what the page says of 3DConv."""
    folder = RESULTS / "penn-neighbours"
    found = load_counts(folder / "counts.npz")
    kinds = {"experiment": str, "dataset": str}
    rows = ((table, key) for table in ("table1", "table2") for key in ("lmmse", "mean", "3dconv"))
    for name, model in rows:
        table = pd.read_csv(folder / "tables" / f"{name}.csv", dtype=kinds)
        experiment = {"table1": "1.1", "table2": "2.1"}[name]
        (scores,) = found.scores[model, experiment].values()
        for alpha in ALPHAS:
            again = interval(scores, found.data.drawn_together(), "pck", alpha)
            query = "model == @model and experiment == @experiment and metric == 'pck'"
            row = table.query(query + " and alpha == @alpha").iloc[0]
            assert row[["value", "low", "high"]].tolist() == pytest.approx(
                [again.value, again.low, again.high], rel=1e-9
            )
    text = " ".join((folder / "README.md").read_text().split())
    assert f"are of {again.n_groups} blocks" in text
    for model, experiment in product(("3dconv", "identity"), ("1.1", "2.1")):
        (scores,) = found.scores[model, experiment].values()
        assert " / ".join(f"{value(scores, 'pck', alpha):.1f}" for alpha in ALPHAS) in text


def test_how_much_wider_intervals_are_that_draw_blocks() -> None:
    """The medians that the page gives, over all rows and experiments."""
    found = load_counts(RESULTS / "penn-neighbours" / "counts.npz")
    text = " ".join((RESULTS / "penn-neighbours" / "README.md").read_text().split())
    labels = [found.data.drawn_together(by_video) for by_video in (False, True)]
    shown = {
        "{} times for PCK,": [("pck", alpha) for alpha in ALPHAS],
        "{} times for PCK by one side": [("pck_one_side", alpha) for alpha in ALPHAS],
        "{} times for the pixel error over all": [("error_px", None)],
        "{} times for the acceleration error": [("acceleration_error_px", None)],
    }
    for words, metrics in shown.items():
        widths = [
            [interval(scores, one, *metric) for one in labels]
            for seeds, metric in product(found.scores.values(), metrics)
            for scores in seeds.values()
        ]
        wider = statistics.median((b.high - b.low) / (v.high - v.low) for b, v in widths)
        assert words.format(f"{wider:.1f}") in text
