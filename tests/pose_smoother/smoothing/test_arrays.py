"""``ps.smooth`` for arrays, xarray's arrays and poses: what comes back, and what is refused."""

import doctest
import importlib

import numpy as np
import pytest

import pose_smoother as ps


def xy(n_frames=40, n_people=None, n_axes=2, dtype=np.float64):
    shape = (n_frames, *([] if n_people is None else [n_people]), 5, n_axes)
    return (100 + np.random.default_rng(0).normal(0, 3, shape)).astype(dtype)


class FakeDataArray:
    """What is used of xarray's ``DataArray``."""

    def __init__(self, data, dims, coords, attrs):
        self.values, self.dims, self.attrs = np.asarray(data), tuple(dims), dict(attrs)
        self.coords = coords

    def transpose(self, *dims):
        order = [self.dims.index(dim) for dim in dims]
        return FakeDataArray(self.values.transpose(order), dims, self.coords, self.attrs)

    def copy(self, data):
        assert data.shape == self.values.shape
        return FakeDataArray(data, self.dims, self.coords, self.attrs)


class Names:
    values = np.array(["a", "b", "c", "d", "e"])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_people", [None, 1, 3])
@pytest.mark.parametrize("n_axes", [2, 3])
def test_an_array_comes_back_as_it_went_in(dtype, n_people, n_axes):
    array = xy(n_people=n_people, n_axes=n_axes, dtype=dtype)
    array[3, ..., 1, :] = np.nan
    array[5, ..., 2, 0] = np.inf
    before = array.copy()
    found = ps.smooth(array, "gaussian", sigma_frames=2)
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(found[3, ..., 1, :], array[3, ..., 1, :])
    np.testing.assert_array_equal(found[5, ..., 2, :], array[5, ..., 2, :])
    assert (found[0] != array[0]).any(axis=-1).all()
    exact = ps.smooth(array.astype(np.float64), "gaussian", sigma_frames=2)
    np.testing.assert_array_equal(found, exact.astype(dtype))


def test_people_are_smoothed_alone():
    array = xy(n_people=3)
    found = ps.smooth(array, "kalman")
    for person in range(3):
        np.testing.assert_array_equal(found[:, person], ps.smooth(array[:, person], "kalman"))


def test_whole_numbers_and_lists_become_float64():
    array = np.arange(40).reshape(10, 2, 2) ** 2
    found = ps.smooth(array, "median", width_frames=3)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(ps.smooth(array.tolist(), "median", width_frames=3), found)


def test_scores_and_gaps():
    array = xy()
    scores = np.full((40, 5), 0.9)
    scores[10, 2] = 0.1
    array[10, 2] = 9999.0
    found = ps.smooth(array, "gaussian", scores=scores, min_score=0.5)
    assert (found[10, 2] == 9999.0).all()
    assert np.abs(found[9, 2] - 100).max() < 20
    filled = ps.smooth(array, "gaussian", scores=scores, min_score=0.5, fill_gaps=1)
    assert np.abs(filled[10, 2] - 100).max() < 20


@pytest.mark.parametrize(
    "dims",
    [
        ("time", "space", "keypoints", "individuals"),
        ("individual", "time", "keypoint", "space"),
        ("time", "space", "keypoints"),
    ],
)
def test_a_data_array_of_movement_comes_back_as_one(dims):
    sizes = {"time": 40, "space": 2, "keypoint": 5, "individual": 3}
    shape = [sizes[dim.rstrip("s")] for dim in dims]
    keypoint = next(dim for dim in dims if dim.startswith("keypoint"))
    values = 100 + np.random.default_rng(0).normal(size=shape)
    given = FakeDataArray(values, dims, {keypoint: Names}, {"fps": 30.0})
    found = ps.smooth(given, "butterworth", cutoff_hz=6)
    assert isinstance(found, FakeDataArray)
    assert (found.dims, found.attrs) == (given.dims, given.attrs)
    order = [next(d for d in dims if d.startswith(n)) for n in ("time", "keypoint", "space")]
    one = given if "individual" not in "".join(dims) else None
    if one is None:
        people = next(dim for dim in dims if dim.startswith("individual"))
        order.insert(1, people)
    array = given.transpose(*order).values
    np.testing.assert_array_equal(
        found.transpose(*order).values, ps.smooth(array, "butterworth", cutoff_hz=6, fps=30.0)
    )


def test_a_real_data_array_comes_back_as_one():
    xarray = pytest.importorskip("xarray")
    data = xarray.DataArray(
        xy(n_people=2),
        dims=("time", "individuals", "keypoints", "space"),
        coords={"keypoints": list("abcde")},
        attrs={"fps": 30.0},
    ).transpose("time", "space", "keypoints", "individuals")
    found = ps.smooth(data, "butterworth", cutoff_hz=6)
    assert isinstance(found, xarray.DataArray)
    assert found.dims == data.dims
    assert found.coords.identical(data.coords)
    expected = ps.smooth(xy(n_people=2), "butterworth", cutoff_hz=6, fps=30)
    np.testing.assert_array_equal(
        found.transpose("time", "individuals", "keypoints", "space"), expected
    )


def test_poses_of_a_file_come_back_as_poses_and_are_written(tmp_path):
    rows = ["frame,snout_x,snout_y,snout_score,tail_x,tail_y,tail_score,note"]
    for frame, ((a, b), (c, d), *_) in enumerate(xy().round(3).tolist()):
        rows.append(f"{frame},{a},{b},0.9,{c},{d},0.8,note {frame}")
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("\n".join(rows) + "\n")
    poses = ps.read_poses(str(source))
    clean = ps.smooth(poses, "hampel,kalman")
    assert isinstance(clean, ps.Poses)
    ps.write_poses(clean, str(out))
    again = ps.read_poses(out)
    np.testing.assert_allclose(again.tracks[0].keypoints, clean.tracks[0].keypoints, atol=1e-6)
    old, new = (path.read_text().splitlines() for path in (source, out))
    assert [line.split(",")[7:] for line in old] == [line.split(",")[7:] for line in new]
    with pytest.raises(ps.InvalidInputError, match="read from a file"):
        ps.write_poses(ps.Poses(("a",), (), (), None), out)


def test_an_empty_array_is_smoothed_to_itself():
    assert ps.smooth(np.zeros((0, 5, 2)), "gaussian").shape == (0, 5, 2)
    assert ps.smooth(np.zeros((4, 0, 5, 2)), "gaussian").shape == (4, 0, 5, 2)
    assert ps.smooth(np.zeros((4, 0, 2)), "gaussian").shape == (4, 0, 2)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (
            [xy(), None],
            {},
            r"smooth needs a method: a filter \(identity,.* such as 'hampel,kalman'",
        ),
        ([xy(), "mean"], {"run": "runs"}, "give a method or a run, not both"),
        ([xy(), "kalmann"], {}, "unknown filter 'kalmann'; known: identity"),
        ([xy(), 5], {}, "expected a filter's name, a run or its folder, got int"),
        ([xy(), "gaussian"], {"sigma": 2}, "unknown parameter of gaussian 'sigma'; known: sigma_f"),
        ([xy(), "butterworth"], {}, "needs the frame rate"),
        (
            [xy()[0], "mean"],
            {},
            r"expected an array \(frames, keypoints,.*, got \(5, 2\)",
        ),
        ([xy(n_axes=5), "mean"], {}, r"got \(40, 5, 5\)"),
        ([np.full((3, 2, 2), "a"), "mean"], {}, "expected an array of numbers, got dtype"),
        ([xy(), "mean"], {"scores": np.ones((40, 4))}, r"expected scores \(40, 5\).*got \(40, 4\)"),
        ([xy(), "mean"], {"names": "abcde"}, "expected names of 5 keypoints, got 'abcde'"),
        ([xy(), "mean"], {"min_score": 0.5}, "min_score needs the scores"),
        ([FakeDataArray(xy(), "abc", {}, {}), "mean"], {}, "expected the dimensions time, space"),
    ],
)
def test_a_wrong_argument_is_a_value_error_that_says_what_is_right(arguments, options, text):
    with pytest.raises(ps.InvalidInputError, match=text):
        ps.smooth(*arguments, **options)


def test_scores_of_poses_are_their_own():
    with pytest.raises(ps.InvalidInputError, match="Poses have their own"):
        ps.smooth(ps.Poses(("a",), (), (), None), "mean", scores=np.ones((3, 1)))


def test_the_examples_of_docstrings_run():
    found = doctest.testmod(importlib.import_module("pose_smoother.smoothing.smooth"))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("method", ["auto", "kalman", "gaussian"])
@pytest.mark.filterwarnings("error")
def test_positions_beyond_all_measure_are_missing_and_stay(method, caplog):
    array = xy()
    missing = array.copy()
    array[7, 2, 1], missing[7, 2] = 1e300, np.nan
    found = ps.smooth(array, method)
    np.testing.assert_array_equal(found[7, 2], array[7, 2])
    others = np.isfinite(missing)
    np.testing.assert_array_equal(found[others], ps.smooth(missing, method)[others])
    assert "1 positions beyond 1e+09 were taken as missing" in caplog.text


def test_what_a_mask_hides_is_missing():
    array = xy()
    hidden = np.zeros(array.shape, bool)
    hidden[7, 2] = hidden[9, 3, 0] = True
    missing = np.where(hidden.any(axis=-1, keepdims=True), np.nan, array)
    found = ps.smooth(np.ma.array(np.where(hidden, 900.0, array), mask=hidden), "kalman")
    np.testing.assert_array_equal(found.mask, hidden)
    shown = np.isfinite(missing)
    np.testing.assert_array_equal(found.data[shown], ps.smooth(missing, "kalman")[shown])
    filled = ps.smooth(np.ma.array(array, mask=hidden), "kalman", fill_gaps=3)
    assert not filled.mask.any()
    np.testing.assert_array_equal(filled, ps.smooth(missing, "kalman", fill_gaps=3))


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ps.InvalidInputError, match="scores: expected numbers"):
        ps.smooth(xy(), scores=np.full((40, 5), "a"))


@pytest.mark.parametrize("n_people", [None, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_third_coordinate_that_is_a_score_is_read_and_stays(n_people, dtype):
    points = xy(60, n_people, dtype=dtype)
    scores = np.random.default_rng(1).uniform(0.1, 1, points.shape[:-1]).astype(dtype)
    given = np.concatenate([points, scores[..., None]], axis=-1)
    smooth = ps.smooth(given)
    assert smooth.dtype == dtype
    np.testing.assert_array_equal(smooth[..., 2], scores)
    np.testing.assert_array_equal(smooth[..., :2], ps.smooth(points, scores=scores))


def test_a_masked_array_with_scores_keeps_its_mask():
    given = np.ma.array(np.concatenate([xy(), np.full((40, 5, 1), 0.9)], axis=-1), mask=False)
    given[7, 2] = np.ma.masked
    smooth = ps.smooth(given, "mean")
    np.testing.assert_array_equal(smooth.mask, given.mask)
    np.testing.assert_array_equal(smooth[..., 2], given[..., 2])


@pytest.mark.parametrize(
    "third", [np.full((40, 5), 30.0), np.linspace(-0.5, 0.5, 200).reshape(40, 5)]
)
def test_a_third_axis_is_smoothed_as_one(third):
    given = np.concatenate([xy(), third[..., None]], axis=-1)
    given[20, 2, 2] += 9
    assert ps.smooth(given, "mean")[20, 2, 2] != given[20, 2, 2]


def test_a_room_in_metres_has_three_axes():
    given = np.abs(np.concatenate([xy() / 10, np.full((40, 5, 1), 0.5)], axis=-1))
    given[20, 2, 2] = 0.9  # a height
    assert ps.smooth(given, "mean")[20, 2, 2] != 0.9


def test_scores_beside_three_axes_say_that_the_third_is_no_score():
    given = np.concatenate([xy(), np.full((40, 5, 1), 0.5)], axis=-1)
    given[20, 2, 2] = 0.9
    scores = np.ones((40, 5))
    assert ps.smooth(given, "mean", scores=scores)[20, 2, 2] != 0.9


def test_people_before_frames_are_refused():
    walk = np.cumsum(np.random.default_rng(0).normal(size=(90, 5, 2)), axis=0)
    people = np.stack([walk + 300, walk + 700])
    with pytest.raises(ps.InvalidInputError, match="second axis looks like time"):
        ps.smooth(people)
    assert ps.smooth(np.swapaxes(people, 0, 1)).shape == (90, 2, 5, 2)
    assert ps.smooth(np.stack([walk[:3] + 300 * i for i in range(9)], axis=1)).shape[:2] == (3, 9)


def test_an_array_without_a_position_is_no_scores():
    given = np.full((30, 5, 3), np.nan)
    given[..., 2] = 0.5
    assert np.isnan(ps.smooth(given, "mean")[..., :2]).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"min_score": "0.5"}, "min_score must be a finite number, got '0.5'"),
        ({"min_score": np.nan}, "min_score must be a finite number"),
        ({"fill_gaps": "10"}, "fill_gaps must be a number of frames from 0 on, got '10'"),
        ({"fill_gaps": np.inf}, "fill_gaps must be a number of frames"),
        ({"fill_gaps": np.nan}, "fill_gaps must be a number of frames"),
        ({"fill_gaps": -1}, "fill_gaps must be a number of frames"),
        ({"method": ""}, "unknown filter ''"),
        ({"names": 5}, "expected names of 5 keypoints, got 5"),
        ({"names": "abcde"}, "expected names of 5 keypoints, got 'abcde'"),
    ],
)
def test_an_option_of_a_wrong_kind_is_named(options, match):
    with pytest.raises(ps.InvalidInputError, match=match):
        ps.smooth(xy(), **options)


def test_a_path_or_an_array_in_the_wrong_place_is_named(tmp_path):
    with pytest.raises(ps.InvalidInputError, match=r"got a path: read_poses\('a.csv'\)"):
        ps.smooth("a.csv")
    with pytest.raises(ps.InvalidInputError, match="expected the Poses of read_poses, got ndarray"):
        ps.write_poses(xy(), tmp_path / "a.csv")
