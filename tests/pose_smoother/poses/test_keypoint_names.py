"""Keypoint names of other skeletons, in any spelling, onto ours."""

import os
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import known_skeleton, mapping
from pose_smoother.poses.skeletons import compact, skeleton
from pose_smoother.poses.tracks import Floats
from pose_smoother.skeleton import INDEX, KEYPOINTS


def found(names: tuple[str, ...], extra: Path | None = None) -> dict[str, str]:
    """Our name → the file's."""
    index = mapping(names, extra).index
    assert index.shape == (25,)
    assert index.dtype == np.int64
    return {KEYPOINTS[i]: names[c] for i, c in enumerate(index.tolist()) if c >= 0}


@pytest.mark.parametrize(
    ("name", "n_known", "unknown"),
    [
        ("coco-17", 15, {"left_eye", "right_eye"}),
        ("penn-13", 13, set()),
        ("pose-25", 25, set()),
        ("body-25", 19, {"Neck", "MidHip", "REye", "LEye", "LSmallToe", "RSmallToe"}),
        ("openpose-18", 15, {"Neck", "REye", "LEye"}),
    ],
)
def test_tables(name: str, n_known: int, unknown: set[str]) -> None:
    names = skeleton(name).keypoints
    assert len(found(names)) == n_known
    assert set(mapping(names).unknown) == unknown


def test_halpe_has_a_head_next_to_the_nose() -> None:
    names = skeleton("halpe-26").keypoints
    assert len(names) == 26
    assert found(names)["nose"] == "nose"
    assert found(names)["left_toes"] == "left_big_toe"
    assert len(found(names)) == 19
    assert {"head", "neck", "hip", "left_small_toe"} <= set(mapping(names).unknown)
    assert mapping(names).assumed == ()


def test_blazepose_has_all_of_ours() -> None:
    names = skeleton("blazepose-33").keypoints
    assert len(names) == 33
    assert len(found(names)) == 25
    assert found(names)["right_toes"] == "right_foot_index"
    assert found(names)["left_index"] == "left_index"


def test_pennaction_head_is_reported_as_the_nose() -> None:
    assert found(skeleton("penn-13").keypoints)["nose"] == "head"
    assert mapping(skeleton("penn-13").keypoints).assumed == ("the head is taken for the nose",)


@pytest.mark.parametrize(
    "spelling",
    [
        *("left_shoulder", "Left Shoulder", "LEFT-SHOULDER", "leftShoulder", "LShoulder"),
        *("l_shoulder", "shoulder_l", "Shoulder.L", "shoulder-left", "L Shoulder", "lsho"),
    ],
)
def test_spellings(spelling: str) -> None:
    assert found((spelling,)) == {"left_shoulder": spelling}
    mirrored = spelling.replace("left", "right").replace("Left", "Right").replace("LEFT", "RIGHT")
    if mirrored != spelling:
        assert found((mirrored,)) == {"right_shoulder": mirrored}


def test_order_of_the_file_does_not_matter() -> None:
    names = skeleton("coco-17").keypoints
    assert found(names) == found(names[::-1])


def test_toes_go_before_big_toe_whatever_the_order() -> None:
    for names in (("left_big_toe", "left_toes"), ("left_toes", "left_big_toe")):
        assert found(names) == {"left_toes": "left_toes"}
        assert mapping(names).unknown == ("left_big_toe",)


def test_two_spellings_of_one_keypoint_are_refused() -> None:
    with pytest.raises(
        InvalidInputError, match=r"two keypoints for left_wrist: 'LWrist' and 'left_wrist'"
    ):
        mapping(("LWrist", "left_wrist"))


def test_nothing_in_common_lists_both_sides() -> None:
    with pytest.raises(
        InvalidInputError, match=r"the input has snout, tail; the model knows nose, left_ea"
    ):
        mapping(("snout", "tail"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.toml", 'snout = "nose"\n"paw l" = "left_wrist"\nleft_knee = ""\n'),
        ("map.json", '{"snout": "nose", "paw l": "left_wrist", "left_knee": ""}'),
    ],
)
def test_map_file(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    names = ("left_knee", "paw l", "snout", "right_hip", "head", "left_wrist")
    assert found(names, tmp_path / name) == {
        "nose": "snout",
        "left_wrist": "paw l",
        "right_hip": "right_hip",
    }
    assert mapping(names, tmp_path / name).unknown == ("left_knee", "head", "left_wrist")
    assert mapping(names, tmp_path / name).assumed == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('snout = "noes"', r"unknown keypoint in map .* 'noes'; known: nose, left_ear"),
        ('tail = "nose"', r"unknown keypoint of the input in map .* 'tail'; known: snout, ear"),
        ("snout = 3", "expected lines like"),
        ("snout = ", "cannot be read"),
        ('snout = "nose"\near = "nose"', "two keypoints for nose: 'snout' and 'ear'"),
    ],
)
def test_bad_map_files(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InvalidInputError, match=told) as error:
        mapping(("snout", "ear"), tmp_path / "map.toml")
    assert "\n" not in str(error.value)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        mapping(("snout",), tmp_path / "none.toml")


#: Somebody who stands facing the camera; the right side is mirrored.
BODY = {
    "nose": (0, 0),
    "eye": (3, -3),
    "ear": (7, -1),
    "head": (0, -10),
    "headtop": (0, -12),
    "neckbase": (0, 8),
    "neck": (0, 14),
    "upperneck": (0, 10),
    "thorax": (0, 18),
    "shoulder": (15, 16),
    "elbow": (20, 40),
    "wrist": (22, 62),
    "spine": (0, 42),
    "midhip": (0, 66),
    "root": (0, 66),
    "hip": (9, 66),
    "knee": (10, 105),
    "ankle": (11, 142),
    "foot": (11, 142),
    "heel": (11, 147),
    "bigtoe": (13, 152),
    "smalltoe": (16, 150),
}


def people(name: str) -> Floats:
    """Keypoints (20, K, 2) of somebody in a skeleton's order."""
    pose = []
    for keypoint in map(compact, skeleton(name).keypoints):
        part = keypoint.removeprefix("left").removeprefix("right")
        side = -1 if keypoint.startswith("r") and keypoint != "root" else 1
        x, y = BODY[part] if part in BODY else BODY[part[1:]]
        pose.append((side * x, y))
    return np.array(pose) + np.random.default_rng(0).normal(0, 1, (20, len(pose), 2))


def test_a_skeleton_asked_for_is_taken() -> None:
    assert known_skeleton(17, "coco-17") == (skeleton("coco-17").keypoints, None)
    assert known_skeleton(18, "coco-18") == (skeleton("openpose-18").keypoints, None)
    assert known_skeleton(2, "numbered") == (("0", "1"), None)
    with pytest.raises(InvalidInputError, match=r"coco-17 has 17 .* --skeleton openpose-18 or"):
        known_skeleton(18, "coco-17")
    with pytest.raises(InvalidInputError, match="unknown skeleton 'coco'; known: ap10k-17, "):
        known_skeleton(17, "coco")


@pytest.mark.parametrize("name", ["body-25", "body-25b", "coco-17", "h36m-17"])
def test_the_lengths_of_limbs_distinguish_skeletons(name: str) -> None:
    names, assumed = known_skeleton(len(people(name)[0]), None, None, people(name))
    assert names == skeleton(name).keypoints
    assert assumed is not None
    assert f"taken as {name}, whose limbs are shorter than those of" in assumed


def test_without_evidence_the_usual_skeleton_or_numbers_are_taken_and_reported() -> None:
    noise = np.random.default_rng(0).uniform(0, 100, (50, 25, 2))
    for keypoints in (None, noise, np.full((3, 25, 2), np.nan)):
        names, assumed = known_skeleton(25, None, "body-25", keypoints)
        assert names == skeleton("body-25").keypoints
        assert assumed == "25 keypoints without names: taken as body-25, the usual one"
        names, assumed = known_skeleton(25, None, None, keypoints)
        assert names == tuple(map(str, range(25)))
        assert assumed is not None
        assert "numbered from 0; say which they are with --skeleton body-25 or" in assumed
    assert known_skeleton(136, None)[0] == skeleton("halpe-136").keypoints
    assert known_skeleton(7, None)[0] == tuple("0123456")


REAL = Path(os.environ.get("POSE_SHARED_DATA", "")) / "real"


@pytest.mark.skipif(
    "POSE_SHARED_DATA" not in os.environ or not REAL.is_dir(),
    reason="POSE_SHARED_DATA names no folder with real recordings",
)
@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("vicon_*", "body-25"),
        ("multicam_*_openpose", "body-25b"),
        ("squat_*_movenet", "coco-17"),
    ],
)
def test_real_recordings_are_known_by_their_limbs(pattern: str, name: str) -> None:
    order = {
        compact(n.replace("left_", "L").replace("right_", "R")): i
        for i, n in enumerate(skeleton(name).keypoints)
    }
    files = sorted(REAL.glob(f"{pattern}.npz"))
    assert files
    for file in files:
        with np.load(file) as stored:
            columns = [order[compact(n)] for n in stored["names"].tolist()]
            keypoints = np.full((len(stored["keypoints"]), len(order), 2), np.nan)
            keypoints[:, columns] = stored["keypoints"]
        assert known_skeleton(len(order), None, None, keypoints)[0] == skeleton(name).keypoints


def test_every_keypoint_of_ours_has_its_place() -> None:
    assert {name: name for name in KEYPOINTS} == found(KEYPOINTS)
    assert mapping(KEYPOINTS).index.tolist() == [INDEX[name] for name in KEYPOINTS]
