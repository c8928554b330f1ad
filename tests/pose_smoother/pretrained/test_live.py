"""The live network in numpy: less noise, clean input stays, the unit does not matter."""

import hashlib

import numpy as np

from pose_smoother.pretrained.live import WEIGHTS, WEIGHTS_SHA256, LiveStream, smooth_live


def motion(n_frames: int = 200, n_keypoints: int = 8) -> np.ndarray:
    rng = np.random.default_rng(7)
    t = np.arange(n_frames)[:, None, None]
    shape = (1, n_keypoints, 2)
    return 500 + 100 * rng.normal(size=shape) + 30 * np.sin(t / 12 + rng.normal(size=shape))


def noisy(sigma: float = 3.0) -> np.ndarray:
    clean = motion()
    return clean + sigma * np.random.default_rng(1).normal(size=clean.shape)


def test_noise_is_removed_and_the_more_the_longer_the_delay():
    errors = [
        np.linalg.norm(smooth_live(noisy(), None, delay) - motion(), axis=-1)[20:].mean()
        for delay in (0, 2, 8)
    ]
    raw = np.linalg.norm(noisy() - motion(), axis=-1)[20:].mean()
    assert raw > errors[0] > errors[1] > errors[2]


def test_clean_input_stays():
    found = smooth_live(motion(), None, 2)
    assert np.linalg.norm(found - motion(), axis=-1).max() < 0.002 * 100


def test_moving_and_scaling_the_input_does_the_same_to_the_output():
    found = smooth_live(noisy(), None, 1)
    moved = smooth_live(7.0 * noisy() - 3000.0, None, 1)
    np.testing.assert_allclose((moved + 3000.0) / 7.0, found, atol=1e-3)


def test_a_keypoint_that_is_never_seen_changes_nothing_for_the_others():
    more = np.concatenate([noisy(), np.full((200, 1, 2), np.nan)], axis=1)
    found = smooth_live(more, None, 0)
    assert np.isnan(found[:, -1]).all()
    np.testing.assert_allclose(found[:, :-1], smooth_live(noisy(), None, 0), atol=1e-6)


def test_a_frame_costs_the_same_memory_however_long_the_stream_runs():
    stream = LiveStream(8, 2)
    sizes = []
    for frame in noisy():
        stream.update(frame)
        sizes.append(sum(ring.nbytes for ring in stream._rings) + stream.features.past.nbytes)
    assert len(set(sizes)) == 1
    assert len(stream._pending) == 2


def test_the_weights_are_the_ones_that_were_checked():
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == WEIGHTS_SHA256
    assert WEIGHTS.stat().st_size < 500_000
