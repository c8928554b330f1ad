"""Regions that hold the share of truths that they are made for."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pose_smoother.errors import RunError
from pose_smoother.skeleton import INDEX, N_KEYPOINTS
from trainer.evaluation.uncertainty import (
    SHARES,
    Regions,
    coverage_rows,
    fit_regions,
    has_uncertainty,
)

B, T, K = 300, 5, N_KEYPOINTS
ABOUT = {"model": "resmlp", "experiment": "1.1", "seed": 0, "split": "test"}
NOSE = INDEX["nose"]


class Guess(torch.nn.Module):
    """Predicts the middle, and that it is off by 2 px; by 4 at the nose."""

    def forward_both(self, coordinates):
        log_scale = torch.full((len(coordinates), T, K), 2.0).log()
        log_scale[:, :, NOSE] = np.log(4.0)
        return torch.zeros_like(coordinates), log_scale


def stream(seed, spread_px=2.0):
    """Truths around the middle; the nose is spread three times as far, not twice."""
    generator = torch.Generator().manual_seed(seed)
    offset = spread_px * torch.randn(B, T, K, 2, generator=generator)
    offset[:, :, NOSE] *= 3
    annotated = torch.rand(B, T, K, generator=generator) < 0.8
    keypoints = 27.5 + offset
    batch = SimpleNamespace(
        keypoints=keypoints, annotated=annotated, noisy=keypoints, detected=annotated
    )
    device = torch.device("cpu")
    return SimpleNamespace(consumes="coordinates", device=device, epoch=lambda epoch: iter([batch]))


def cells(rows):
    assert all({**row, **ABOUT, "dataset": "all", "metric": "coverage"} == row for row in rows)
    return {(row["keypoint"], row["alpha"]): row for row in rows}


def test_regions_hold_their_share_of_other_truths_of_every_keypoint():
    regions = fit_regions(Guess(), stream(0))
    found = cells(coverage_rows(Guess(), stream(1), regions, ABOUT))
    for share in SHARES:
        assert found["all", share]["value"] == pytest.approx(100 * share, abs=1.0)
        assert found["nose", share]["value"] == pytest.approx(100 * share, abs=4.0)
        assert found["wrist", share]["value"] == pytest.approx(100 * share, abs=3.0)
    assert found["nose", 0.5]["n"] == int(stream(1).epoch(0).__next__().annotated[:, :, NOSE].sum())


def test_truths_that_are_farther_than_in_validation_are_missed():
    regions = fit_regions(Guess(), stream(0))
    found = cells(coverage_rows(Guess(), stream(1, spread_px=4.0), regions, ABOUT))
    assert found["all", 0.9]["value"] < 50


def test_factors_by_keypoint_or_of_all_where_seen_too_rarely(monkeypatch):
    of_each = fit_regions(Guess(), stream(0)).factor
    assert of_each[0, NOSE] == pytest.approx(1.5 * of_each[0, INDEX["left_hip"]], rel=0.1)
    monkeypatch.setattr("trainer.evaluation.uncertainty._LEAST_SEEN", 10**9)
    of_all = fit_regions(Guess(), stream(0)).factor
    assert (of_all == of_all[:, :1]).all()


def test_regions_are_kept(tmp_path):
    made = fit_regions(Guess(), stream(0))
    made.save(tmp_path)
    assert np.array_equal(Regions.load(tmp_path).factor, made.factor)
    (tmp_path / "regions.json").write_text(json.dumps({"shares": [0.5], "factor": [[1.0]]}))
    with pytest.raises(RunError, match=r"regions\.json is not a file of this program"):
        Regions.load(tmp_path)
    with pytest.raises(RunError, match="has no regions of uncertainty"):
        Regions.load(tmp_path / "elsewhere")


def test_models_say_whether_they_have_one():
    assert has_uncertainty("resmlp")
    assert not has_uncertainty("deciwatch")
