"""The tables of known skeletons: complete, consistent, and found by name."""

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.skeletons import (
    by_names,
    known,
    limbs_of,
    pairs_of,
    skeleton,
    with_count,
)
from pose_smoother.skeleton import KEYPOINTS, LIMBS, MIRROR

every_skeleton = pytest.mark.parametrize("name", known())


@every_skeleton
def test_a_table_is_consistent(name: str) -> None:
    found = skeleton(name)
    n = len(found.keypoints)
    assert len(set(found.keypoints)) == n == int(name.rpartition("-")[2].rstrip("b"))
    assert found.about.endswith(".")
    assert all(a != b for a, b in found.limbs)
    assert len({frozenset(limb) for limb in found.limbs}) == len(found.limbs)
    sides = [i for pair in found.pairs for i in pair]
    assert len(set(sides)) == len(sides)
    assert by_names(found.keypoints[::-1]) == found


@every_skeleton
def test_limbs_are_symmetric(name: str) -> None:
    """Mirrored by the pairs, the limbs are the same limbs: a slip in either table shows."""
    found = skeleton(name)
    mirror = {**dict(found.pairs), **{right: left for left, right in found.pairs}}
    limbs = {frozenset(limb) for limb in found.limbs}
    mirrored = {frozenset(mirror.get(i, i) for i in limb) for limb in limbs}
    assert mirrored == limbs


def test_no_alias_is_a_name_or_used_twice() -> None:
    aliases = [alias for name in known() for alias in skeleton(name).aliases]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(known())
    assert skeleton("DLIB-68") is skeleton("face-68")


def test_an_unknown_name_lists_all() -> None:
    with pytest.raises(InvalidInputError, match=r"'coco'; known: ap10k-17, .*smpl-24"):
        skeleton("coco")


def test_facts_of_the_public_definitions() -> None:
    """Places that differ between skeletons that are easily taken for one another."""
    order = {name: skeleton(name).keypoints for name in known()}
    assert order["body-25"][1] == "Neck"
    assert order["body-25"][8] == "MidHip"
    assert order["body-25b"][1] == "LEye"
    assert order["body-25b"][17:19] == ("UpperNeck", "HeadTop")
    assert order["body-25"][19:] == order["body-25b"][19:]
    assert order["mpii-16"][6:10] == ("pelvis", "thorax", "upper_neck", "head_top")
    assert order["h36m-17"][7:11] == ("spine", "thorax", "neck_base", "head")
    assert order["halpe-26"][17:20] == ("head", "neck", "hip")
    assert order["halpe-136"][:26] == order["halpe-26"]
    assert order["halpe-136"][94] == order["coco-wholebody-133"][91] == "left_hand_root"
    assert order["coco-wholebody-133"][17] == "left_big_toe"
    assert order["coco-wholebody-133"][23] == "face-0"
    assert order["blazepose-33"][11] == "left_shoulder"
    assert order["hand-21"][8] == "index_tip"
    assert order["smpl-24"][15] == "head"
    assert [found.name for found in with_count(17)] == ["ap10k-17", "coco-17", "h36m-17"]


def test_pose_25_is_the_target_skeleton() -> None:
    found = skeleton("pose-25")
    assert found.keypoints == KEYPOINTS
    assert {frozenset(limb) for limb in found.limbs} == {frozenset(limb) for limb in LIMBS}
    assert all(MIRROR[left] == right for left, right in found.pairs)


def test_limbs_and_pairs_by_names() -> None:
    body, hand = skeleton("body-25"), skeleton("hand-21")
    names = [
        *body.keypoints,
        *(f"left_hand_{name}" for name in hand.keypoints),
        *(f"right_hand_{name}" for name in hand.keypoints),
    ]
    limbs = limbs_of(names)
    assert sorted(limbs)[: len(body.limbs)] == sorted(body.limbs)
    assert len(limbs) == len(body.limbs) + 2 * len(hand.limbs)
    assert (25, 26) in limbs
    assert set(body.pairs) <= set(pairs_of(names))
    assert (25, 46) in pairs_of(names)
    assert limbs_of(["snout", "tail"]) == pairs_of(["snout", "tail"]) == []


@pytest.mark.parametrize("names", [("LEye", "REye"), ("paw_l", "paw_r"), ("ear-left", "ear-right")])
def test_sides_of_any_names(names: tuple[str, str]) -> None:
    assert pairs_of(names) == [(0, 1)]
    assert pairs_of(names[::-1]) == [(1, 0)]
