"""Augmented windows: what the pipeline would have stored of the moved poses."""

import math

import numpy as np
import pytest
import torch

from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap, to_source
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import MIRROR
from tests.trainer.fake_store import make_store
from trainer.data.augment import augmented
from trainer.data.stream import WindowStream
from trainer.noise.gaussian import NoiseConfig
from trainer.settings import AUGMENTATIONS, Augmentation, augmentation

B, T, K = 6, 5, 25
NOISE = NoiseConfig(1.0, (1.0,))


@pytest.fixture
def poses():
    """Windows as the pipeline stores them: source positions, exact pixels, boxes, annotated."""
    generator = np.random.default_rng(3)
    source = generator.uniform(50, 300, (B * T, K, 2))
    source[generator.random((B * T, K)) < 0.3] = np.nan
    boxes, _ = boxes_around(source)
    exact = to_heatmap(source, boxes)
    return (
        source.reshape(B, T, K, 2),
        torch.from_numpy(exact).reshape(B, T, K, 2),
        torch.from_numpy(boxes.astype(np.float32)).reshape(B, T, 4),
        torch.from_numpy(~np.isnan(exact[..., 0])).reshape(B, T, K),
    )


def moved(poses, how, epoch=1, window=None):
    _, exact, boxes, annotated = poses
    window = torch.arange(B) if window is None else window
    return augmented(exact, annotated, boxes, window, how, seed=0, epoch=epoch)


def test_nothing_done_is_what_is_stored(poses):
    source, _, _, annotated = poses
    keypoints, still = moved(poses, Augmentation(mirror=0.0))
    boxes, _ = boxes_around(source.reshape(-1, K, 2))
    stored = nearest_pixel(to_heatmap(source.reshape(-1, K, 2), boxes)).reshape(B, T, K, 2)
    assert torch.equal(still, annotated)
    assert np.array_equal(keypoints.numpy(), stored)


def test_a_rotated_pose_is_what_the_pipeline_makes_of_the_rotated_source(poses, monkeypatch):
    source, _, _, annotated = poses
    angle, shear = math.radians(30), 0.2
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = matrix @ np.array([[1.0, shear], [0.0, 1.0]])
    monkeypatch.setattr(  # every draw at its highest: 30 degrees, shear 0.2
        "trainer.data.augment.low_half", lambda bits: torch.full_like(bits, 2**32)
    )
    keypoints, still = moved(poses, Augmentation(mirror=0.0, rotate_deg=30, shear=0.2))
    turned = (source @ matrix.T).reshape(-1, K, 2)
    boxes, _ = boxes_around(turned)
    stored = nearest_pixel(to_heatmap(turned, boxes)).reshape(B, T, K, 2)
    assert torch.equal(still, annotated)
    # float32 can send a position that lies half way to the other pixel
    assert np.abs(keypoints.numpy() - stored).max() <= 1
    assert (keypoints.numpy() == stored).mean() > 0.99


def test_a_mirrored_pose_has_its_sides_exchanged(poses):
    _, exact, _, annotated = poses
    keypoints, still = moved(poses, Augmentation(mirror=1.0))
    order = list(MIRROR)
    assert torch.equal(still, annotated[:, :, order])
    expected = torch.floor(55 - exact[:, :, order, 0] + 0.5).nan_to_num(-1).long()
    assert torch.equal(keypoints[..., 0], expected)


def test_a_reversed_window_runs_backwards(poses):
    as_stored, _ = moved(poses, Augmentation(mirror=0.0))
    backwards, _ = moved(poses, Augmentation(mirror=0.0, reverse=1.0))
    assert torch.equal(backwards, as_stored.flip(1))


def test_what_is_left_out_is_left_out_of_all_frames_and_of_the_box(poses):
    source, _, _, annotated = poses
    _, still = moved(poses, Augmentation(mirror=0.0, leave_out=0.5))
    gone = annotated & ~still
    whole = gone.any(dim=1)
    assert whole.any()
    assert not (still & whole.unsqueeze(1)).any()
    keypoints, still = moved(poses, Augmentation(mirror=0.0, leave_out=0.5))
    kept = np.where(still.numpy()[..., None], source, np.nan).reshape(-1, K, 2)
    boxes, _ = boxes_around(kept)
    stored = nearest_pixel(to_heatmap(kept, boxes)).reshape(B, T, K, 2)
    assert np.abs(keypoints.numpy() - stored).max() <= 1


def test_jittered_boxes_keep_their_margins(poses):
    source, _, boxes, _ = poses
    wide = boxes.clone()
    wide[..., :2] -= 0.4 * (boxes[..., 2:] - boxes[..., :2])
    exact = to_heatmap(source.reshape(-1, K, 2), wide.reshape(-1, 4).double().numpy())
    window, annotated = torch.arange(B), ~torch.from_numpy(np.isnan(exact[..., 0]))
    keypoints, still = augmented(
        torch.from_numpy(exact).reshape(B, T, K, 2),
        annotated.reshape(B, T, K),
        wide,
        window,
        Augmentation(mirror=0.0, rotate_deg=25.0),
        seed=0,
        epoch=1,
    )
    # margins of (0.05 + 0.44) / 1.54 of the side below, as before the rotation
    lowest = torch.where(still[..., None], keypoints, 99).amin(dim=2)
    assert (lowest - 55 * (0.05 + 0.44) / (1.1 * 1.4)).abs().max() <= 0.6


def test_a_window_is_moved_alike_in_every_batch_and_differently_in_every_epoch(poses):
    how = AUGMENTATIONS["poses"]
    together, _ = moved(poses, how)
    source, exact, boxes, annotated = poses
    last = (source[-1:], exact[-1:], boxes[-1:], annotated[-1:])
    alone, _ = moved(last, how, window=torch.tensor([B - 1]))
    assert torch.equal(together[-1:], alone)
    later, _ = moved(poses, how, epoch=2)
    assert not torch.equal(together, later)


def test_shares_are_what_was_asked_for():
    n = 4_000
    exact = torch.tensor([10.0, 20.0]).expand(n, 1, K, 2).clone()
    exact[:, :, 0] = 45.0
    boxes = torch.tensor([0.0, 0.0, 55.0, 55.0]).expand(n, 1, 4)
    keypoints, _ = augmented(
        exact,
        torch.ones(n, 1, K, dtype=torch.bool),
        boxes,
        torch.arange(n),
        Augmentation(mirror=0.5),
        seed=1,
        epoch=3,
    )
    assert float((keypoints[:, 0, 0, 0] == 10).float().mean()) == pytest.approx(0.5, abs=0.03)


def test_only_training_windows_are_augmented():
    store = make_store(n_clips=10, n_frames=16)
    found = {
        (split, how): next(
            iter(
                WindowStream(
                    store, split, 1, NOISE, consumes="coordinates", augment=AUGMENTATIONS[how]
                ).epoch(0)
            )
        )
        for split in ("train", "test")
        for how in ("none", "poses")
    }
    assert torch.equal(found["test", "none"].noisy, found["test", "poses"].noisy)
    assert torch.equal(found["train", "none"].window, found["train", "poses"].window)
    assert not torch.equal(found["train", "none"].keypoints, found["train", "poses"].keypoints)


def test_stored_heatmaps_can_not_be_augmented():
    store = make_store(n_clips=10, n_frames=16)
    how = AUGMENTATIONS["poses"]
    with pytest.raises(InvalidInputError, match="use --targets rendered"):
        WindowStream(store, "train", 1, NOISE, targets="stored", augment=how)
    batch = next(iter(WindowStream(store, "train", 1, NOISE, batch_size=2, augment=how).epoch(1)))
    assert batch.target is not None
    peak = batch.target.flatten(-2).argmax(dim=-1)
    place = batch.keypoints[..., 1] * 56 + batch.keypoints[..., 0]
    assert torch.equal(peak[batch.annotated], place[batch.annotated])


def test_an_unknown_augmentation_lists_the_known_ones():
    with pytest.raises(
        InvalidInputError, match="unknown augmentation 'flip'; known: none, mirror, poses"
    ):
        augmentation("flip")


def test_source_positions_come_back(poses):
    """The poses of this file are what the pipeline would store (guards the fixture)."""
    source, exact, boxes, annotated = poses
    back = to_source(exact.reshape(-1, K, 2).numpy(), boxes.reshape(-1, 4).numpy())
    there = annotated.reshape(-1, K).numpy()
    np.testing.assert_allclose(back[there], source.reshape(-1, K, 2)[there], atol=1e-3)
