"""What README and docs say of results, held against the committed numbers."""

import re
import statistics
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from pipeline.sources.brace import RELEASE
from pose_smoother.filters import table_filters
from trainer.metrics.bootstrap import interval
from trainer.metrics.scorer import identity_pck
from trainer.metrics.scores import ratio, value
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
            assert " / ".join(f"{v:.1f}" for v in values) in texts()["README.md"]


def test_the_page_on_deciwatch_is_of_the_measured_and_published_numbers() -> None:
    text = texts()["deciwatch"]
    measured = pd.read_csv(ROOT / "benchmarks/results/clean_ends.csv", dtype={"experiment": str})
    cut = pd.read_csv(ROOT / "benchmarks/results/clean_ends_thesis.csv", dtype={"experiment": str})
    for table, ends, label in (
        *((measured, ends, f"interpolated, {ends} ends") for ends in ("clean", "noisy")),
        *((cut, ends, f"{ends} ends, `--protocol thesis`") for ends in ("clean", "noisy")),
    ):
        rows = table[table["ends"] == ends].set_index("experiment")
        cells = [
            " / ".join(f"{rows.loc[e, f'pck_{a}']:.1f}" for a in ALPHAS)
            for e in ("1.1", "1.3", "2.1", "2.3")
        ]
        assert f"| {label} | {' | '.join(cells)} |" in text
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


def test_what_the_page_by_neighbours_says_of_filters_and_counts() -> None:
    found = load_counts(RESULTS / "penn-neighbours" / "counts.npz")
    text = " ".join((RESULTS / "penn-neighbours" / "README.md").read_text().split())
    (counted,) = found.scores["identity", "1.1"].values()
    every = ratio(counted, "error_px").n.sum()
    for metric in ("pck", "pck_one_side"):
        n = ratio(counted, metric, 0.2).n
        assert f"{100 * n.sum() / every:.1f} %" in text
        n_clips = (n.sum(axis=1) > 0).sum()
        assert f"{n_clips} clips" in text or f"of which {n_clips} have a frame" in text
    filters = set(table_filters())
    for experiment in ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3"):
        rows = {m: s[0] for (m, e), s in found.scores.items() if e == experiment and m in filters}
        for alpha in ALPHAS:
            pck = {model: value(scores, "pck", alpha) for model, scores in rows.items()}
            assert max(pck, key=pck.__getitem__) == "lmmse"
            for model in ("kalman", "butterworth", "gcv-spline", "median+kalman", "hampel+kalman"):
                assert pck[model] < pck["gaussian"]
        for metric, best in (("scored_error_px", "lmmse"), ("acceleration_error_px", "mean")):
            errors = {model: value(scores, metric) for model, scores in rows.items()}
            assert errors[best] <= min(errors.values()) + 0.01


@pytest.mark.parametrize("page", ["penn-neighbours", "penn-nine-neighbours"])
def test_every_triple_of_a_page_s_text_is_a_row_s(page: str) -> None:
    """PCK@0.05 / 0.1 / 0.2 in the prose: of a row of the counts, or of the thesis."""
    prose = (RESULTS / page / "README.md").read_text()
    shown = set(re.findall(r"\d+\.\d / \d+\.\d / \d+\.\d", prose[: prose.index("## Table 1")]))
    known = pd.read_csv(ROOT / "data/published/test_pck.csv", dtype={"experiment": str})
    rows = known.groupby(["model", "experiment"])["pck_percent"].apply(list).tolist()
    for seeds in load_counts(RESULTS / page / "counts.npz").scores.values():
        rows += [
            [value(scores, metric, alpha) for alpha in ALPHAS]
            for scores in seeds.values()
            for metric in ("pck", "pck_one_side")
        ]
    assert shown
    assert not shown - {" / ".join(f"{pck:.1f}" for pck in row) for row in rows}


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


def test_what_the_results_page_says_of_deciwatch() -> None:
    table, text = totals("penn-default"), texts()["results"]
    published = pd.read_csv(ROOT / "data/published/test_pck.csv", dtype={"experiment": str})
    theirs = published.set_index(["model", "experiment", "alpha"])["pck_percent"]
    agree = []
    for experiment, alpha in product(("1.1", "1.2", "1.3", "2.1", "2.2", "2.3"), ALPHAS):
        ours = {
            model: number(table, model, experiment, "pck", alpha)["value"]
            for model in ("deciwatch", "identity", "mean")
        }
        if experiment == "2.3":
            assert abs(ours["mean"] - ours["deciwatch"]) < 0.2
        else:
            assert ours["mean"] > ours["deciwatch"]
        above = ours["deciwatch"] > ours["identity"]
        published_above = (
            theirs["deciwatch", experiment, alpha] > theirs["identity", experiment, alpha]
        )
        agree.append(above == published_above)
        if (experiment, alpha) == ("1.3", 0.2):
            assert above
            assert not published_above
            assert round(ours["deciwatch"] - ours["identity"]) == 8
    assert f"in {sum(agree)} of the {len(agree)} cells" in text
    assert f"theory gives {identity_pck(4.46, 3.0):.1f}" in text
    assert f"{number(table, 'identity', '1.1', 'mean_threshold_px', 0.2)['value']:.2f} px" in text


def test_resmlp_against_every_row_and_what_its_regions_hold() -> None:
    text, kinds = texts()["results"], {"experiment": str}
    pairs = pd.read_csv(RESULTS / "penn-nine/tables/differences.csv", dtype=kinds)
    pairs = pairs[(pairs["first"] == "resmlp") | (pairs["second"] == "resmlp")]
    pairs = pairs[pairs["metric"].isin(["pck", "error_px"])]
    assert ((pairs["low"] > 0) | (pairs["high"] < 0)).all()

    def held(report: str, query: str) -> pd.Series:
        table = pd.read_csv(RESULTS / report / "tables/coverage.csv", dtype=kinds).query(query)
        return table.sort_values("alpha").groupby("alpha")["value"].agg(["min", "max"])

    every, single = held("penn-nine", "keypoint == 'all'"), held("penn-nine", "keypoint != 'all'")
    (low, high), (most, most_too) = every.to_numpy().round(1)
    assert most == most_too
    assert f"{low} to {high} % (made for 50) and {most} % (90)" in text
    (low, high), (least, most) = single.to_numpy().round(1)
    assert f"{low} to {high} and {least} to {most} % keypoint by keypoint" in text
    for experiment in ("1.1", "2.1"):
        where = "keypoint == 'all' and experiment == @experiment"
        table = pd.read_csv(RESULTS / "penn-two-unseen/tables/coverage.csv", dtype=kinds)
        half, most = table.query(where).sort_values("alpha")["value"]
        assert f"{half:.1f} and {most:.1f} % in {experiment}" in text


def test_what_the_data_page_expects_of_brace() -> None:
    text = " ".join((ROOT / "data" / "README.md").read_text().split())
    files, frames, clips, shared = (f"{n:,}" for n in RELEASE.values())
    assert (
        f"{files} files with {frames} frames: {clips} clips after shot cuts, and {shared}" in text
    )
