"""Finished runs, loaded to smooth: what they know, and the ways in which they can't be used."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pose_smoother.errors import InvalidInputError, RunError
from tests.trainer.fake_store import LABELLED, make_store
from trainer.data.render import render, response_tables
from trainer.evaluation.uncertainty import SHARES, Regions, estimate_with_scale
from trainer.inference.load_run import load_run
from trainer.metrics.scorer import heatmap_positions
from trainer.models.codec import from_coordinates, to_coordinates
from trainer.runs import checkpoint
from trainer.training.config import TrainConfig
from trainer.training.train import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of quick runs."""
    folder = tmp_path_factory.mktemp("runs")
    store = make_store(n_clips=10, n_frames=16)
    for model, experiment in (("deciwatch", "1.3"), ("3dconv", "1.1"), ("resmlp", "1.1")):
        config = TrainConfig(
            model, experiment, max_epochs=1, max_steps=2, batch_size=8, device="cpu"
        )
        train(config, store, folder)
    return folder


@pytest.fixture
def copied(runs, tmp_path):
    """A run to spoil."""
    return shutil.copytree(runs / "deciwatch-1.3-seed0", tmp_path / "deciwatch-1.3-seed0")


def windows(n=3):
    positions = np.random.default_rng(0).uniform(-9, 60, (n, 5, 25, 2)).astype(np.float32)
    positions[:, :, 7] = np.nan
    return positions


def test_a_run_of_coordinates_smooths_as_its_model_does(runs):
    run = load_run(runs / "deciwatch-1.3-seed0")
    assert (run.name, run.step, run.n_frames) == ("deciwatch-1.3-seed0", 2, 5)
    assert (run.expand, run.keep_aspect, run.threads) == (0.1, False, 1)
    assert not run.model.training
    mean, sigma = run.estimate(windows())
    positions = torch.from_numpy(windows())
    present = positions.isfinite().all(dim=-1)
    with torch.inference_mode():
        inside = positions.nan_to_num(0).clamp(0, 55)
        expected = from_coordinates(run.model(to_coordinates(inside, present)))
    np.testing.assert_array_equal(mean, expected)
    assert sigma is None
    smoother = run.smoother()
    assert (smoother.step, smoother.n_frames, smoother.expand) == (2, 5, 0.1)
    np.testing.assert_array_equal(smoother.smooth(windows()), mean)


def test_it_knows_the_keypoints_that_its_test_windows_annotate(runs):
    penn, brace = (np.array(LABELLED[name]) for name in ("penn-action", "brace"))
    # The test split's clip of brace has a gap that no window at half the rate crosses.
    np.testing.assert_array_equal(load_run(runs / "deciwatch-1.3-seed0").keypoints, penn)
    np.testing.assert_array_equal(load_run(runs / "3dconv-1.1-seed0").keypoints, penn | brace)


def test_a_run_of_heatmaps_renders_the_middle_blur_and_reads_the_peaks(runs):
    run = load_run(runs / "3dconv-1.1-seed0", decoder="argmax")
    assert run.sigma_in_px == 2.0
    mean, _ = run.estimate(windows(2))
    positions = torch.from_numpy(windows(2))
    present = positions.isfinite().all(dim=-1)
    pixels = (positions.nan_to_num(0).clamp(0, 55) + 0.5).floor().long()
    with torch.inference_mode():
        maps = run.model(render(pixels, present, None, response_tables((2.0,))))
    empty = maps.flatten(-2).amax(dim=-1) <= 0
    np.testing.assert_array_equal(np.isnan(mean[..., 0]), empty)
    np.testing.assert_array_equal(mean[~empty], heatmap_positions(maps)[~empty])
    fine, _ = replace(run, decoder="subpixel").estimate(windows(2))
    assert (fine[~empty] != mean[~empty]).any()


def test_a_model_that_estimates_an_uncertainty_is_asked_for_it(runs):
    run = load_run(runs / "resmlp-1.1-seed0")
    estimate, scale = run.estimate(windows())
    assert scale is not None
    assert (estimate.shape, scale.shape) == ((3, 5, 25, 2), (3, 5, 25))
    np.testing.assert_array_equal(run.smoother().smooth(windows()), estimate)
    positions = torch.from_numpy(windows())
    inside, present = positions.nan_to_num(0).clamp(0, 55), positions.isfinite().all(dim=-1)
    with torch.inference_mode():
        expected = estimate_with_scale(run.model, to_coordinates(inside, present))
    np.testing.assert_array_equal(scale, expected[1])


def edit(file, change):
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda run: shutil.rmtree(run), "not a run folder"),
        (
            lambda run: (run / "results.json").unlink(),
            r"not finished \(no results.json; state: finished\)",
        ),
        (
            lambda run: [(run / name).unlink() for name in ("results.json", "state.json")],
            r"not finished \(no results.json; state: unknown\)",
        ),
        (lambda run: (run / "best.pt").write_bytes(b"x"), "best.pt is damaged"),
        (lambda run: (run / "scores.npz").write_bytes(b"x"), "not a readable file of scores"),
        (
            lambda run: edit(run / "config.json", lambda c: c.update(contract=2)),
            "contract version 2, but this program's is 1",
        ),
        (
            lambda run: edit(run / "config.json", lambda c: c["identity"].update(smoothers=[])),
            "holds classical smoothers: name one by --smoother",
        ),
        (
            lambda run: checkpoint.write_checkpoint(run / "best.pt", {"model": {}}),
            "does not fit deciwatch as it is now",
        ),
        (
            lambda run: checkpoint.write_checkpoint(run / "best.pt", {"epoch": 1}),
            "does not fit deciwatch as it is now",
        ),
    ],
)
def test_a_run_that_cannot_be_used_is_one_clear_line(copied, spoil, text):
    spoil(copied)
    with pytest.raises(RunError, match=text) as error:
        load_run(copied)
    assert "\n" not in str(error.value)


def test_runs_from_before_contracts_were_saved_still_load(copied):
    edit(copied / "config.json", lambda c: c.pop("contract"))
    assert load_run(copied).name == "deciwatch-1.3-seed0"


def test_keypoints_inside_the_region_around_their_estimate_are_left_alone(runs):
    run = load_run(runs / "resmlp-1.1-seed0")
    estimate, scale = run.estimate(windows())
    factor = Regions.load(run.folder).factor[SHARES.index(0.5)]
    beside = estimate + np.float32(0.5) * (factor * scale)[..., None].astype(np.float32) / 2
    beside[0, :, 3] = estimate[0, :, 3] + 40
    # what it estimates of these is another matter: hold the estimate fixed
    fixed = replace(run, folder=run.folder)
    object.__setattr__(fixed, "estimate", lambda _: (estimate, scale))
    smoothed = fixed.smoother(keep_within=0.5).smooth(beside)
    np.testing.assert_array_equal(smoothed[1:], beside[1:])
    np.testing.assert_array_equal(smoothed[0, :, 3], estimate[0, :, 3])
    np.testing.assert_array_equal(fixed.smoother().smooth(beside), estimate)


def test_only_a_model_with_an_uncertainty_can_leave_keypoints_alone(runs):
    with pytest.raises(InvalidInputError, match="gives no uncertainty"):
        load_run(runs / "deciwatch-1.3-seed0").smoother(keep_within=0.5)
    with pytest.raises(
        InvalidInputError, match=r"no region for a share of 0\.7; known: 0\.5, 0\.9"
    ):
        load_run(runs / "resmlp-1.1-seed0").smoother(keep_within=0.7)
