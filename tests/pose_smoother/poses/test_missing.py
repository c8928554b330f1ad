"""Which positions mark a missing keypoint: by score, by what is around, or as asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.missing import Missing, find_missing, missing_as
from pose_smoother.poses.tracks import Floats

N_FRAMES = 30


def body(centre: tuple[float, float] = (300.0, 200.0), n_frames: int = N_FRAMES) -> Floats:
    """A body of five keypoints, 100 wide, that moves by about 3 a frame: (T, 5, 2)."""
    rng = np.random.default_rng(3)
    shape = rng.uniform(-50, 50, (5, 2))
    return centre + shape + np.cumsum(rng.normal(0, 2, (n_frames, 1, 2)), axis=0)


def found(keypoints: Floats, score: Floats | None = None) -> Missing:
    scores = np.full(keypoints.shape[:2], np.nan) if score is None else score
    return find_missing(keypoints, scores, np.arange(len(keypoints)), ["a"] * len(keypoints))


@pytest.mark.parametrize("marker", [0.0, -1.0])
@pytest.mark.parametrize("n_axes", [2, 3])
def test_a_marker_far_from_the_keypoint_is_missing(marker: float, n_axes: int) -> None:
    keypoints = np.concatenate([body(), body()[..., :1]], axis=-1)[..., :n_axes]
    marked = np.zeros(keypoints.shape[:2], bool)
    marked[[0, 7, 8, 9, 29], 2] = marked[12] = True
    keypoints[marked] = marker
    result = found(keypoints)
    np.testing.assert_array_equal(result.mask, marked)
    at = ", ".join([f"{marker:g}"] * n_axes)
    assert result.warnings == (f"10 points at ({at}) taken as missing",)


def test_a_score_of_zero_needs_no_other_evidence() -> None:
    keypoints, score = body((0.0, 0.0)), np.full((N_FRAMES, 5), 0.9)
    keypoints -= keypoints[4, 1]
    score[4, 1] = 0
    result = found(keypoints, score)
    assert np.argwhere(result.mask).tolist() == [[4, 1]]
    assert result.warnings == ()
    assert not found(keypoints, np.zeros((N_FRAMES, 5))).mask.any()  # zeros throughout say nothing


def test_in_data_centred_on_zero_it_is_a_position() -> None:
    keypoints = body((0.0, 0.0), 200)
    keypoints -= keypoints[:, :1]  # every frame centred on its first keypoint
    result = found(keypoints)
    assert not result.mask.any()
    assert "200 points at (0, 0) taken as positions" in result.warnings[0]
    wandering = np.cumsum(np.full((40, 1, 2), 3.0), axis=0)[:, :, :] - 60.0
    assert (wandering == 0).all(axis=-1).sum() == 1
    assert not found(wandering).mask.any()


def test_a_keypoint_that_is_never_found_is_missing() -> None:
    keypoints = body()
    keypoints[:, 3] = 0
    result = found(keypoints)
    assert result.mask[:, 3].all()
    assert result.mask.sum() == N_FRAMES


def test_a_frame_alone_is_judged_by_its_other_keypoints() -> None:
    keypoints = body(n_frames=1)
    keypoints[0, 2] = 0
    assert found(keypoints).mask[0].tolist() == [False, False, True, False, False]
    assert not found(keypoints - keypoints[:, :1]).mask[0, 0]


def test_without_ids_neighbours_are_among_all_people() -> None:
    near, far = body((0.0, 0.0), 9), body((900.0, 200.0), 9)
    near[4, 2] = 0
    near += near[4, 2] - near[3, 2]  # passes close to (0, 0)
    near[4, 2] = 0
    keypoints = np.stack([far, near, far + 300], axis=1).reshape(-1, 5, 2)
    frame = np.repeat(np.arange(9), 3)
    score = np.full(keypoints.shape[:2], np.nan)
    assert not find_missing(keypoints, score, frame, [None] * 27).mask.any()


def test_the_choice_can_be_made_by_hand() -> None:
    keypoints = body((0.0, 0.0))
    keypoints[3, 1], keypoints[5, 2] = 0.0, -1.0
    expected = {
        "auto": [[3, 1], [5, 2]],
        "none": [],
        "zero": [[3, 1]],
        "minus-one": [[5, 2]],
        "zero,minus-one": [[3, 1], [5, 2]],
    }
    for names, points in expected.items():
        with missing_as(names):
            assert np.argwhere(found(keypoints).mask).tolist() == points
    with (
        pytest.raises(InvalidInputError, match="unknown marker of missing points 'nil'; known: "),
        missing_as("zero,nil"),
    ):
        pass
    with missing_as("none"):
        pass
    assert found(keypoints).mask.any()  # outside the context nothing remains of it


def wide_csv(path: Path, keypoints: Floats) -> None:
    header = ",".join(["frame", *(f"k{k}_{a}" for k in range(5) for a in "xy")])
    lines = [f"{i},{','.join(map(str, row.ravel()))}" for i, row in enumerate(keypoints)]
    path.write_text("\n".join([header, *lines]))


def long_csv(path: Path, keypoints: Floats) -> None:
    lines = ["frame,keypoint,x,y,score"]
    lines += [
        f"{i},k{k},{x},{y},0.5" for i, f in enumerate(keypoints) for k, (x, y) in enumerate(f)
    ]
    path.write_text("\n".join(lines))


def dlc_csv(path: Path, keypoints: Floats) -> None:
    names = [f"k{k}" for k in range(5) for _ in "xy"]
    head = [",".join(["scorer", *["s"] * 10]), ",".join(["bodyparts", *names])]
    head.append(",".join(["coords", *["x", "y"] * 5]))
    lines = [f"{i},{','.join(map(str, row.ravel()))}" for i, row in enumerate(keypoints)]
    path.write_text("\n".join([*head, *lines]))


def npz(path: Path, keypoints: Floats) -> None:
    np.savez(path, keypoints=keypoints, names=np.array(list("abcde")))


def results(path: Path, keypoints: Floats) -> None:
    items = [
        {"image_id": i, "keypoints": np.column_stack([f, np.full(5, 0.7)]).ravel().tolist()}
        for i, f in enumerate(keypoints)
    ]
    path.write_text(json.dumps(items))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        *(("a.csv", wide_csv), ("b.csv", long_csv), ("c.csv", dlc_csv)),
        *(("d.npz", npz), ("e.json", results)),
    ],
)
def test_every_format_has_the_same_rule(
    name: str, make: Callable[[Path, Floats], None], tmp_path: Path
) -> None:
    keypoints = np.round(body(), 2)
    keypoints[5:8, 1] = 0
    make(tmp_path / name, keypoints)
    poses = read_poses(tmp_path / name, skeleton="numbered")
    missing = np.isnan(poses.tracks[0].keypoints).all(axis=-1)
    assert np.argwhere(missing).tolist() == [[5, 1], [6, 1], [7, 1]]
    assert poses.counts["marked_missing"] == 3
    assert "3 points at (0, 0) taken as missing" in poses.warnings
