"""``ps.smooth``: arrays come back as they went in, every keypoint by its own name and unit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

import pose_smoother as ps
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.smoothing.chain import track_filters

N_FRAMES = 80


def motion(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(size=(N_FRAMES, *shape)), axis=0)
    return 300 + smooth + rng.normal(scale=3, size=smooth.shape)


@pytest.mark.parametrize("method", [*track_filters(), "hampel,kalman"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4, 2), (4, 3)])
def test_shape_dtype_and_missing_points_stay(
    method: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    xy = motion(*shape).astype(dtype)
    xy[10:13, ..., 1, :] = np.nan
    xy[0, ..., 2, :] = np.nan
    before = xy.copy()
    fps = {"fps": 30.0, "cutoff_hz": 6.0} if method == "butterworth" else {}
    clean = ps.smooth(xy, method, **fps)
    np.testing.assert_array_equal(xy, before)
    assert clean.shape == xy.shape
    assert clean.dtype == dtype
    np.testing.assert_array_equal(np.isnan(clean), np.isnan(xy))
    if method != "identity":
        assert np.abs(np.nan_to_num(clean - xy).astype(float)).max() > 0


@pytest.mark.parametrize("method", [m for m in track_filters() if m != "identity"])
def test_a_filter_makes_noise_on_a_slow_movement_smaller(method: str) -> None:
    t = np.arange(200) / 30
    truth = 100 * np.stack([np.sin(t), np.cos(1.3 * t)], axis=-1)[:, None].repeat(3, axis=1)
    noise = np.random.default_rng(1).normal(size=truth.shape) * 4
    noise[::17] *= 8  # outliers: hampel removes nothing else
    clean = ps.smooth(truth + noise, method, fps=30)
    assert np.abs(clean - truth).mean() < 0.9 * np.abs(noise).mean()


def test_complete_tracks_agree_with_scipy() -> None:
    xy = motion(3, 2)
    found = ps.smooth(xy, "butterworth", cutoff_hz=5, fps=30, order=2)
    expected = sosfiltfilt(butter(2, 5, fs=30, output="sos"), xy, axis=0)
    np.testing.assert_allclose(found[20:-20], expected[20:-20], atol=0.05)
    found = ps.smooth(xy, "gaussian", sigma_frames=1.5)
    expected = gaussian_filter1d(xy, 1.5, axis=0, truncate=4)
    np.testing.assert_allclose(found[7:-7], expected[7:-7], rtol=1e-4)


def test_keypoints_people_and_units_do_not_mix() -> None:
    xy = motion(2, 5, 2)
    whole = ps.smooth(xy, "kalman")
    order = [3, 1, 4, 0, 2]
    np.testing.assert_allclose(ps.smooth(xy[:, :, order], "kalman"), whole[:, :, order])
    np.testing.assert_allclose(ps.smooth(xy[:, 1], "gaussian"), ps.smooth(xy, "gaussian")[:, 1])
    np.testing.assert_allclose(
        ps.smooth(xy * 1000 - 5e4, "gaussian"), ps.smooth(xy, "gaussian") * 1000 - 5e4, rtol=1e-7
    )


def test_a_low_score_is_not_read_and_stays() -> None:
    xy = motion(3, 2)
    scores = np.ones((N_FRAMES, 3))
    bad = xy.copy()
    bad[40, 1] += 500
    scores[40, 1] = 0.1
    dragged = ps.smooth(bad, "gaussian")
    clean = ps.smooth(bad, "gaussian", scores=scores, min_score=0.5)
    np.testing.assert_array_equal(clean[40, 1], bad[40, 1])
    gone = xy.copy()
    gone[40, 1] = np.nan
    np.testing.assert_allclose(
        np.delete(clean, 40, 0), np.delete(ps.smooth(gone, "gaussian"), 40, 0)
    )
    assert np.abs(dragged[41, 1] - clean[41, 1]).max() > 50


def test_gaps_are_filled_only_up_to_the_length_asked_for() -> None:
    xy = motion(2, 2)
    xy[10:14, 0] = np.nan  # 4 frames
    xy[30:41, 1] = np.nan  # 11 frames
    xy[:3, 1] = np.nan  # nothing before it
    clean = ps.smooth(xy, "gaussian", fill_gaps=4)
    assert np.isfinite(clean[10:14, 0]).all()
    assert np.isnan(clean[30:41, 1]).all()
    assert np.isnan(clean[:3, 1]).all()
    assert np.isfinite(ps.smooth(xy, "gaussian", fill_gaps=11)[30:41, 1]).all()


class Labelled(SimpleNamespace):
    """As much of an xarray DataArray as ``smooth`` uses, so that the tests need no xarray."""

    def transpose(self, *dims: str) -> "Labelled":
        values = np.transpose(self.values, [self.dims.index(dim) for dim in dims])
        return Labelled(dims=dims, coords=self.coords, values=values, attrs=self.attrs)

    def copy(self, data: NDArray[Any]) -> "Labelled":
        return Labelled(dims=self.dims, coords=self.coords, values=data, attrs=self.attrs)


def test_a_data_array_in_movement_s_dimensions() -> None:
    xy = motion(2, 4, 2)  # time, individuals, keypoints, space
    dims = ("time", "space", "keypoints", "individuals")
    array = Labelled(dims=dims, coords={}, values=xy.transpose(0, 3, 2, 1), attrs={"fps": 30})
    clean = ps.smooth(array, "butterworth", cutoff_hz=6)
    assert clean.dims == dims
    expected = ps.smooth(xy, "butterworth", cutoff_hz=6, fps=30)
    np.testing.assert_array_equal(clean.values, expected.transpose(0, 3, 2, 1))
    other = Labelled(dims=("x", "y", "z"), coords={}, values=xy[:, 0], attrs={})
    with pytest.raises(ValueError, match="expected the dimensions time, space, keypoints"):
        ps.smooth(other, "mean")


def test_poses_keep_their_frames_and_names() -> None:
    xy = motion(2, 2)
    frame = np.concatenate([np.arange(40), np.arange(60, 100)])  # a gap of 20: two runs
    track = Track("a", "", "a", frame, xy, np.full((N_FRAMES, 2), np.nan))
    poses = Poses(("tail", "snout"), (track,), (), None)
    clean = ps.smooth(poses, "gaussian", sigma_frames=3)
    assert clean.names == poses.names
    np.testing.assert_array_equal(clean.tracks[0].frame, frame)
    expected = np.concatenate(
        [
            ps.smooth(xy[:40], "gaussian", sigma_frames=3),
            ps.smooth(xy[40:], "gaussian", sigma_frames=3),
        ]
    )
    np.testing.assert_allclose(clean.tracks[0].keypoints, expected)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"method": None}, "smooth needs a method: a filter (.*gaussian.*), several in a row"),
        ({"method": "gausian"}, "unknown filter 'gausian'; known: .*gaussian"),
        ({"method": "gaussian", "sigma": 2}, "unknown parameter.*sigma.*sigma_frames"),
        ({"method": "gaussian", "sigma_frames": -1}, "sigma_frames"),
        ({"method": "median", "width_frames": 4}, "width_frames.*odd"),
        ({"method": "gaussian", "min_score": 0.5}, "min_score needs the scores"),
        ({"method": "gaussian", "fill_gaps": -1}, "fill_gaps"),
        ({"method": "gaussian", "fps": 0}, "fps must be a positive number"),
        ({"method": "butterworth", "cutoff_hz": 6}, "fps"),
        ({"method": "butterworth", "cutoff_hz": 16, "fps": 30}, "cutoff_hz"),
        ({"method": "gaussian", "scores": np.ones(3)}, "expected scores"),
        ({"method": "gaussian,gaussian"}, "twice in the chain"),
        ({"method": "lmmse"}, "fitted on training windows"),
        ({"method": 5}, "expected a filter's name, a run or its folder, got int"),
    ],
)
def test_bad_arguments_are_value_errors(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        ps.smooth(motion(3, 2), **arguments)
    assert isinstance(caught.value, ps.PoseSmootherError)


@pytest.mark.parametrize("x", [np.zeros((5, 2)), np.zeros((5, 3, 4)), np.array([["a"]]), "text"])
def test_what_is_no_array_of_keypoints_is_refused(x: Any) -> None:
    with pytest.raises(ps.InvalidInputError, match="expected an array"):
        ps.smooth(x, "mean")


def test_no_frames_and_nothing_known() -> None:
    assert ps.smooth(np.zeros((0, 3, 2)), "kalman").shape == (0, 3, 2)
    nothing = np.full((20, 3, 2), np.nan)
    for method in track_filters():
        clean = ps.smooth(nothing, method, **({"fps": 30} if method == "butterworth" else {}))
        assert np.isnan(clean).all()
    for n in (1, 2, 3, 4):
        short = motion(3, 2)[:n]
        for method in track_filters():
            assert np.isfinite(ps.smooth(short, method, fps=30)).all()
