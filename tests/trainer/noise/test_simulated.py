"""Experiment ``real``: what is drawn for a run of frames, by residuals' statistics."""

import numpy as np
import pytest

from pose_smoother.pretrained.features import body_size
from pose_smoother.skeleton import KEYPOINTS, MIRROR
from tests.trainer.fake_store import REST_PX
from trainer.noise import simulated
from trainer.noise.detector_profiles import PROFILES, DetectorProfile
from trainer.noise.realistic import simulate
from trainer.noise.residual_statistics import residual_statistics
from trainer.noise.simulated import HUMAN_PROFILES, detected_run


def moving(n_frames=150):
    """A figure of 25 keypoints that walks and sways, (n_frames, 25, 2) in source pixels."""
    rest = np.array(
        [
            (
                (55 - REST_PX[name.split("_")[-1]][0])
                if name.startswith("right")
                else REST_PX[name.split("_")[-1]][0],
                REST_PX[name.split("_")[-1]][1],
            )
            for name in KEYPOINTS
        ]
    )
    time = np.arange(n_frames)[:, None, None]
    sway = 3 * np.sin(time / 12 + np.arange(25)[None, :, None]) * [1.0, 0.5]
    return 4 * rest + sway + [2.0, 0.0] * time


def test_a_run_is_decided_by_its_generator():
    first, second = (detected_run(moving(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = detected_run(moving(), np.random.default_rng(4))
    assert not np.array_equal(first, other)


def test_only_what_is_annotated_is_detected_and_gaps_do_not_matter_elsewhere():
    positions = moving()
    positions[:, 3] = np.nan
    positions[40:60, 5] = np.nan
    found = detected_run(positions, np.random.default_rng(0))
    assert np.isnan(found[:, 3]).all()
    assert np.isnan(found[40:60, 5]).all()
    assert np.isfinite(found).mean() > 0.7
    assert found.dtype == np.float32
    nothing = np.full((9, 25, 2), np.nan)
    assert np.isnan(detected_run(nothing, np.random.default_rng(0))).all()


@pytest.mark.parametrize("name", HUMAN_PROFILES)
def test_statistics_are_near_those_measured(name, monkeypatch):
    """Medians over draws within a factor of 2 of the row that they were drawn near."""
    monkeypatch.setattr(simulated, "HUMAN_PROFILES", (name,))
    clean, measured = moving(), PROFILES[name]
    size = body_size(clean.astype(np.float32))
    drawn = [
        residual_statistics(detected_run(clean, np.random.default_rng((7, i))), clean, size)
        for i in range(24)
    ]
    sd = np.median([one.sd for one in drawn]) / measured.unit
    assert measured.sd / 2 < sd < measured.sd * 2
    offset = np.median([one.offset for one in drawn]) / measured.unit
    assert measured.offset / 2 < offset < measured.offset * 2
    # Slow: as the shares say, by the autocorrelation of AR(1) components of 2.75, 12.5, 42 frames.
    shares = np.array(measured.shares)
    at_five = float(shares @ [0.0, *np.exp(-5 / np.array([2.75, 12.5, 42.0]))])
    found = float(np.median([one.correlation[2] for one in drawn]))
    assert abs(found - at_five) < 0.25
    missing = np.mean([one.missing_rate for one in drawn])
    assert missing < max(0.02, 2 * measured.missing_rate)


def test_bursts_are_mirrored_to_the_other_side_where_it_is_annotated(monkeypatch):
    positions = moving()
    gone = KEYPOINTS.index("left_wrist")
    positions[:, gone] = np.nan
    given = []
    monkeypatch.setattr(
        simulated, "simulate", lambda *taken: given.append(taken) or simulate(*taken)
    )
    detected_run(positions, np.random.default_rng(0))
    clean, mirror = given[0][0], given[0][3]
    columns = [k for k in range(25) if k != gone]
    np.testing.assert_allclose(clean, positions[:, columns], rtol=1e-6)
    for index, column in enumerate(columns):
        other = column if MIRROR[column] == gone else MIRROR[column]
        assert columns[mirror[index]] == other


def test_a_detector_of_a_file_is_drawn_near() -> None:
    still = np.full((400, 25, 2), 100.0) + 40.0 * np.random.default_rng(1).normal(size=(1, 25, 2))
    large = DetectorProfile(0.0, 0.2, (1.0, 0.0, 0.0, 0.0), 0.0, 0.0, 1.0, 0.0)
    small = DetectorProfile(0.0, 0.002, (1.0, 0.0, 0.0, 0.0), 0.0, 0.0, 1.0, 0.0)
    spread = [
        np.nanstd(detected_run(still, np.random.default_rng(2), one), axis=0).mean()
        for one in (large, small)
    ]
    assert spread[0] > 20 * spread[1]
