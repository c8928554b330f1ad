"""A detector's profile: time constants, bursts and sizes come back from what was drawn of them."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.skeleton import N_KEYPOINTS
from tests.trainer.made_noise import detector, write
from trainer.calibrate.pairs import Pairs
from trainer.calibrate.profile import profile_of, shares_of
from trainer.noise.noise_file import DETECTOR_NUMBERS, parse_noise, read_noise

SD = 0.4


def _pairs(tau: float, burst: int = 4, n_frames: int = 600, n_videos: int = 3) -> Pairs:
    """Still figures, AR(1) errors, a burst of outliers and a run of misses every 100 frames."""
    rng = np.random.default_rng(0)
    n = n_frames * n_videos
    truth = np.broadcast_to(rng.uniform(5, 50, size=(N_KEYPOINTS, 2)), (n, N_KEYPOINTS, 2)).copy()
    error = rng.normal(size=truth.shape)
    keep = np.exp(-1.0 / tau)
    for t in range(1, n):
        error[t] = keep * error[t - 1] + np.sqrt(1 - keep**2) * error[t]
    detected = truth + 3.0 + SD * error
    at = np.arange(n) % 100
    detected[(at >= 50) & (at < 50 + burst), 4:8] += 12.0
    detected[(at >= 80) & (at < 85), 9] = np.nan
    video = np.arange(n) // n_frames
    return Pairs(
        truth=truth,
        detected=detected,
        speed=np.zeros_like(truth),
        video=video,
        videos=tuple(f"v{i}" for i in range(n_videos)),
        follows=np.diff(video, prepend=-1) == 0,
        known=np.ones(N_KEYPOINTS, bool),
    )


@pytest.mark.parametrize(("tau", "group"), [(0.05, 0), (2.5, 1), (12.0, 2)])
def test_the_time_constant_is_found(tau: float, group: int) -> None:
    found = profile_of(_pairs(tau))
    assert found is not None
    assert np.argmax(found.shares) == group
    assert found.shares[group] > 0.6
    assert sum(found.shares) == pytest.approx(1.0)


def test_bursts_misses_and_sizes_are_found() -> None:
    pairs = _pairs(0.05)
    found = profile_of(pairs)
    assert found is not None
    centred = pairs.truth[0] - pairs.truth[0].mean(axis=0)
    size = np.sqrt((centred**2).sum(-1).mean())
    assert found.burst_frames == pytest.approx(4.0, abs=0.1)
    assert found.outlier_rate == pytest.approx(4 / N_KEYPOINTS * 0.04, rel=0.1)
    assert found.outlier_size == pytest.approx(12 * np.sqrt(2) / size, rel=0.1)
    assert found.missing_frames == pytest.approx(5.0)
    assert found.missing_rate == pytest.approx(0.05 / N_KEYPOINTS)
    assert found.sd == pytest.approx(SD / size, rel=0.1)
    assert found.offset == pytest.approx(3 * np.sqrt(2) / size, rel=0.05)


def test_slow_errors_are_not_looked_for_across_a_cut() -> None:
    whole = _pairs(12.0)
    cut = replace(whole, follows=whole.follows & (np.arange(len(whole.video)) % 40 != 0))
    there, here = profile_of(whole), profile_of(cut)
    assert there is not None
    assert here is not None
    np.testing.assert_allclose(here.shares, there.shares, atol=0.15)


def test_short_videos_have_no_profile() -> None:
    assert profile_of(_pairs(2.0, n_frames=50)) is None


def test_shares_of_uncorrelated_errors_are_white() -> None:
    assert shares_of(np.zeros(8))[0] == 1.0


def test_a_noise_file_holds_the_profile_and_its_hash_is_the_old_one_without(tmp_path: Path) -> None:
    noise = detector()
    found = profile_of(_pairs(2.5))
    assert found is not None
    file = write(tmp_path / "noise.toml", noise)
    table = {"shares": list(found.shares), **{k: getattr(found, k) for k in DETECTOR_NUMBERS}}
    with_it = parse_noise({**tomllib.loads(file.read_text()), "detector": table})
    assert with_it.detector is not None
    np.testing.assert_allclose(with_it.detector.shares, found.shares)
    assert with_it.detector.burst_frames == found.burst_frames
    assert read_noise(file).detector is None
    assert with_it.sha256 != noise.sha256
    assert replace(with_it, detector=None).sha256 == noise.sha256
