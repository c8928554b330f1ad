"""A body of rigid limbs: joint angles in, keypoints in space out.

Space is in metres: x to the person's left, y up, z to the front. An angle triple is (pitch about x,
yaw about y, roll about z) in radians, applied as yaw . pitch . roll. At zero angles the person
stands upright with hanging arms.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Joints in an order in which parents come first; each turns with its parent.
PARENT: dict[str, str | None] = {
    "root": None,
    "spine": "root",
    "neck": "spine",
    "left_shoulder": "spine",
    "right_shoulder": "spine",
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_hip": "root",
    "right_hip": "root",
    "left_knee": "left_hip",
    "right_knee": "right_hip",
}
JOINTS = tuple(PARENT)


@dataclass(frozen=True)
class Limb:
    """A rigid piece: from one point to another, turning with a joint, one length a person."""

    start: str
    end: str
    joint: str
    offset_m: tuple[float, float, float]
    scaled_by: str


def _limbs() -> tuple[Limb, ...]:
    limbs = [
        Limb("pelvis", "chest", "spine", (0, 0.46, 0), "trunk"),
        Limb("chest", "skull", "neck", (0, 0.12, 0), "head"),
        Limb("skull", "nose", "neck", (0, 0.07, 0.10), "head"),
    ]
    for side, x in (("left", 1), ("right", -1)):
        limbs += [
            Limb("skull", f"{side}_eye", "neck", (0.03 * x, 0.10, 0.085), "head"),
            Limb("skull", f"{side}_ear", "neck", (0.075 * x, 0.085, 0), "head"),
            Limb("chest", f"{side}_shoulder", "spine", (0.18 * x, 0, 0), "width"),
            Limb(f"{side}_shoulder", f"{side}_elbow", f"{side}_shoulder", (0, -0.29, 0), "arms"),
            Limb(f"{side}_elbow", f"{side}_wrist", f"{side}_elbow", (0, -0.26, 0), "arms"),
            Limb("pelvis", f"{side}_hip", "root", (0.10 * x, 0, 0), "width"),
            Limb(f"{side}_hip", f"{side}_knee", f"{side}_hip", (0, -0.43, 0), "legs"),
            Limb(f"{side}_knee", f"{side}_ankle", f"{side}_knee", (0, -0.42, 0), "legs"),
        ]
    return tuple(limbs)


LIMBS = _limbs()
GROUPS = ("trunk", "head", "width", "arms", "legs")


def proportions(generator: np.random.Generator) -> dict[str, float]:
    """One person's limb lengths as factors of the average body's, by group of limbs."""
    height = generator.normal(1.0, 0.06)
    draw = height * np.clip(generator.normal(1.0, 0.05, len(GROUPS)), 0.85, 1.15)
    return dict(zip(GROUPS, draw.tolist(), strict=True))


def rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices, float64 (..., 3, 3), of angle triples, float64 (..., 3)."""
    (cx, cy, cz), (sx, sy, sz) = (np.moveaxis(f(angles), -1, 0) for f in (np.cos, np.sin))
    matrix = np.empty((*angles.shape, 3))
    matrix[..., 0, 0] = cy * cz + sy * sx * sz
    matrix[..., 0, 1] = sy * sx * cz - cy * sz
    matrix[..., 0, 2] = sy * cx
    matrix[..., 1, 0] = cx * sz
    matrix[..., 1, 1] = cx * cz
    matrix[..., 1, 2] = -sx
    matrix[..., 2, 0] = cy * sx * sz - sy * cz
    matrix[..., 2, 1] = sy * sz + cy * sx * cz
    matrix[..., 2, 2] = cy * cx
    return matrix


def keypoints_3d(
    angles: NDArray[np.float64], scale: dict[str, float], names: tuple[str, ...]
) -> NDArray[np.float64]:
    """Forward kinematics, with the pelvis at the origin.

    Parameters
    ----------
    angles : float64 (n, 11 joints, 3), radians.
    scale : limb length factors, see ``proportions``.
    names : keypoints wanted, each the end of a limb.

    Returns
    -------
    float64 (n, len(names), 3), metres.
    """
    local = rotations(angles)
    turned: dict[str, NDArray[np.float64]] = {}
    for j, (joint, parent) in enumerate(PARENT.items()):
        turned[joint] = local[:, j] if parent is None else turned[parent] @ local[:, j]
    points = {"pelvis": np.zeros((len(angles), 3))}
    for limb in LIMBS:
        offset = scale[limb.scaled_by] * np.array(limb.offset_m)
        points[limb.end] = points[limb.start] + turned[limb.joint] @ offset
    return np.stack([points[name] for name in names], axis=1)
