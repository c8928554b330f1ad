from pose_smoother import skeleton


def test_order_and_sides() -> None:
    assert skeleton.N_KEYPOINTS == 25
    assert skeleton.KEYPOINTS[0] == "nose"
    assert [skeleton.INDEX[f"left_{n}"] for n in ("ear", "shoulder", "hip", "toes")] == [
        1,
        3,
        15,
        23,
    ]
    for left, right in zip(skeleton.KEYPOINTS[1::2], skeleton.KEYPOINTS[2::2], strict=True):
        assert left.removeprefix("left_") == right.removeprefix("right_")


def test_mirror_is_its_own_inverse_and_swaps_sides() -> None:
    assert [skeleton.MIRROR[i] for i in skeleton.MIRROR] == list(range(25))
    assert skeleton.MIRROR[0] == 0
    assert skeleton.MIRROR[skeleton.INDEX["left_knee"]] == skeleton.INDEX["right_knee"]


def test_pooled_names_cover_every_keypoint_once() -> None:
    assert len(skeleton.POOLED_NAMES) == 13
    assert skeleton.POOLED[7] == skeleton.POOLED[8] == "wrist"
