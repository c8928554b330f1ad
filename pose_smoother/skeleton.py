"""The target skeleton: 25 keypoints, left before right (DESIGN section 3)."""

from itertools import pairwise

KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_toes",
    "right_toes",
)
N_KEYPOINTS = len(KEYPOINTS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(KEYPOINTS)}

#: Each keypoint's name without its side: tables pool left and right under it.
POOLED: tuple[str, ...] = tuple(
    name.removeprefix("left_").removeprefix("right_") for name in KEYPOINTS
)
#: The pooled names once each, in skeleton order.
POOLED_NAMES: tuple[str, ...] = tuple(dict.fromkeys(POOLED))


def _mirrored(name: str) -> str:
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


#: Index of each keypoint's mirror image (nose is its own).
MIRROR: tuple[int, ...] = tuple(INDEX[_mirrored(name)] for name in KEYPOINTS)

#: (shoulder, hip) of the left and of the right side: their distances are the torso length of PCK.
TORSO_SIDES: tuple[tuple[int, int], ...] = (
    (INDEX["left_shoulder"], INDEX["left_hip"]),
    (INDEX["right_shoulder"], INDEX["right_hip"]),
)


def _limbs() -> tuple[tuple[int, int], ...]:
    pairs = [("nose", "left_ear"), ("nose", "right_ear")]
    pairs += [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
    for side in ("left", "right"):
        chain = ("shoulder", "elbow", "wrist")
        leg = ("shoulder", "hip", "knee", "ankle")
        pairs += [(f"{side}_{a}", f"{side}_{b}") for a, b in pairwise(chain)]
        pairs += [(f"{side}_{a}", f"{side}_{b}") for a, b in pairwise(leg)]
        pairs += [(f"{side}_wrist", f"{side}_{tip}") for tip in ("pinky", "index", "thumb")]
        pairs += [(f"{side}_ankle", f"{side}_heel"), (f"{side}_ankle", f"{side}_toes")]
    return tuple((INDEX[a], INDEX[b]) for a, b in pairs)


#: Lines to draw between keypoints, as index pairs.
LIMBS: tuple[tuple[int, int], ...] = _limbs()
