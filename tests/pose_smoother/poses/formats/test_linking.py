"""Linking in its parts: which pairs are looked at, their distances, and how far a link reaches."""

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import linking
from pose_smoother.poses.formats.linking import _is_clear, _Linker, boxes, link
from pose_smoother.poses.tracks import Floats


def square(x: float) -> Floats:
    """An individual of four keypoints, ten wide, at x."""
    return np.array([[x, 0.0], [x + 10, 0], [x + 10, 10], [x, 10]])


def crowd(counts: list[int]) -> tuple[np.ndarray, Floats]:
    """Frames and keypoints of so many individuals a frame, who move by one a frame."""
    frame = np.repeat(np.arange(len(counts)), counts)
    place = np.concatenate([100.0 * np.arange(n) for n in counts]) + frame
    return frame, np.stack([square(x) for x in place])


@pytest.mark.parametrize(
    ("n_missing", "moved", "is_linked"),
    [
        (0, 4.9, True),  # half of the side
        (0, 5.1, False),
        (2, 5.9, True),  # and a twentieth for every missing frame
        (2, 6.1, False),
        (20, 9.9, True),  # and never more than the side
        (20, 10.1, False),
    ],
)
def test_how_far_a_link_reaches(n_missing: int, moved: float, is_linked: bool) -> None:
    frame = np.array([0, 0, n_missing + 1, n_missing + 1])
    found = link(frame, np.stack([square(x) for x in (0, 900, moved, 900)]), 1)
    assert found == ["link-1", "link-2", "link-1" if is_linked else "link-3", "link-2"]


@pytest.mark.parametrize("values", [1, 1 << 22])
def test_every_pair_of_neighbouring_frames_is_looked_at_once(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "_CHUNK_VALUES", values)
    frame, keypoints = crowd([3, 1, 4, 2, 3])
    linker = _Linker(frame, keypoints, 1)
    chunks = list(linker._pairs(np.full(len(frame), 10.0)))
    assert len(chunks) == (4 if values == 1 else 1)
    pairs = [pair for a, b, _ in chunks for pair in zip(a.tolist(), b.tolist(), strict=True)]
    every = range(len(frame))
    assert sorted(pairs) == [(a, b) for a in every for b in every if frame[b] == frame[a] + 1]
    for a, b, distance in chunks:
        apart = np.abs(keypoints[a, 0, 0] - keypoints[b, 0, 0]) / 10
        np.testing.assert_allclose(distance, apart)


@pytest.mark.parametrize("values", [1, 1 << 22])
def test_distances_are_over_common_keypoints_else_between_boxes(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "_CHUNK_VALUES", values)
    keypoints = np.stack([square(0.0), square(3.0), square(8.0)])
    keypoints[1, :2] = np.nan
    keypoints[2, 2:] = np.nan
    linker = _Linker(np.array([0, 0, 1]), keypoints, 1)
    size, b = np.array([20.0, 10.0, 40.0]), np.array([1, 2, 2])
    a = np.array([0, 0, 1])
    found = linker._distance(a, b, np.zeros((3, 2)), size)
    np.testing.assert_allclose(found, [3 / 20, 8 / 40, np.hypot(5, 10) / 40])
    found = linker._distance(a[:2], b[:2], np.array([[1.0, 0], [8, 6]]), size)
    np.testing.assert_allclose(found, [2 / 20, 6 / 40])
    found = linker._distance(a[2:], b[2:], np.array([[5.0, -3]]), size)
    np.testing.assert_allclose(found, [7 / 40])


def test_more_in_a_frame_than_are_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "_MOST_IN_A_FRAME", 4)
    link(*crowd([3, 4]), 1)
    with pytest.raises(InvalidInputError, match=r"frame 1 has 5 detections .* most 4:"):
        link(*crowd([3, 5]), 1)
    assert set(link(*crowd([1] * 9), 1)) == {"link-1"}


def test_of_too_many_ends_the_latest_are_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.array([0, 1, 3, 3])  # the first two have ended; both come again
    keypoints = np.stack([square(x) for x in (0.0, 100, 0, 100)])
    assert link(frame, keypoints, 1) == ["link-1", "link-2", "link-1", "link-2"]
    monkeypatch.setattr(linking, "_MOST_PAIRS", 3)
    assert link(frame, keypoints, 1) == ["link-1", "link-2", "link-3", "link-2"]


def test_a_crowd_that_is_unseen_for_a_frame_is_known_again() -> None:
    """With 300 in a frame, all that have ended wait for whoever appears."""
    frame = np.array([0] * 300 + [2])
    keypoints = np.stack([square(x) for x in [*100.0 * np.arange(300), 0]])
    assert link(frame, keypoints, 1) == [f"link-{n}" for n in (*range(1, 301), 1)]


def test_boxes_are_of_what_is_known() -> None:
    keypoints = np.array([[[10.0, 30], [14, 90]], [[5, -7], [np.nan] * 2], [[np.nan] * 2] * 2])
    centre, side = boxes(keypoints)
    np.testing.assert_array_equal(centre, [[12, 60], [5, -7], [np.nan, np.nan]])
    assert side.tolist() == [60, 0, 0]


def test_a_pair_is_clear_where_the_next_one_is_twice_as_far() -> None:
    row = np.array([3, 1, 1, 2, 2, 3, 1, 4])
    distance = np.array([0.3, 0.1, 0.2, 0.1, 0.19, 0.2, 0.5, 9.0])
    assert _is_clear(row, distance).tolist() == [False, True, *[False] * 5, True]


def test_a_pair_that_is_clear_from_one_side_alone_is_not_joined_at_once() -> None:
    """Two at one place: the assignment decides which track each goes on."""
    keypoints = np.stack([square(x) for x in (0, 1.0, 0.6)])
    for frame in ([0, 0, 1], [0, 1, 1]):
        linker = _Linker(np.array(frame), keypoints[:: 1 if frame[1] == 0 else -1], 1)
        linker.join_clear_pairs()
        assert linker.after.tolist() == [-1, -1, -1]
    far = _Linker(np.array([0, 1]), np.stack([square(0), square(4)]), 1)
    far.join_clear_pairs()
    assert far.after.tolist() == [-1, -1]


def test_the_velocity_is_the_mean_over_the_last_links_wherever_the_track_begins() -> None:
    frame = np.array([70, 72, 76, 78, 80])  # every second one; 74 is missing
    keypoints = np.stack([square(x) for x in (500.0, 0, 8, 13, 21)])
    keypoints[-1, 0] = np.nan
    linker = _Linker(frame, keypoints, 2)
    linker.before[1:] = np.arange(4)
    np.testing.assert_allclose(linker._velocity(4), [21 / 4, 0])
    np.testing.assert_allclose(linker._velocity(3), [-487 / 4, 0])
    np.testing.assert_array_equal(linker._velocity(0), [0, 0])
