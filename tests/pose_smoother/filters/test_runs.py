"""Filters of whole tracks against their definitions, written as loops, or against scipy."""

import math

import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, savgol_filter, sosfiltfilt

from pose_smoother.errors import InvalidInputError
from pose_smoother.filters import filter_module, filters, median
from pose_smoother.filters.base import Run
from pose_smoother.filters.parameters import defaults

RUN_FILTERS = [name for name, module in filters().items() if hasattr(module, "smooth_run")]


def positions(n_frames=60, share_missing=0.0, seed=0, n_keypoints=4, n_axes=2):
    """A noisy walk, float64 (T, K, axes); a share of the keypoints is NaN."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 2, (n_frames, n_keypoints, n_axes)), axis=0)
    noisy = 300 + walk + rng.normal(0, 2, walk.shape)
    noisy[rng.random(noisy.shape[:2]) < share_missing] = np.nan
    return noisy


def smooth(name, values, fps=30.0, size=100.0, **params):
    module, run = filter_module(name), Run(values, size, fps)
    params = {**defaults(module.PARAMETERS), **params}
    if hasattr(module, "fit_track"):
        params = module.fit_track([run], params)
    return module.smooth_run(run, **params)


def by_series(values, one):
    """``one`` (times, values) -> values, applied to the known frames of every series."""
    out = np.full(values.shape, np.nan)
    for k, axis in np.ndindex(values.shape[1:]):
        at = np.flatnonzero(np.isfinite(values[:, k, axis]))
        out[at, k, axis] = one(at, values[at, k, axis])
    return out


def assert_equal_where_known(found, expected, values, **tolerance):
    known = np.isfinite(values)
    np.testing.assert_allclose(found[known], expected[known], **tolerance)


@pytest.mark.parametrize("sigma_frames", [0.7, 1.5, 6.0])
def test_gaussian_is_normalised_by_the_known_frames(sigma_frames):
    values = positions(share_missing=0.2)
    reach = math.ceil(4 * sigma_frames)

    def one(t, x):
        apart = t[:, None] - t
        weights = np.exp(-(apart**2) / (2 * sigma_frames**2)) * (np.abs(apart) <= reach)
        return weights @ x / weights.sum(axis=1)

    found = smooth("gaussian", values, sigma_frames=sigma_frames)
    assert_equal_where_known(found, by_series(values, one), values, rtol=1e-12)
    whole = positions()
    inside = gaussian_filter1d(whole, sigma_frames, axis=0, radius=reach)
    found = smooth("gaussian", whole, sigma_frames=sigma_frames)
    np.testing.assert_allclose(found[reach:-reach], inside[reach:-reach], rtol=1e-12)


@pytest.mark.parametrize("width_frames", [3, 7])
def test_median(width_frames):
    values = positions(share_missing=0.3)
    half = width_frames // 2
    expected = by_series(
        values, lambda t, x: np.array([np.median(x[abs(t - at) <= half]) for at in t])
    )
    found = smooth("median", values, width_frames=width_frames)
    assert_equal_where_known(found, expected, values, rtol=1e-12)


@pytest.mark.parametrize("share_missing", [0.0, 0.002, 0.3])
@pytest.mark.parametrize(
    ("name", "chunk"),
    [("mean", "_CHUNK_FRAMES"), ("median", "_CHUNK_VALUES"), ("savgol", "_CHUNK")],
)
def test_parts_of_a_long_run_are_joined_without_a_seam(name, chunk, share_missing, monkeypatch):
    values = positions(n_frames=120, share_missing=share_missing)
    at_once = smooth(name, values)
    monkeypatch.setattr(filter_module(name), chunk, 7)
    np.testing.assert_allclose(smooth(name, values), at_once, rtol=1e-12)


@pytest.mark.parametrize("width_frames", range(1, 16, 2))
def test_medians_of_every_width_are_those_of_sorted_windows(width_frames):
    values = positions(n_frames=60, share_missing=0.4)
    found = median.running_median(values, width_frames)
    np.testing.assert_array_equal(found, median._by_sorting(values, width_frames))


def test_mean_averages_the_means_of_the_windows_over_a_frame():
    values = positions(n_frames=20, share_missing=0.3)

    def one(t, x):
        sums, counts = np.zeros(20), np.zeros(20)
        for start in range(-4, 20):
            inside = (t >= start) & (t < start + 5)
            if inside.any():
                frames = np.arange(start, start + 5)
                ours = frames[(frames >= 0) & (frames < 20)]
                sums[ours] += np.interp(frames, t[inside], x[inside]).mean()
                counts[ours] += 1
        return sums[t] / counts[t]

    assert_equal_where_known(smooth("mean", values), by_series(values, one), values, rtol=1e-12)
    step = np.zeros((30, 1, 2))
    step[15] = 25.0
    triangle = smooth("mean", step)[11:20, 0, 0]
    np.testing.assert_allclose(triangle, [1, 2, 3, 4, 5, 4, 3, 2, 1])


@pytest.mark.parametrize(("width_frames", "polyorder"), [(5, 1), (9, 3), (61, 2)])
def test_savgol(width_frames, polyorder):
    whole = positions(90)
    found = smooth("savgol", whole, width_frames=width_frames, polyorder=polyorder)
    expected = savgol_filter(whole, width_frames, polyorder, axis=0, mode="interp")
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    values = positions(40, share_missing=0.4)
    width = min(width_frames, 40)

    def one(t, x):
        out = []
        for at, value in zip(t, x, strict=True):
            start = np.clip(at - width // 2, 0, 40 - width)
            near = (t >= start) & (t < start + width)
            if near.sum() <= polyorder + 1:
                out.append(value)
            else:
                fit = np.polynomial.Polynomial.fit(t[near] - at, x[near], polyorder)
                out.append(fit(0.0))
        return np.array(out)

    found = smooth("savgol", values, width_frames=width_frames, polyorder=polyorder)
    assert_equal_where_known(found, by_series(values, one), values, rtol=1e-8)


@pytest.mark.parametrize(("width_frames", "polyorder"), [(9, 1), (5, 0), (15, 2)])
def test_loess(width_frames, polyorder):
    values = positions(50, share_missing=0.3)
    reach = (width_frames + 1) / 2

    def one(t, x):
        out = []
        for at, value in zip(t, x, strict=True):
            near = np.abs(t - at) < reach
            weights = (1 - np.abs((t[near] - at) / reach) ** 3) ** 3
            if near.sum() <= polyorder + 1:
                out.append(value)
            else:
                fit = np.polynomial.Polynomial.fit(
                    t[near] - at, x[near], polyorder, w=np.sqrt(weights)
                )
                out.append(fit(0.0))
        return np.array(out)

    found = smooth("loess", values, width_frames=width_frames, polyorder=polyorder)
    assert_equal_where_known(found, by_series(values, one), values, rtol=1e-9)


@pytest.mark.parametrize("n_sigmas", [1.0, 3.0])
def test_hampel_replaces_outliers_and_nothing_else(n_sigmas):
    values = positions(share_missing=0.2)
    values[[5, 20, 41], [0, 1, 2], 0] += 200

    def one(t, x):
        out = x.copy()
        for i, at in enumerate(t):
            near = x[abs(t - at) <= 3]
            median = np.median(near)
            if abs(x[i] - median) > n_sigmas * 1.4826 * np.median(np.abs(near - median)):
                out[i] = median
        return out

    found = smooth("hampel", values, width_frames=7, n_sigmas=n_sigmas)
    assert_equal_where_known(found, by_series(values, one), values, rtol=0, atol=1e-12)
    changed = (found != values) & np.isfinite(values)
    assert 0 < changed.sum() < changed.size / 2


@pytest.mark.parametrize("n_frames", [2, 80, 5000])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_butterworth_is_scipys_forward_and_backward(order, n_frames):
    values = positions(n_frames)
    sections = butter(order, 5.0, fs=25.0, output="sos")
    pad = min(3 * (2 * len(sections) + 1), n_frames - 1)
    expected = sosfiltfilt(sections, values, axis=0, padlen=pad)
    found = smooth("butterworth", values, fps=25.0, cutoff_hz=5.0, order=order)
    np.testing.assert_array_equal(found, expected)


def test_butterworth_bridges_short_gaps_and_begins_again_after_long_ones():
    values = positions(60, n_keypoints=2)
    line = values.copy()
    values[10:13, 0] = np.nan
    line[10:13, 0] = line[9, 0] + np.arange(1, 4)[:, None] / 4 * (line[13, 0] - line[9, 0])
    values[30:40, 0] = np.nan
    found = smooth("butterworth", values, cutoff_hz=5.0)
    for part in (slice(0, 30), slice(40, 60)):
        alone = smooth("butterworth", line[part, :1], cutoff_hz=5.0)
        here = np.isfinite(values[part, 0, 0])
        np.testing.assert_allclose(found[part, 0][here], alone[:, 0][here], rtol=1e-12)
    np.testing.assert_allclose(
        found[:, 1], smooth("butterworth", values[:, 1:], cutoff_hz=5.0)[:, 0]
    )


@pytest.mark.parametrize(
    ("fps", "cutoff_hz", "text"),
    [(None, 5.0, "needs the frame rate"), (10.0, 5.0, "below half the frame rate, 5 Hz, got 5")],
)
def test_butterworth_refuses_a_cutoff_that_it_cannot_make(fps, cutoff_hz, text):
    with pytest.raises(InvalidInputError, match=text):
        smooth("butterworth", positions(), fps=fps, cutoff_hz=cutoff_hz)


def rts(t, x, ratio):
    """The textbook: a Kalman filter forward, Rauch, Tung and Striebel backward, diffuse start.

    Returns the smoothed positions of every frame and minus twice the log-likelihood, less a
    constant, at the likeliest variance.
    """
    n_frames = t[-1] + 1
    step = np.array([[1.0, 1.0], [0.0, 1.0]])
    noise = ratio * np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]])
    value = dict(zip(t.tolist(), x.tolist(), strict=True))
    state, spread = np.zeros(2), 1e9 * np.eye(2)
    before, after = [], []
    squares, log_spreads = [], []
    for frame in range(n_frames):
        if frame:
            state, spread = step @ state, step @ spread @ step.T + noise
        before.append((state, spread))
        if frame in value:
            innovation, power = value[frame] - state[0], spread[0, 0] + 1.0
            gain = spread[:, 0] / power
            state, spread = state + gain * innovation, spread - np.outer(gain, spread[0])
            squares.append(innovation**2 / power)
            log_spreads.append(np.log(power))
        after.append((state, spread))
    out = [after[-1][0]]
    for frame in range(n_frames - 2, -1, -1):
        gain = after[frame][1] @ step.T @ np.linalg.inv(before[frame + 1][1])
        out.append(after[frame][0] + gain @ (out[-1] - before[frame + 1][0]))
    loss = (len(t) - 2) * np.log(sum(squares[2:])) + sum(log_spreads[2:])
    return np.array(out)[::-1, 0], loss


@pytest.mark.parametrize("noise_ratio", [1e-2, 1.0, 50.0])
def test_kalman_is_the_textbooks_filter_and_smoother(noise_ratio):
    values = positions(50, share_missing=0.3)
    expected = by_series(values, lambda t, x: rts(t, x, noise_ratio)[0][t])
    found = smooth("kalman", values, noise_ratio=noise_ratio)
    assert_equal_where_known(found, expected, values, atol=1e-3)


def test_kalman_chooses_the_likeliest_ratio():
    rng = np.random.default_rng(3)
    velocity = np.cumsum(rng.normal(0, 0.3, 150))
    values = (np.cumsum(velocity) + rng.normal(0, 4, 150))[:, None, None]
    values[[30, 31, 90]] = np.nan
    module = filter_module("kalman")
    found = module.fit_track([Run(values, 1.0)], {"noise_ratio": None})["noise_ratio"]
    t = np.flatnonzero(np.isfinite(values[:, 0, 0]))
    grid = 10.0 ** np.linspace(-4, 0, 161)
    losses = [rts(t, values[t, 0, 0], ratio)[1] for ratio in grid]
    assert abs(np.log10(found[0] / grid[int(np.argmin(losses))])) < 0.05


def test_kalman_gives_each_keypoint_its_own_ratio():
    rng = np.random.default_rng(4)
    still = 100 + rng.normal(0, 3, (200, 1, 2))
    moving = 100 + np.cumsum(rng.normal(0, 3, (200, 1, 2)), axis=0)
    values = np.concatenate([still, moving], axis=1)
    ratio = filter_module("kalman").fit_track([Run(values, 1.0)], {"noise_ratio": None})
    assert ratio["noise_ratio"][0] < 1e-3 < ratio["noise_ratio"][1]


def test_the_gcv_spline_is_scipys():
    t = np.arange(200)
    values = 20 * np.sin(t / 15) + np.random.default_rng(0).normal(0, 2, 200)
    values[50:53] = np.nan
    at = np.flatnonzero(np.isfinite(values))
    series = values[:, None, None]
    expected = make_smoothing_spline(at.astype(float), values[at])(at)
    np.testing.assert_allclose(smooth("gcv-spline", series)[at, 0, 0], expected, atol=5e-3)
    expected = make_smoothing_spline(at.astype(float), values[at], lam=37.0)(at)
    found = smooth("gcv-spline", series, penalty=37.0)
    np.testing.assert_allclose(found[at, 0, 0], expected, atol=1e-9)


def test_one_euro_is_the_windows_filter_along_the_run():
    values = positions(40, share_missing=0.2)
    module = filter_module("one-euro")
    params = defaults(module.PARAMETERS)
    heatmap_px = 100.0 / (56 / 1.2)
    expected = module.smooth_windows((values / heatmap_px)[None], **params)[0] * heatmap_px
    assert_equal_where_known(smooth("one-euro", values), expected, values, rtol=1e-12)
    later = values.copy()
    later[20:] += 50
    found, changed = (smooth("one-euro", one) for one in (values, later))
    np.testing.assert_array_equal(found[:20], changed[:20])  # it reads no later frame


@pytest.mark.parametrize("name", RUN_FILTERS)
@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("share_missing", [0.0, 0.3, 0.9])
def test_the_unit_does_not_matter_and_every_axis_is_alone(name, n_axes, share_missing):
    values = positions(40, share_missing, seed=5, n_axes=n_axes)
    found = smooth(name, values)
    assert np.isfinite(found[np.isfinite(values)]).all()
    scaled = smooth(name, values * 0.001 - 2, size=0.1)
    known = np.isfinite(values)
    np.testing.assert_allclose((scaled[known] + 2) * 1000, found[known], rtol=1e-4, atol=0.02)


@pytest.mark.parametrize("name", RUN_FILTERS)
@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 7])
def test_runs_of_any_length_and_keypoints_that_are_nowhere(name, n_frames):
    values = positions(n_frames, seed=6)
    values[:, 2] = np.nan
    values[1:, 3] = np.nan
    found = smooth(name, values)
    assert found.shape == values.shape
    assert np.isfinite(found[np.isfinite(values)]).all()
    still = np.broadcast_to(values[:1], values.shape).copy()
    known = np.isfinite(still)
    np.testing.assert_allclose(smooth(name, still)[known], still[known], rtol=1e-6)


@pytest.mark.parametrize(("n_missing", "bridged"), [(3, True), (4, False)])
def test_butterworth_bridges_gaps_of_up_to_three_frames(n_missing, bridged):
    values = positions(60, n_keypoints=1)
    values[20 : 20 + n_missing] = np.nan
    found = smooth("butterworth", values, cutoff_hz=5.0)
    alone = smooth("butterworth", values[:20], cutoff_hz=5.0)
    assert np.array_equal(found[:20], alone) != bridged
