"""The curves of delay are of runs that never saw the clips they are judged on."""

import csv
import json
import re
from pathlib import Path

import pytest

from benchmarks.delay import refuse_other_store
from pose_smoother.errors import RunError
from tests.conftest import ROOT
from tests.trainer.fake_store import make_store
from trainer.runs.data_summary import store_hash
from trainer.runs.layout import CONFIG


def test_a_run_of_another_store_is_refused(tmp_path: Path) -> None:
    def trained_on(digest: str) -> Path:
        (tmp_path / CONFIG).write_text(json.dumps({"identity": {"store_sha256": digest}}))
        return tmp_path

    store = make_store()
    refuse_other_store(trained_on(store_hash(store)), store)
    with pytest.raises(RunError, match="trained on another store"):
        refuse_other_store(trained_on("0" * 64), store)


@pytest.mark.parametrize(
    ("need", "smoother", "window", "delay"),
    [
        ("nothing (as detected)", "identity", 1, 0),
        ("live, no delay, no training data", "one-euro", 9, 0),
        ("live, with training data", "resmlp-{}-seed0", 5, 0),
        ("live, training data but no network", "lmmse", 9, 0),
        ("two frames of delay, no training data", "mean", 5, 2),
        ("two frames of delay", "resmlp-{}-seed0", 5, 2),
        ("four frames of delay", "resmlp-{}-seed0 averaged", 5, 4),
        ("four frames of delay, training data but no network", "lmmse", 9, 4),
        ("four frames of delay, no training data", "gaussian", 9, 4),
    ],
)
def test_what_to_take_by_delay_is_of_the_committed_curves(
    need: str, smoother: str, window: int, delay: int
) -> None:
    page = (ROOT / "docs/which-smoother.md").read_text()
    with (ROOT / "benchmarks/results/delay.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "pck@0.1"]
    values = {
        (row["experiment"], row["smoother"], int(row["window_frames"]), int(row["delay_frames"])): (
            float(row["value"])
        )
        for row in rows
    }
    pair = [values[e, smoother.format(e), window, delay] for e in ("1.1", "2.1")]
    (cell,) = re.findall(rf"(?m)^\| {re.escape(need)} \|.*\| ([\d. /]+\d)[^|]*\|$", page)
    assert cell == " / ".join(f"{value:.1f}" for value in pair)
