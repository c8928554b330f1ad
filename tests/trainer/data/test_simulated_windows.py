"""Windows of experiment ``real``: one detection a frame and epoch, moved with its ground truth."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from tests.trainer.made_noise import detector, write
from trainer.evaluation.baselines import BaselinesConfig, read_positions
from trainer.experiments import EXPERIMENTS, KNOWN, REAL
from trainer.noise.noise_file import DETECTOR_NUMBERS, read_noise
from trainer.noise.select import check_noise, noise_config
from trainer.noise.simulated import SimulatedNoise
from trainer.training.config import TrainConfig, open_stream


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=24)


def stream(store, split="train", model="deciwatch", **chosen):
    return open_stream(TrainConfig(model, "real", device="cpu", **chosen), store, split)


def by_window(stream, epoch):
    """Window -> (keypoints, noisy, detected) of an epoch."""
    return {
        int(window): (batch.keypoints[i], batch.noisy[i], batch.detected[i])
        for batch in stream.epoch(epoch)
        for i, window in enumerate(batch.window)
    }


def test_real_is_known_and_is_none_of_the_six(store):
    assert (*EXPERIMENTS, REAL) == KNOWN
    assert noise_config("real", "auto", 0.0, store) == SimulatedNoise((2.0,), frozen=False)
    assert noise_config("real", "frozen", 0.0, store).frozen


def test_windows_that_share_a_frame_share_its_detections(store):
    found = by_window(stream(store), 1)
    n_pairs = 0
    for window, (_, noisy, detected) in found.items():
        if window + 1 in found:
            n_pairs += 1
            assert torch.equal(noisy[1:], found[window + 1][1][:-1])
            assert torch.equal(detected[1:], found[window + 1][2][:-1])
    assert n_pairs > 50


def test_detections_depend_on_seed_epoch_and_split_alone(store):
    small, large = stream(store, batch_size=3), stream(store, batch_size=64)
    first = by_window(small, 1)
    by_window(large, 2)  # another epoch between changes nothing
    again = by_window(large, 1)
    assert all(torch.equal(first[w][1], again[w][1]) for w in first)
    assert first.keys() == again.keys()
    some = next(iter(first))
    assert not torch.equal(first[some][1], by_window(small, 2)[some][1])
    other = by_window(stream(store, seed=1), 1)
    assert not torch.equal(first[some][1], other[some][1])
    val = stream(store, "val")
    before, after = by_window(val, 0), by_window(val, 3)
    assert all(torch.equal(before[w][1], after[w][1]) for w in before)
    frozen = stream(store, noise="frozen")
    assert torch.equal(by_window(frozen, 1)[some][1], by_window(frozen, 2)[some][1])


def test_coordinates_are_unrounded_and_heatmaps_are_at_whole_pixels(store):
    fine, whole = by_window(stream(store), 1), by_window(stream(store, model="3dconv"), 1)
    for window, (truth, noisy, detected) in fine.items():
        assert truth.dtype == noisy.dtype == torch.float32
        pixel_truth, pixel, seen = whole[window]
        assert pixel.dtype == torch.int64
        assert torch.equal(seen, detected)
        assert torch.equal(
            pixel, torch.where(detected[..., None], noisy + 0.5, -1.0).floor().long()
        )
        annotated = truth[..., 0] >= 0
        assert torch.equal(
            pixel_truth, torch.where(annotated[..., None], truth + 0.5, -1.0).floor().long()
        )
        assert (noisy[detected] >= 0).all()
        assert (noisy[detected] <= 55).all()
    some = torch.cat([noisy[detected] for _, noisy, detected in fine.values()])
    assert ((some - some.round()).abs() > 0.01).float().mean() > 0.8


def test_noise_is_small_and_slow_compared_with_the_thesis(store):
    config = BaselinesConfig("real", smoothers=("identity",))
    real = read_positions(config, store, "train")
    thesis = read_positions(replace(config, experiment="1.1"), store, "train")
    steps = [np.nanmedian(np.abs(np.diff(p.noisy - p.truth, axis=1))) for p in (real, thesis)]
    assert steps[0] < 0.2 * steps[1]
    assert np.isfinite(real.truth).sum() == np.isfinite(real.noisy).sum()


@pytest.mark.parametrize("name", ["mirror", "poses"])
def test_augmented_detections_move_with_their_ground_truth(store, name, monkeypatch):
    """Detections that are the ground truth itself stay so, wherever a window is moved."""
    monkeypatch.setattr(
        "trainer.data.simulated_windows.detected_run", lambda positions, *_: positions
    )
    plain, moved = by_window(stream(store), 1), by_window(stream(store, augment=name), 1)
    n_changed = 0
    for window, (truth, noisy, detected) in moved.items():
        torch.testing.assert_close(noisy[detected], truth[detected], atol=1e-3, rtol=0)
        assert torch.equal(detected, truth[..., 0] >= 0)
        n_changed += not torch.equal(truth, plain[window][0])
    assert n_changed > 0.3 * len(moved)


def test_what_does_not_go_with_real_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="--mu-in does not go with --exp real"):
        TrainConfig("deciwatch", "real", mu_in_px=1.0)


def test_every_run_of_frames_has_a_stream_of_its_own(store, monkeypatch):
    states = []

    def note(positions, rng, detector):
        states.append(rng.bit_generator.state["state"]["state"])
        return positions

    monkeypatch.setattr("trainer.data.simulated_windows.detected_run", note)
    by_window(stream(store), 1)
    assert len(states) == len(set(states)) > 6  # of 6 clips; two have a gap


def test_a_noise_file_gives_its_detector_and_one_without_is_refused(tmp_path):
    table = "[detector]\nshares = [0.5, 0.5, 0.0, 0.0]\n"
    table += "".join(f"{name} = 1.0\n" for name in DETECTOR_NUMBERS)
    file = write(tmp_path / "noise.toml", detector())
    with pytest.raises(InvalidInputError, match=r"no table \[detector\]"):
        check_noise(str(file), experiment="real")
    file.write_text(file.read_text() + table)
    check_noise(str(file), experiment="real")
    noise = noise_config("real", str(file), 0.0, make_store(n_clips=2, n_frames=12))
    assert isinstance(noise, SimulatedNoise)
    assert noise.detector == read_noise(file).detector
    assert noise.detector.shares == (0.5, 0.5, 0.0, 0.0)
