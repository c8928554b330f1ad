"""The reports committed under docs/results, from runs on real data, add up."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2] / "docs" / "results"
REPORTS = sorted(ROOT.rglob("numbers.csv"))
KEY = ["model", "experiment", "dataset", "metric", "alpha"]


@pytest.mark.skipif(not REPORTS, reason="no report is committed under docs/results")
@pytest.mark.parametrize("file", REPORTS, ids=lambda file: file.parent.name)
def test_keypoint_rows_reproduce_the_totals_to_a_twentieth_point(file: Path) -> None:
    table = pd.read_csv(file, dtype={"experiment": str}).query("metric == 'pck'")
    totals = table[table["keypoint"] == "all"].set_index(KEY)
    parts = table[table["keypoint"] != "all"]
    parts = parts.assign(found=parts["value"] * parts["n"]).groupby(KEY)[["found", "n"]].sum()
    parts, totals = parts.align(totals, join="outer", axis=0)
    assert len(totals)
    assert (parts["n"] == totals["n"]).all()
    assert (parts["found"] / parts["n"] - totals["value"]).abs().max() < 0.05
