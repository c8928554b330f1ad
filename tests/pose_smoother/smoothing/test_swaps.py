"""Swaps: found where there are some, not where limbs or people cross; mended or smoothed apart."""

from dataclasses import replace

import numpy as np
import pytest

import pose_smoother as ps
from pose_smoother.filters import filters
from pose_smoother.poses.assumed import NOTE
from pose_smoother.poses.skeletons import pairs_of
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.summary import summarize
from pose_smoother.smoothing.swaps import Outcome, mend_swaps, smooth_without_swaps
from pose_smoother.smoothing.tracks import Rules, smooth_tracks

NAMES = ("nose", "left_hip", "right_hip", "left_ankle", "right_ankle", "tail")
LEFT, RIGHT = 3, 4
N_FRAMES = 120


def walk(seed: int = 0, x: float = 0.0, speed: float = 2.0, noise: float = 1.0) -> Floats:
    """A walk seen from the side, 100 high, whose ankles pass each other twice in 30 frames."""
    rng = np.random.default_rng(seed)
    t = np.arange(N_FRAMES)
    swing = 40 * np.sin(2 * np.pi * t / 30)
    at = np.zeros((N_FRAMES, len(NAMES), 2))
    at[:, :, 1] = [0.0, 50, 52, 100, 101, 40]
    at[:, :, 0] = x + speed * t[:, None]
    at[:, LEFT, 0] += swing
    at[:, RIGHT, 0] -= swing
    at[:, 5, 0] -= 30
    return at + rng.normal(0, noise, at.shape)


def poses(*keypoints: Floats, frames: list[np.ndarray] | None = None) -> Poses:
    tracks = []
    for i, values in enumerate(keypoints):
        frame = np.arange(len(values)) if frames is None else frames[i]
        score = np.full(values.shape[:2], np.nan)
        tracks.append(Track(str(i), "", str(i), frame, values, score))
    return Poses(NAMES, tuple(tracks), (), None)


def smoothed(x: Poses, fix: bool = False) -> list[Floats]:
    chain = make_chain("gaussian")
    found = smooth_without_swaps(x, lambda p: smooth_tracks(p, chain, Rules()), fix)
    return [result.keypoints for result in found.results]


def plain(*keypoints: Floats) -> list[Floats]:
    return [r.keypoints for r in smooth_tracks(poses(*keypoints), make_chain("gaussian"), Rules())]


def swap(keypoints: Floats, rows: slice, a: int = LEFT, b: int = RIGHT) -> Floats:
    out = keypoints.copy()
    out[rows, [a]], out[rows, [b]] = keypoints[rows, [b]], keypoints[rows, [a]]
    return out


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("speed", [0.0, 2.0, 20.0])
def test_limbs_that_cross_are_no_swap(noise: float, speed: float) -> None:
    for seed in range(5):
        found = mend_swaps(poses(walk(seed, speed=speed, noise=noise)))
        assert (found.n_left_right, found.n_identity) == (0, 0)


@pytest.mark.parametrize("noise", [0.0, 1.0, 5.0])
def test_people_who_pass_each_other_are_no_swap(noise: float) -> None:
    for seed in range(5):
        two = (walk(seed, 0, 3, noise), walk(seed + 9, 360, -3, noise))
        assert mend_swaps(poses(*two)).n_identity == 0


def test_left_and_right_are_mended_or_smoothed_where_they_are() -> None:
    true = walk()
    rows = slice(5, 9)  # the ankles are 80 apart
    swapped = swap(true, rows)
    found = mend_swaps(poses(swapped))
    assert found.n_left_right == 8
    np.testing.assert_array_equal(found.poses.tracks[0].keypoints, true)
    (expected,) = plain(true)
    np.testing.assert_array_equal(smoothed(poses(swapped), fix=True)[0], expected)
    np.testing.assert_array_equal(smoothed(poses(swapped))[0], swap(expected, rows))


def test_where_neither_side_is_sure_nothing_is_exchanged() -> None:
    true = walk()
    rows = slice(67, N_FRAMES)  # 53 of 120 rows
    swapped = swap(true, rows)
    (expected,) = plain(true)
    for fix in (True, False):
        np.testing.assert_array_equal(smoothed(poses(swapped), fix)[0], swap(expected, rows))


def mouse(seed: int, n_frames: int = 600) -> Floats:
    """A mouse that runs about, seen from above, 95 long: nose, tail, ears, hands and feet."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_frames)
    heading = np.cumsum(rng.normal(0, 0.03, n_frames)) + 0.3 * np.sin(t / 40)
    ahead = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    left = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    middle = np.cumsum(ahead * (2 + 1.5 * np.sin(t / 25))[:, None], axis=0)
    stride = 6 * np.sin(2 * np.pi * t / 12)
    points = [middle + 50 * ahead, middle - 45 * ahead]
    for forward, out, swing in ((35, 12, 0), (20, 18, 1), (-25, 20, -1)):
        for side in (1, -1):
            place = (forward + side * swing * stride)[:, None] * ahead
            points.append(middle + place + side * out * left)
    return np.stack(points, axis=1) + rng.normal(0, 0.5, (n_frames, 8, 2))


MOUSE = ("nose", "tail", "left_ear", "right_ear", "l_hand", "r_hand", "left_foot", "right_foot")


@pytest.mark.parametrize("n_exchanged", [1, 8, 40, 60])
@pytest.mark.parametrize("pairs", [((2, 3), (4, 5), (6, 7)), ((6, 7),)])
def test_a_mouse_is_mended_wherever_the_exchange_begins(
    n_exchanged: int, pairs: tuple[tuple[int, int], ...]
) -> None:
    for start in (1, 300, 310, 360, 400, 539):
        true = mouse(start)
        swapped = true.copy()
        for a, b in pairs:
            swapped = swap(swapped, slice(start, start + n_exchanged), a, b)
        outcome = smooth_without_swaps(
            replace(poses(swapped), names=MOUSE),
            lambda p: smooth_tracks(p, make_chain("identity"), Rules()),
            fix_swaps=True,
        )
        np.testing.assert_array_equal(outcome.results[0].keypoints, true)


def test_methods_that_take_swaps_for_outliers_smooth_the_file_as_it_is() -> None:
    swapped = swap(walk(), slice(5, 9)) + 200
    across = {name for name, m in filters().items() if getattr(m, "REACHES_ACROSS_SWAPS", False)}
    assert across == {"auto", "hampel", "median"}
    for method in (*across, "hampel,kalman"):
        named, plain = ps.smooth(swapped, method, names=NAMES), ps.smooth(swapped, method)
        np.testing.assert_array_equal(named, plain)
        fixed = ps.smooth(swapped, method, names=NAMES, fix_swaps=True)
        np.testing.assert_array_equal(fixed, ps.smooth(walk() + 200, method))
    assert (ps.smooth(swapped, "kalman", names=NAMES) != ps.smooth(swapped, "kalman")).any()


@pytest.mark.parametrize(
    ("n_exchanged", "fix", "text"),
    [
        (0, False, "8 points exchanged between left and right, left so (--fix-swaps mends them)"),
        (8, True, "8 points exchanged between left and right, 8 put where they belong"),
        (0, True, "0 put where they belong, 8 left so (not sure, or without a partner)"),
    ],
)
def test_the_summary_does_not_name_an_option_that_was_given(
    n_exchanged: int, fix: bool, text: str
) -> None:
    outcome = Outcome([], n_left_right=8, n_exchanged=n_exchanged, fix_swaps=fix)
    assert summarize(replace(poses(), tracks=()), outcome).line().endswith(text)


def test_a_point_without_its_partner_stays() -> None:
    true = walk()
    swapped = swap(true, slice(5, 9))
    swapped[7, LEFT] = np.nan
    (found,) = smoothed(poses(swapped), fix=True)
    assert np.isnan(found[7, LEFT]).all()
    assert np.linalg.norm(found[7, RIGHT] - true[7, LEFT]) < 10
    assert np.linalg.norm(found[6] - true[6], axis=-1).max() < 10


def test_individuals_are_mended_or_smoothed_where_they_are() -> None:
    a, b, c = walk(0, 0), walk(1, 400), walk(2, 800)
    rows = slice(50, 70)
    files = [a.copy(), b.copy(), c.copy()]
    files[0][rows], files[1][rows], files[2][rows] = b[rows], c[rows], a[rows]
    found = mend_swaps(poses(*files))
    assert found.n_identity == 3 * 20 * len(NAMES)
    expected = plain(a, b, c)
    for one, other in zip(smoothed(poses(*files), fix=True), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    left = smoothed(poses(*files))
    np.testing.assert_array_equal(left[0][rows], expected[1][rows])
    np.testing.assert_array_equal(left[2][rows], expected[0][rows])
    np.testing.assert_array_equal(left[2][:50], expected[2][:50])


def test_individuals_with_frames_of_their_own() -> None:
    a, b = walk(0, 0), walk(1, 400)
    files = [a.copy(), b.copy()]
    files[0][60:], files[1][60:] = b[60:], a[60:]
    keep = [np.setdiff1d(np.arange(N_FRAMES), gone) for gone in ([62, 90], [20])]
    x = poses(files[0][keep[0]], files[1][keep[1]], frames=keep)
    found = mend_swaps(x)
    assert [len(track.frame) for track in found.poses.tracks] == [120, 117]
    assert (np.diff(found.poses.tracks[0].frame) == 1).all()
    fixed = smoothed(x, fix=True)
    at = dict(zip(keep[1].tolist(), fixed[1], strict=True))
    assert np.linalg.norm(at[70] - b[70], axis=-1).max() < 10
    # In frame 62 the second track alone is in the file: its row is the first one's, and stays so.
    assert np.linalg.norm(at[62] - a[62], axis=-1).max() < 10


def test_the_input_is_not_changed_and_every_point_comes_back() -> None:
    a, b = walk(0, 0), walk(1, 400)
    files = [swap(a, slice(5, 9)), b.copy()]
    files[0][60:70], files[1][60:70] = files[1][60:70].copy(), files[0][60:70].copy()
    x = poses(*files)
    before = [track.keypoints.copy() for track in x.tracks]
    identity = make_chain("identity")
    found = smooth_without_swaps(x, lambda p: smooth_tracks(p, identity, Rules()))
    for result, track, copy in zip(found.results, x.tracks, before, strict=True):
        np.testing.assert_array_equal(result.keypoints, copy)
        np.testing.assert_array_equal(track.keypoints, copy)
    assert (found.n_left_right, found.n_identity, found.n_exchanged) == (8, 120, 0)


def test_arrays_and_the_library(caplog: pytest.LogCaptureFixture) -> None:
    true = walk() + 200
    swapped = swap(true, slice(5, 9))
    swapped[30:32, 5] = 0
    expected = true.copy()
    expected[30:32, 5] = np.nan
    clean = ps.smooth(expected, "gaussian", names=NAMES)
    caplog.set_level(NOTE)
    found = ps.smooth(swapped, "gaussian", names=NAMES, fix_swaps=True)
    assert (found[30:32, 5] == 0).all()
    known = np.isfinite(clean)
    np.testing.assert_array_equal(found[known], clean[known])
    assert "2 points at (0, 0) taken as missing" in caplog.text
    dragged = ps.smooth(swapped, "gaussian", names=NAMES, missing="none")
    assert np.abs(dragged - found)[29, 5].max() > 20


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (NAMES, [(1, 2), (3, 4)]),
        (("LShoulder", "RShoulder", "l_eye", "r_eye", "Hip-L", "Hip-R"), [(0, 1), (2, 3), (4, 5)]),
        (("pawL", "pawR", "leftEar", "rightEar"), [(0, 1), (2, 3)]),
        (("mouth_left", "mouth_right", "left", "right"), [(0, 1), (2, 3)]),
        (("tail", "tair_base", "leg", "lip", "0", "1"), []),
    ],
)
def test_pairs_by_name(names: tuple[str, ...], pairs: list[tuple[int, int]]) -> None:
    assert pairs_of(names) == pairs


def test_names_of_no_sides_cost_nothing() -> None:
    x = replace(poses(walk()), names=("a", "b", "c", "d", "e", "f"))
    assert mend_swaps(x).n_left_right == 0


def test_a_cycle_that_lacks_a_point_stays() -> None:
    a, b, c = walk(0, 0), walk(1, 400), walk(2, 800)
    rows = slice(50, 70)
    files = [a.copy(), b.copy(), c.copy()]
    files[0][rows], files[1][rows], files[2][rows] = b[rows], c[rows], a[rows]
    files[0][55, 2] = np.nan
    found = smoothed(poses(*files), fix=True)
    assert np.isnan(found[0][55, 2]).all()
    for result, stays in zip(found[1:], files[1:], strict=True):
        assert np.linalg.norm(result[55, 2] - stays[55, 2]) < 10
    assert np.linalg.norm(found[1][56] - b[56], axis=-1).max() < 10
