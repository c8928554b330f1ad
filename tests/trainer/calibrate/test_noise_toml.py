"""What keypoints with too few detections are given: what the others have in common."""

import numpy as np
import pytest

from trainer.calibrate.estimate import MEASURES, KeypointEstimate
from trainer.calibrate.intervals import Interval
from trainer.calibrate.noise_toml import common


def estimated(name: str, n: int, **values: float) -> KeypointEstimate:
    """A keypoint whose measures are 0 where not given."""
    nothing, empty = (float("nan"), float("nan")), np.zeros((0, 2))
    measures = {key: Interval(values.get(key, 0.0), *nothing, 1) for key in MEASURES}
    return KeypointEstimate(name, n, n, measures, nothing, nothing, empty, empty, np.zeros(0))


def rare(name: str) -> KeypointEstimate:
    """A keypoint of which only the misses were measured."""
    one = estimated(name, 3, missing=0.9)
    return KeypointEstimate(**{**vars(one), "measures": {"missing": one.measures["missing"]}})


def test_what_rare_keypoints_get_is_the_mean_over_detections():
    estimates = {
        "nose": estimated("nose", 100, outliers=0.1, swapped=0.0, missing=0.2, bias_x_px=3.0),
        "left_hip": estimated("left_hip", 300, outliers=0.3, swapped=0.02, spread_x_px=2.0),
        "right_hip": estimated("right_hip", 100, outliers=0.0, swapped=0.06, spread_x_px=4.0),
        "left_ear": rare("left_ear"),
    }
    found = common(estimates)
    assert found["outliers"] == pytest.approx((100 * 0.1 + 300 * 0.3) / 500)
    assert found["missing"] == pytest.approx(100 * 0.2 / 500)
    assert found["spread_x_px"] == pytest.approx(np.sqrt((300 * 4 + 100 * 16) / 500))
    assert found["swapped"] == pytest.approx((300 * 0.02 + 100 * 0.06) / 400)  # of pairs alone
    assert found["bias_x_px"] == found["bias_y_px"] == 0.0


def test_without_pairs_nothing_is_swapped():
    assert common({"nose": estimated("nose", 100, swapped=0.5)})["swapped"] == 0.0


def test_a_correlation_without_pairs_of_frames_is_none():
    estimates = {
        "nose": estimated("nose", 100, correlation=float("nan")),
        "left_hip": estimated("left_hip", 100, correlation=0.5),
    }
    assert common(estimates)["correlation"] == pytest.approx(0.25)
