"""Figures equal the runs' own CSVs, rows add up to totals, differences are paired."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.skeleton import POOLED_NAMES
from trainer.metrics.bootstrap import interval
from trainer.metrics.scorer import ALPHAS
from trainer.report.intervals import as_records, differences, numbers
from trainer.runs.results_io import load


@pytest.fixture(scope="module")
def listed(found):
    return numbers(found)


def test_every_figure_equals_the_tidy_row(listed, made_runs):
    table = load(made_runs).query("seed == 0")
    keys = ["model", "experiment", "dataset", "keypoint", "metric"]
    n_compared = 0
    for row in table.to_dict("records"):
        alpha = None if math.isnan(row["alpha"]) else row["alpha"]
        number = listed.get((*(row[key] for key in keys), alpha))
        if number is not None and len(number.seeds) == 1:
            assert number.value == pytest.approx(row["value"], abs=1e-9)
            assert number.n == row["n"]
            n_compared += 1
    assert n_compared > 500


def test_keypoint_rows_reproduce_the_total_to_a_twentieth_point(listed):
    """The thesis's own do not: see the notes of its tables."""
    totals = [n for n in listed.values() if n.keypoint == "all" and n.metric == "pck"]
    assert len(totals) == 9 * len(ALPHAS) * 3  # rows x alphas x (both datasets and each)
    for total in totals:
        key = (total.model, total.experiment, total.dataset)
        parts = [listed.get((*key, name, "pck", total.alpha)) for name in POOLED_NAMES]
        parts = [part for part in parts if part is not None]
        assert sum(part.n for part in parts) == total.n
        again = sum(part.value * part.n for part in parts) / total.n
        assert again == pytest.approx(total.value, abs=0.05)


def test_seeds_are_pooled_with_their_spread(listed, made_runs):
    number = listed["deciwatch", "1.1", "all", "all", "pck", 0.1]
    table = load(made_runs).query(
        "model == 'deciwatch' and experiment == '1.1' and dataset == 'all' "
        "and keypoint == 'all' and metric == 'pck' and alpha == 0.1"
    )
    assert number.seeds == (0, 1)
    assert number.value == pytest.approx(table["value"].mean())
    assert number.seed_sd == pytest.approx(table["value"].std())
    assert number.n == table["n"].sum()
    assert math.isnan(listed["identity", "1.1", "all", "all", "pck", 0.1].seed_sd)


def test_intervals_hold_the_figure_and_name_their_videos(listed):
    for number in listed.values():
        if number.dataset == number.keypoint == "all":
            assert number.low <= number.value <= number.high
            assert number.n_videos == number.n_drawn == 8  # every fifth of 40 clips, a video each


def test_where_neighbouring_ids_were_split_as_one_intervals_draw_blocks(found, listed):
    """Clips of a block often share a source video, so they are not drawn apart."""
    number = np.cumsum(found.data.clips["split"] == "test") - 1
    block = number // 4  # eight test clips, each of a video of its own, of two blocks
    clips = found.data.clips.assign(id=[f"{n}" for n in 20 * block + number], action="run")
    data = replace(found.data, clips=clips, config={"group_by": "neighbours"})
    blocks = replace(found, data=data)
    key = ("mean", "2.3", "all", "all", "error_px", None)
    alone, together = listed[key], numbers(blocks)[key]
    assert (together.n_videos, together.n_drawn) == (8, 4)  # two datasets have two blocks each
    labels = (clips["dataset"] + block.astype(str)).to_numpy(str)
    wanted = interval(found.scores["mean", "2.3"][0], labels, "error_px")
    assert (together.low, together.high) == (wanted.low, wanted.high)
    assert together.value == alone.value
    again = numbers(blocks, by_video=True)[key]
    assert (again.low, again.high, again.n_drawn) == (alone.low, alone.high, 8)
    (pair,) = (d for d in differences(blocks) if _is_of(d, "2.3", "gaussian", "mean"))
    assert (pair.n_videos, pair.n_drawn) == (8, 4)


def _is_of(found, experiment, first, second, metric="error_px"):
    return (found.experiment, found.first, found.second, found.metric) == (
        experiment,
        first,
        second,
        metric,
    )


def test_differences_are_those_of_the_rows_on_common_seeds(found, listed):
    pairs = {(d.experiment, d.first, d.second, d.metric, d.alpha): d for d in differences(found)}
    key = ("pck", 0.1)
    paired = pairs["2.3", "deciwatch", "mean", *key]
    values = [listed[m, "2.3", "all", "all", *key].value for m in ("deciwatch", "mean")]
    assert paired.difference == pytest.approx(values[0] - values[1])
    assert paired.low < paired.difference < paired.high
    assert pairs["1.1", "deciwatch", "mean", *key].seeds == (0,)  # seed 1 has no smoothers
    assert {(d.first, d.second) for d in pairs.values() if d.experiment == "1.1"} == {
        ("mean", "identity"),
        ("gaussian", "identity"),
        ("gaussian", "mean"),
        *((network, m) for network in ("3dconv", "deciwatch") for m in ("identity", "mean")),
        *((network, "gaussian") for network in ("3dconv", "deciwatch")),
        ("deciwatch", "3dconv"),
    }


def test_paired_intervals_are_narrower_than_unpaired_ones(found, listed):
    """Rows rise and fall together with a video's difficulty: that is why they are paired."""
    (paired,) = (d for d in differences(found) if _is_of(d, "2.3", "gaussian", "mean"))
    rows = [listed[m, "2.3", "all", "all", "error_px", None] for m in ("gaussian", "mean")]
    unpaired = math.hypot(*(row.high - row.low for row in rows))
    assert paired.high - paired.low < unpaired


def test_rows_without_a_common_seed_are_not_compared(found):
    scores = {("mean", "1.1"): {0: found.scores["mean", "1.1"][0]}}
    scores["deciwatch", "1.1"] = {1: found.scores["deciwatch", "1.1"][1]}
    apart = type(found)(found.data, found.runs, found.baselines, scores)
    assert differences(apart) == []


def test_records_are_plain_cells(listed):
    (record, *_) = as_records(n for n in listed.values() if len(n.seeds) == 2)
    assert record["seeds"] == "0 1"
    assert {type(value) for value in record.values()} <= {str, int, float, np.float64, type(None)}
