"""The registry of filters, and how parameters are checked."""

import numpy as np
import pytest

import pose_smoother as ps
from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import filter_module, filters, table_filter, table_filters
from pose_smoother.filters.parameters import Parameter, defaults, from_text, resolve
from pose_smoother.smoothing.chain import make_chain

#: The first rows of the results tables, in the order in which they have always been.
ROWS = [
    *("identity", "mean", "gaussian", "median", "savgol", "one-euro", "butterworth", "gcv-spline"),
    *("kalman", "median+kalman", "hampel+kalman", "lmmse"),
]


def test_the_tables_rows_come_first_and_in_their_order():
    rows = table_filters()
    assert list(rows)[: len(ROWS)] == ROWS
    assert [row.TABLE_ROW for row in rows.values()] == list(range(len(rows)))
    alone = [name for name in rows if "+" not in name]
    names = list(filters())
    assert names[: len(alone)] == alone
    assert names[len(alone) :] == sorted(names[len(alone) :])
    assert {"hampel", "loess"} <= set(names)


@pytest.mark.parametrize("name", list(filters()))
def test_every_filter_has_what_the_registry_asks_of_it(name):
    module = filter_module(name)
    assert name == module.NAME
    assert module.LABEL
    assert all(one.meaning for one in module.PARAMETERS.values())
    assert hasattr(module, "smooth_run") or hasattr(module, "fit_windows")
    chosen = resolve(name, module.PARAMETERS, {})
    assert chosen == defaults(module.PARAMETERS)
    if hasattr(module, "TABLE_ROW"):
        assert type(module.TABLE_ROW) is int
        assert module.GRID
        for point in module.GRID:
            # A frame is the unit of time of windows.
            chosen = resolve(name, module.PARAMETERS, point, 1.0)
            assert list(point.values()) == [chosen[key] for key in list(chosen)[: len(point)]]


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e8])
@pytest.mark.parametrize("name", [n for n in filters() if hasattr(filter_module(n), "smooth_run")])
def test_positions_of_any_size_stay_finite_without_a_warning(name, size):
    noisy = size * np.random.default_rng(0).random((50, 3, 2))
    smooth = ps.smooth(noisy, method=name, fps=30)
    assert np.isfinite(smooth).all()
    assert np.abs(smooth).max() <= 2 * size


@pytest.mark.parametrize("name", [name for name in ROWS if "+" in name])
def test_a_chain_of_the_tables_is_its_filters_in_turn(name):
    rng = np.random.default_rng(1)
    noisy = rng.normal(20, 3, (7, 9, 4, 2)).astype(np.float32)
    noisy[rng.random((7, 9, 4)) < 0.2] = np.nan
    chain = table_filter(name)
    point = chain.GRID[-1]
    found = chain.smooth_windows(noisy, **point)
    expected = make_chain(name, point)
    for window, smoothed in zip(noisy, found, strict=True):
        (by_track,) = expected.smooth([window.astype(np.float64)], 1.0)
        np.testing.assert_allclose(smoothed, by_track, atol=1e-4)
    first, second = (len(filter_module(part).GRID) for part in name.split("+"))
    assert len(chain.GRID) == first * second


def test_parameters_in_seconds_and_hz_are_those_in_frames():
    gaussian, median = filter_module("gaussian"), filter_module("median")
    one_euro, butterworth = filter_module("one-euro"), filter_module("butterworth")
    assert resolve("g", gaussian.PARAMETERS, {"sigma_s": 0.1}, 30.0)["sigma_frames"] == 3.0
    assert resolve("m", median.PARAMETERS, {"width_s": 0.2}, 30.0)["width_frames"] == 7
    assert resolve("m", median.PARAMETERS, {"width_s": 0.0001}, 30.0)["width_frames"] == 1
    euro = resolve("e", one_euro.PARAMETERS, {"min_cutoff_hz": 3}, 30.0)
    assert euro["min_cutoff_per_frame"] == pytest.approx(0.1)
    cutoff = resolve("b", butterworth.PARAMETERS, {"cutoff_per_frame": 0.2}, 30.0)
    assert cutoff["cutoff_hz"] == pytest.approx(6.0)
    with pytest.raises(InvalidInputError, match=r"sigma_s of g needs the frame rate: give fps"):
        resolve("g", gaussian.PARAMETERS, {"sigma_s": 0.1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "n of f must be a number, got 'a'"),
        (None, "n of f must be a number, got None"),
        (-1, "must be a positive number, got -1"),
        (float("inf"), "must be a positive number, got inf"),
        (2.5, "must be a whole number, got 2.5"),
        (4, "must be odd and at most 9, got 4"),
        (11, "must be odd and at most 9, got 11"),
    ],
)
def test_a_wrong_value_says_what_is_right(value, text):
    with pytest.raises(InvalidInputError, match=text):
        resolve("f", {"n": Parameter(3, "", most=9, whole=True, odd=True)}, {"n": value})


def test_texts_of_the_command_line():
    assert from_text(["a=2", "hampel.b=0.5"]) == {"a": "2", "hampel.b": "0.5"}
    for text in ("a", "a=", "a=x"):
        with pytest.raises(InvalidInputError, match="expected a=NUMBER"):
            from_text([text])
