"""Keypoint names of other skeletons, in any spelling, onto ours."""

from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import SKELETONS, known_skeleton, mapping
from pose_smoother.skeleton import INDEX, KEYPOINTS


def found(names: tuple[str, ...], extra: Path | None = None) -> dict[str, str]:
    """Our name → the file's."""
    index = mapping(names, extra).index
    assert index.shape == (25,)
    assert index.dtype == np.int64
    return {KEYPOINTS[i]: names[c] for i, c in enumerate(index.tolist()) if c >= 0}


@pytest.mark.parametrize(
    ("skeleton", "n_known", "unknown"),
    [
        ("coco-17", 15, {"left_eye", "right_eye"}),
        ("penn-13", 13, set()),
        ("pose-25", 25, set()),
        ("body-25", 19, {"Neck", "MidHip", "REye", "LEye", "LSmallToe", "RSmallToe"}),
        ("openpose-18", 15, {"Neck", "REye", "LEye"}),
    ],
)
def test_tables(skeleton: str, n_known: int, unknown: set[str]) -> None:
    names = SKELETONS[skeleton]
    assert len(names) == int(skeleton.split("-")[1])
    assert len(set(names)) == len(names)
    assert len(found(names)) == n_known
    assert set(mapping(names).unknown) == unknown


def test_halpe_has_a_head_beside_the_nose() -> None:
    names = SKELETONS["halpe-26"]
    assert len(names) == 26
    assert found(names)["nose"] == "nose"
    assert found(names)["left_toes"] == "left_big_toe"
    assert len(found(names)) == 19
    assert {"head", "neck", "hip", "left_small_toe"} <= set(mapping(names).unknown)
    assert mapping(names).assumed == ()


def test_blazepose_has_all_of_ours() -> None:
    names = SKELETONS["blazepose-33"]
    assert len(names) == 33
    assert len(found(names)) == 25
    assert found(names)["right_toes"] == "right_foot_index"
    assert found(names)["left_index"] == "left_index"


def test_pennaction_head_is_told_as_the_nose() -> None:
    assert found(SKELETONS["penn-13"])["nose"] == "head"
    assert mapping(SKELETONS["penn-13"]).assumed == ("the head is taken for the nose",)


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
    names = SKELETONS["coco-17"]
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


def test_known_skeletons() -> None:
    assert known_skeleton(17, None)[1] == "17 keypoints without names: taken as coco-17"
    assert known_skeleton(17, "coco-17") == (SKELETONS["coco-17"], None)
    assert known_skeleton(25, None, "body-25") == (SKELETONS["body-25"], None)
    assert known_skeleton(2, "numbered") == (("0", "1"), None)
    for n, told in ((25, "--skeleton body-25 or --skeleton pose-25"), (7, "no known skeleton")):
        with pytest.raises(
            InvalidInputError, match=f"{n} keypoints without names.*{told}.*--map FILE"
        ):
            known_skeleton(n, None)
    with pytest.raises(InvalidInputError, match="coco-17 has 17 keypoints, but the file has 18"):
        known_skeleton(18, "coco-17")
    with pytest.raises(
        InvalidInputError, match="unknown skeleton 'coco'; known: coco-17, halpe-26"
    ):
        known_skeleton(17, "coco")


def test_every_keypoint_of_ours_has_its_place() -> None:
    assert {name: name for name in KEYPOINTS} == found(KEYPOINTS)
    assert mapping(KEYPOINTS).index.tolist() == [INDEX[name] for name in KEYPOINTS]
