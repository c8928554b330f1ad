"""Saving, adding and cutting scores, and the tidy rows made from them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pose_smoother.errors import RunError
from tests.conftest import ROOT
from tests.trainer.metrics.test_scorer import scores_of, windows
from trainer.metrics.scorer import Scores, rows
from trainer.metrics.scores import fault_of, metric_cells, value
from trainer.metrics.table import METRICS, SUMS
from trainer.metrics.tidy_rows import COLUMNS

CLIPS = {"dataset": np.array(["brace", "penn-action", "penn-action"])}
ABOUT = {"model": "mean", "experiment": "1.1", "seed": 0, "split": "test"}


def test_the_page_on_results_names_every_metric():
    words = re.findall(r"\w+", (ROOT / "docs/pandas.md").read_text())
    assert {one.name.format(torso="") for one in METRICS} <= set(words)


def assert_equal(a: Scores, b: Scores) -> None:
    assert (a.alphas.tolist(), a.missing_torso) == (b.alphas.tolist(), b.missing_torso)
    assert list(a.sums) == list(b.sums)
    for name, one in a.sums.items():
        assert one.dtype == b.sums[name].dtype
        np.testing.assert_array_equal(one, b.sums[name], err_msg=name)


def test_saved_scores_come_back(tmp_path):
    scores = scores_of(*windows(), missing_torso="one-side")
    scores.save(tmp_path / "a.npz")
    scores.save(tmp_path / "b.npz")
    assert_equal(Scores.load(tmp_path / "a.npz"), scores)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"not a zip", "cut", "foreign"])
def test_a_broken_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "scores.npz"
    if content == "cut":
        scores_of(*windows()).save(path)
        path.write_bytes(path.read_bytes()[:-300])
    elif content == "foreign":
        np.savez(path, other=np.zeros(3))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"scores\.npz is (not a readable file of scores|damaged)"):
        Scores.load(path)


def test_scores_from_before_a_metric_lack_that_metric_alone(tmp_path):
    scores = scores_of(*windows())
    older = {name: one for name, one in scores.sums.items() if name != "lag_product_px2"}
    replace(scores, sums=older).save(tmp_path / "old.npz")
    found = Scores.load(tmp_path / "old.npz")
    assert set(metric_cells(scores)) - set(metric_cells(found)) == {("lag_frames", None)}
    assert value(found, "pck", 0.1) == value(scores, "pck", 0.1)
    with pytest.raises(ValueError, match="unknown metric 'lag_frames'; known: pck, "):
        value(found, "lag_frames")
    both = found + scores
    assert set(both.sums) == set(older)
    assert value(both, "pck", 0.1) == value(scores, "pck", 0.1)


def test_addition_is_scoring_both():
    a, b = windows(8, seed=0), windows(6, seed=1)
    both = scores_of(*(np.concatenate(pair) for pair in zip(a, b, strict=True)))
    assert_equal(scores_of(*a) + scores_of(*b), both)
    with pytest.raises(ValueError, match="can't add"):
        scores_of(*a) + scores_of(*b, missing_torso="one-side")


def test_a_subset_is_scoring_only_those_clips():
    predicted, truth, annotated, clip = windows()
    keep = np.array([True, False, True])
    inside = keep[clip]
    alone = scores_of(predicted[inside], truth[inside], annotated[inside], clip[inside])
    assert_equal(scores_of(predicted, truth, annotated, clip).subset(keep), alone.subset(keep))


def test_rows_reproduce_the_totals():
    predicted, truth, annotated, clip = windows(30, seed=4)
    annotated[:, :, 21:] = False  # heels and toes are labelled nowhere
    scores = scores_of(predicted, truth, annotated, clip)
    found = rows(scores, CLIPS, **ABOUT)
    assert all(tuple(row) == COLUMNS for row in found)
    cells: dict[tuple, dict[str, dict]] = {}
    for row in found:
        key = row["dataset"], row["metric"], row["alpha"]
        assert row["keypoint"] not in cells.setdefault(key, {})
        cells[key][row["keypoint"]] = row
    assert len(cells) == 3 * len(metric_cells(scores))
    assert {"pck", "pck_one_side", "error_px", "lag_frames"} <= {metric for _, metric, _ in cells}
    for (_, metric, _), by_keypoint in cells.items():
        total = by_keypoint.pop("all")
        assert set(by_keypoint).isdisjoint({"heel", "toes"})
        parts = list(by_keypoint.values())
        assert sum(row["n"] for row in parts) == total["n"]
        if metric != "lag_frames":
            weighted = sum(row["value"] * row["n"] for row in parts) / total["n"]
            assert weighted == pytest.approx(total["value"], rel=1e-12)
    for metric, alpha in {key[1:] for key in cells}:
        n = [cells[name, metric, alpha]["nose"]["n"] for name in ("all", "brace", "penn-action")]
        assert n[0] == n[1] + n[2] > 0


def test_rows_of_a_dataset_count_its_clips_alone():
    predicted, truth, annotated, clip = windows(30, seed=5)
    scores = scores_of(predicted, truth, annotated, clip)
    found = rows(scores, CLIPS, **ABOUT)
    alone = rows(scores.subset([0]), {"dataset": CLIPS["dataset"][:1]}, **ABOUT)
    assert [r for r in found if r["dataset"] == "brace"] == [
        r for r in alone if r["dataset"] == "brace"
    ]


def test_nothing_counted_gives_no_rows():
    predicted, truth, annotated, clip = windows()
    assert rows(scores_of(predicted, truth, annotated & False, clip), CLIPS, **ABOUT) == []


def test_every_sum_of_a_metric_is_counted():
    names = ("hits", "scored", "torso_px", "annotated", "error_px")  # as in files of before
    assert tuple(one.name for one in SUMS)[:5] == names
    assert {one for metric in METRICS for one in metric.sums} == set(SUMS)


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("alphas", lambda a: a[None], "expected annotated of shape"),
        ("alphas", lambda a: a[0], "expected annotated of shape"),
        ("annotated", lambda a: a[0], "expected annotated of shape"),
        ("annotated", lambda a: a[:, 1:], "expected annotated of shape"),
        ("hits", lambda a: a[:, :1], "expected hits of shape"),
        ("hits", lambda a: a.astype(str), "expected hits of shape"),
        ("error_px", lambda a: a * np.nan, "error_px has numbers that are not finite"),
        ("missing_torso", lambda a: np.array("none"), "its missing_torso is unknown"),
    ],
)
def test_what_is_wrong_with_arrays_of_scores(name, change, fault):
    scores = scores_of(*windows())
    found = {"alphas": scores.alphas, "missing_torso": np.array("skip"), **scores.sums}
    assert fault_of(found) == ""
    assert fault in fault_of({**found, name: change(found[name])})
    assert fault_of({k: v for k, v in found.items() if k != "alphas"}) == "it has no alphas"
