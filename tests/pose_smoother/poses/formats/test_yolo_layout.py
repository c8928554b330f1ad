"""YOLO's labels without a data.yaml: which of their numbers are coordinates, scores and ids."""

from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats import read_poses, write_keypoints
from pose_smoother.poses.formats.yolo import _layout
from pose_smoother.poses.tracks import Floats

LAYOUTS = [(3, 0), (3, 1), (3, 2), (2, 0), (2, 2)]


def points_and_boxes(r: np.random.Generator, n: int, n_lines: int) -> tuple[Floats, Floats]:
    """Detections (N, n, 2) anywhere in boxes (N, 2, 2) of any place and size."""
    size = r.uniform(0.08, 0.6, (n_lines, 2))
    centre = r.uniform(size / 2, 1 - size / 2)
    points = centre[:, None] + size[:, None] * r.uniform(-0.5, 0.5, (n_lines, n, 2))
    return points, np.stack([centre, size], axis=1)


def walk(r: np.random.Generator, n: int, n_lines: int) -> tuple[Floats, Floats]:
    """Somebody who walks outside of boxes that were made up."""
    t = np.arange(n_lines)[:, None]
    path = np.concatenate([0.2 + 0.04 * np.sin(t / 20), 0.15 + 0.03 * np.cos(t / 15)], axis=1)
    points = path[:, None] + r.uniform(-0.12, 0.12, (n, 2)) + r.normal(size=(n_lines, n, 2)) / 1000
    return points, np.tile([[0.5, 0.5], [0.2, 0.2]], (n_lines, 1, 1))


def lines(
    r: np.random.Generator, made: tuple[Floats, Floats], per_point: int, extra: int
) -> Floats:
    """Labels (N, numbers) of points in boxes, with scores, a confidence and an id."""
    points, boxes = made
    n_lines, n, _ = points.shape
    score = r.uniform(0.1, 0.99, (n_lines, n, 1))
    body = np.concatenate([points, score], axis=2) if per_point == 3 else points
    after = [r.uniform(0.3, 0.95, (n_lines, 1)), r.integers(1, 4, (n_lines, 1))][:extra]
    flat = [np.zeros((n_lines, 1)), boxes.reshape(n_lines, 4), body.reshape(n_lines, -1), *after]
    return np.round(np.concatenate(flat, axis=1), 6)


@pytest.mark.parametrize(("per_point", "extra"), LAYOUTS)
@pytest.mark.parametrize("scene", [points_and_boxes, walk])
def test_a_layout_of_any_number_of_keypoints_is_found(
    scene: object, per_point: int, extra: int
) -> None:
    assert callable(scene)
    for n in range(2, 40):
        r = np.random.default_rng([n, per_point, extra])
        values = lines(r, scene(r, n, 30), per_point, extra)
        found, notes = _layout(Path("/none"), values.shape[1] - 5, values, None)
        assert found == (n, per_point, extra)
        assert not any(isinstance(note, Caution) for note in notes)


def test_flags_of_missing_keypoints_are_no_coordinates() -> None:
    for n in (5, 9, 12, 14):
        r = np.random.default_rng(n)
        values = lines(r, points_and_boxes(r, n, 30), 3, 0)
        flags = r.integers(0, 3, (30, n))
        values[:, 7::3] = flags
        for axis in (5, 6):
            values[:, axis::3][flags == 0] = 0
        assert _layout(Path("/none"), 3 * n, values, None)[0] == (n, 3, 0)


def folder(where: Path, values: Floats) -> Path:
    where.mkdir(exist_ok=True)
    for i, row in enumerate(values):
        (where / f"v_{i}.txt").write_text(" ".join(f"{x:g}" for x in row) + "\n")
    return where


def test_scores_of_12_keypoints_are_not_smoothed(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    values = lines(r, walk(r, 12, 60), 3, 0)
    poses = read_poses(folder(tmp_path / "labels", values))
    (track,) = poses.tracks
    np.testing.assert_allclose(track.score, values[:, 7::3], rtol=1e-4)
    assert "36 numbers after the box were taken as 12 keypoints x y v: they fit best" in (
        poses.warnings
    )
    write_keypoints(poses, [track.keypoints + 0.25], tmp_path / "out")
    for name in ("v_0.txt", "v_59.txt"):
        old, new = (np.loadtxt(tmp_path / at / name) for at in ("labels", "out"))
        moved = np.flatnonzero(np.abs(new - old) > 0.2).tolist()
        assert moved == [i for i in range(5, 41) if (i - 5) % 3 < 2]


def test_layouts_that_fit_alike_are_refused_or_a_known_skeleton_with_a_warning() -> None:
    r = np.random.default_rng(0)
    values = np.concatenate([np.tile([0, 0.5, 0.5, 1, 1], (30, 1)), r.uniform(size=(30, 36))], 1)
    found, notes = _layout(Path("/none"), 36, values, None)
    assert found == (18, 2, 0)
    assert [type(note) for note in notes] == [Caution]
    assert "but may be 12 keypoints x y v: kpt_shape would say" in notes[0]
    with pytest.raises(InvalidInputError, match="8 keypoints x y v or 12 keypoints x y: put"):
        _layout(Path("/none"), 24, values[:, :29], None)


@pytest.mark.parametrize(
    "text",
    [
        "kpt_shape: [12, 3]",
        "names: [a]\nkpt_shape : [ 12,3 ]  # x, y, v\nflip_idx: [0, 1]",
        "kpt_shape:\n- 12\n- 3\nnc: 1",
        "kpt_shape:  # keypoints, numbers\n  - 12  # twelve\n  - 3\nnames:\n  - a",
        "kpt_shape: [\n  12,\n  3\n]",
        "kpt_shape:\n  [12, 3]\n",
        '\ufeff"kpt_shape": [12, 3]\r\nnc: 1\r\n',
        "kpt_shape:\r\n- 12\r\n- 3\r\n",
        "# kpt_shape: [18, 2]\nkpt_shape: [12, 3]",
    ],
)
def test_kpt_shape_is_read_as_yaml_writes_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text, newline="")
    values = np.random.default_rng(0).uniform(size=(3, 41))  # 18 x 2 without it
    assert _layout(tmp_path, 36, values, None) == ((12, 3, 0), [])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("[12, 4]", "[12, 4]"),
        (" [12]", "[12]"),
        ("[12, 3, 1]", "[12, 3, 1]"),
        ("${shape}", "${shape}"),
        ("", ""),
        ("\n- 12\n- x", "- 12 - x"),
        ("[12, 3", "[12, 3"),
    ],
)
def test_a_kpt_shape_that_is_none_is_refused(value: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(f"kpt_shape: {value}\nnames: a\n")
    with pytest.raises(InvalidInputError) as error:
        _layout(tmp_path, 36, np.zeros((1, 41)), None)
    assert str(error.value).startswith("dataset.yaml: expected kpt_shape: [keypoints, 2 or 3]")
    assert f"found {found!r}" in str(error.value)
