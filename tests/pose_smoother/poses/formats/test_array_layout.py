"""Arrays of keypoints in any order of their axes: found by what moves little, or as named."""

from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.array_layout import find_layout
from pose_smoother.poses.tracks import Floats


def people(n_people: int, n_frames: int, n_keypoints: int = 17) -> Floats:
    """Keypoints (P, T, K, 2) of people who stand apart and move by a pixel a frame."""
    rng = np.random.default_rng(3)
    start = rng.uniform(100, 300, (n_people, 1, n_keypoints, 2))
    start[..., 0] += np.arange(n_people)[:, None, None] * 250
    return start + np.cumsum(rng.normal(0, 1, (n_people, n_frames, n_keypoints, 2)), axis=1)


@pytest.mark.parametrize(("n_people", "n_frames"), [(2, 60), (5, 5), (12, 4), (1, 30), (3, 1)])
def test_time_is_where_neighbours_are_near(n_people: int, n_frames: int) -> None:
    array = people(n_people, n_frames)
    for turned, order in ((array, (0, 1, 2, 3)), (array.transpose(1, 0, 2, 3), (1, 0, 2, 3))):
        found = find_layout(turned)
        if n_frames > 1:
            assert found.order == order
            np.testing.assert_array_equal(found.as_people_first(turned), array)
        assert bool(found.warnings) == (n_people > 1 and n_frames > 1)


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((17, 30, 2), (-1, 1, 0, 2)),
        ((17, 9, 2), (-1, 1, 0, 2)),
        ((30, 17, 2), (-1, 0, 1, 2)),
        ((17, 17, 2), (-1, 0, 1, 2)),
    ],
)
def test_keypoints_first_where_the_names_are_as_many(shape: tuple[int, ...], order: object) -> None:
    assert find_layout(np.zeros(shape), n_keypoints=17).order == order
    assert find_layout(np.zeros((2, 9, 2)), n_keypoints=2).order == (-1, 1, 0, 2)


def test_of_many_frames_some_are_looked_at() -> None:
    for n_frames in (2000, 2001):
        assert find_layout(people(2, n_frames, 1).transpose(1, 0, 2, 3)).order == (1, 0, 2, 3)


def test_people_who_are_absent_are_no_evidence() -> None:
    array = people(3, 40)
    array[1, 5:] = 0
    array[2, :30] = np.nan
    assert find_layout(array.transpose(1, 0, 2, 3)).order == (1, 0, 2, 3)


def test_without_motion_the_longer_axis_is_time_and_lengths_decide_first() -> None:
    noise = np.random.default_rng(0).uniform(0, 100, (40, 6, 17, 2))
    assert find_layout(noise).order == (1, 0, 2, 3)
    assert "the longer one is time" in find_layout(noise).warnings[0]
    assert find_layout(noise, n_frames=6).order == (0, 1, 2, 3)
    assert find_layout(noise, n_people=6).order == (1, 0, 2, 3)
    assert find_layout(noise, n_people=40).warnings == ()


def test_the_third_coordinate_is_a_score_or_z() -> None:
    rng = np.random.default_rng(0)
    pixels, unit = rng.uniform(0, 500, (9, 17, 2)), rng.uniform(0, 1, (9, 17, 1))
    assert find_layout(np.concatenate([pixels, unit], axis=2)).channels == "xys"
    assert find_layout(np.concatenate([pixels, unit - 0.5], axis=2)).channels == "xyz"
    metres = rng.normal(0, 0.5, (9, 17, 3))
    assert find_layout(metres).channels == "xyz"
    assert find_layout(np.abs(metres) / 9).channels == "xys"  # normalised by the image, likelier
    for third, word in ((unit, "a score"), (unit - 0.5, "z")):
        (warning,) = find_layout(np.concatenate([pixels, third], axis=2)).warnings
        assert f"was taken for {word};" in warning
    centred = pixels - 250
    assert find_layout(np.concatenate([centred, unit], axis=2)).channels == "xys"
    found = find_layout(np.concatenate([pixels, unit], axis=2), has_scores=True)
    assert (found.channels, found.warnings) == ("xyz", ())


def test_a_layout_that_is_said(tmp_path: Path) -> None:
    array = people(2, 30)
    scores = (array[..., 0] / 1000).transpose(1, 2, 0)
    np.savez(tmp_path / "a.npz", keypoints=array.transpose(1, 3, 2, 0), scores=scores)
    poses = read_poses(tmp_path / "a.npz", layout="time,xy,keypoints,people", skeleton="coco-17")
    assert poses.warnings == ()
    np.testing.assert_allclose([t.keypoints for t in poses.tracks], array)
    np.testing.assert_allclose(poses.tracks[1].score, array[1, ..., 0] / 1000)
    write_keypoints(poses, [t.keypoints + 1 for t in poses.tracks], tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as stored:
        np.testing.assert_allclose(stored["keypoints"], array.transpose(1, 3, 2, 0) + 1, atol=1e-6)


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("time,keypoints", "expected time, keypoints, one of xy, xyz, xys"),
        ("time,keypoints,xy,xy", "expected time, keypoints"),
        ("time,joints,xy", "expected time, keypoints"),
        ("people,time,keypoints,xy", "expected an array of 4 axes with 2 xy"),
        ("time,keypoints,xyz", r"expected an array of 3 axes with 3 xyz, found shape \(5, 17, 2"),
    ],
)
def test_layouts_that_do_not_fit(layout: str, told: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", keypoints=np.ones((5, 17, 2)))
    with pytest.raises(InvalidInputError, match=told):
        read_poses(tmp_path / "a.npz", layout=layout)


def test_other_formats_have_no_layout(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,nose_x,nose_y\n1,2,3\n")
    with pytest.raises(InvalidInputError, match=r"--layout names the axes of an array \(npy, npz"):
        read_poses(tmp_path / "a.csv", layout="time,keypoints,xy")


def test_time_first_is_smoothed_and_written_as_it_was(tmp_path: Path) -> None:
    """900 frames of 1 or 2 people, time first: the default of many tools."""
    array = people(2, 900).transpose(1, 0, 2, 3)
    np.savez(tmp_path / "a.npz", keypoints=array, fps=25)
    poses = read_poses(tmp_path / "a.npz")
    assert [len(t.frame) for t in poses.tracks] == [900, 900]
    assert poses.fps == 25
    assert "the first axis was taken for 900 frames, the second for 2 people" in poses.warnings[0]
    write_keypoints(poses, [t.keypoints for t in poses.tracks], tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as stored:
        np.testing.assert_array_equal(stored["keypoints"], array)


def test_positions_in_space_are_read_along_three_axes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(0, 1, (20, 17, 3))
    np.savez(tmp_path / "a.npz", keypoints=array)
    (track,) = read_poses(tmp_path / "a.npz").tracks
    np.testing.assert_array_equal(track.keypoints, array)
    assert np.isnan(track.score).all()


@pytest.mark.parametrize("shape", [(0, 17, 2), (0, 5, 17, 2), (5, 0, 17, 3), (0, 0, 17, 2)])
def test_an_array_of_nobody_has_a_layout_and_no_doubt(shape) -> None:
    layout = find_layout(np.zeros(shape))
    assert 0 in layout.as_people_first(np.zeros(shape)).shape[:2]
    assert not any("first axis" in told for told in layout.warnings)
