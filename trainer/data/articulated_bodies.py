"""Random articulated individuals: people, hands, four-legged animals, insects, eyes, rigid things.

A body is a kinematic tree in three dimensions: every keypoint hangs on a parent by an offset that
the parent's rotation turns. Proportions, the keypoints that exist, and how freely each joint moves
are random; nothing is taken from a dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Body:
    """A kinematic tree.

    Attributes
    ----------
    parents : int array, shape (J,)
        Index of the parent, smaller than the joint's own; -1 for the root.
    offsets : float64 array, shape (J, 3)
        Position in the frame of the parent; a human torso is about 0.5.
    freedom : float64 array, shape (J,)
        Amplitude of the joint's rotation, rad.
    mirror : int array, shape (J,)
        The joint of the other side, or the joint itself.
    """

    parents: NDArray[np.intp]
    offsets: NDArray[np.float64]
    freedom: NDArray[np.float64]
    mirror: NDArray[np.intp]


class _Tree:
    """Collects joints; a limb is a chain on both sides."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.freedom: list[float] = []
        self.mirror: list[int] = []

    def add(self, parent: int, offset: list[float], freedom: float) -> int:
        self.parents.append(parent)
        self.offsets.append(offset)
        self.freedom.append(freedom)
        self.mirror.append(len(self.parents) - 1)
        return len(self.parents) - 1

    def both(self, left: int, right: int, offset: list[float], freedom: float) -> tuple[int, int]:
        a = self.add(left, offset, freedom)
        b = self.add(right, [-offset[0], *offset[1:]], freedom)
        self.mirror[a], self.mirror[b] = b, a
        return a, b

    def body(self, rng: np.random.Generator) -> Body:
        offsets = np.asarray(self.offsets, float)
        stretch = np.exp(0.15 * rng.normal(size=len(offsets)))
        mirror = np.asarray(self.mirror, np.intp)
        stretch = np.where(mirror < np.arange(len(mirror)), stretch[mirror], stretch)
        freedom = np.asarray(self.freedom) * np.exp(0.3 * rng.normal(size=len(offsets)))
        return Body(np.asarray(self.parents, np.intp), offsets * stretch[:, None], freedom, mirror)


def human(rng: np.random.Generator) -> Body:
    """A person of up to 30 keypoints, y up, 1.7 tall."""
    t = _Tree()
    hips = t.add(-1, [0.0, 0.0, 0.0], 0.25)
    spine = t.add(hips, [0.0, 0.25, 0.0], 0.2)
    neck = t.add(spine, [0.0, 0.27, 0.0], 0.2)
    head = t.add(neck, [0.0, 0.12, 0.04], 0.35)
    t.add(head, [0.0, 0.03, 0.1], 0.0)
    t.both(head, head, [0.035, 0.06, 0.08], 0.0)
    t.both(head, head, [0.075, 0.03, 0.0], 0.0)
    t.add(head, [0.0, 0.2, 0.0], 0.0)
    sides = t.both(neck, neck, [0.18, -0.04, 0.0], 0.8)
    sides = t.both(*sides, [0.05, -0.28, 0.0], 0.8)
    sides = t.both(*sides, [0.02, -0.25, 0.05], 0.5)
    if rng.random() < 0.4:
        t.both(*sides, [0.0, -0.08, 0.03], 0.3)
        t.both(*sides, [0.03, -0.1, 0.01], 0.3)
    legs = t.both(hips, hips, [0.1, -0.04, 0.0], 0.5)
    legs = t.both(*legs, [0.01, -0.42, 0.02], 0.5)
    legs = t.both(*legs, [0.0, -0.42, -0.03], 0.3)
    t.both(*legs, [0.02, -0.06, 0.18], 0.1)
    t.both(*legs, [0.0, -0.06, -0.05], 0.0)
    return t.body(rng)


def hand(rng: np.random.Generator) -> Body:
    """A hand of 21 keypoints."""
    t = _Tree()
    wrist = t.add(-1, [0.0, 0.0, 0.0], 0.4)
    for finger in range(5):
        x = 0.12 * (finger - 2)
        joint = t.add(wrist, [x, 0.4 - 0.04 * abs(finger - 2), 0.05 * rng.normal()], 0.3)
        for length in (0.2, 0.14, 0.1):
            joint = t.add(joint, [0.03 * (finger - 2), length, 0.0], 0.5)
    return t.body(rng)


def animal(rng: np.random.Generator) -> Body:
    """A four-legged animal or an insect: a spine along z, legs in pairs, a tail."""
    t = _Tree()
    insect = rng.random() < 0.3
    middle = t.add(-1, [0.0, 0.0, 0.0], 0.15)
    front = t.add(middle, [0.0, 0.0, 0.3], 0.15)
    head = t.add(front, [0.0, 0.08, 0.2], 0.35)
    t.add(head, [0.0, -0.03, 0.15], 0.1)
    if rng.random() < 0.7:
        t.both(head, head, [0.06, 0.08, 0.0], 0.15)
    rear = t.add(middle, [0.0, 0.0, -0.3], 0.15)
    tail = t.add(rear, [0.0, 0.0, -0.1], 0.3)
    for _ in range(int(rng.integers(0, 4))):
        tail = t.add(tail, [0.0, 0.0, -0.15], 0.4)
    legs = 3 if insect else 2
    height = float(np.exp(rng.uniform(-0.7, 0.5)))
    for i in range(legs):
        root = (front, rear, middle)[i]
        pair = t.both(root, root, [0.1, -0.05, 0.0], 0.5)
        for length in (0.2, 0.2, 0.08)[: int(rng.integers(1, 4))]:
            pair = t.both(*pair, [0.05 if insect else 0.0, -length * height, 0.02], 0.6)
    return t.body(rng)


def few_points(rng: np.random.Generator) -> Body:
    """Two to six points that move on their own or as one rigid thing."""
    t = _Tree()
    root = t.add(-1, [0.0, 0.0, 0.0], 0.3)
    loose = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 6))):
        t.add(root, list(0.4 * rng.normal(size=3)), 0.0)
    body = t.body(rng)
    freedom = np.where(body.parents < 0, 0.8 if loose else 0.3, 0.0)
    return Body(body.parents, body.offsets, freedom, np.arange(len(freedom)))


def random_tree(rng: np.random.Generator) -> Body:
    """A tree of 4 to 30 joints without any plan."""
    t = _Tree()
    t.add(-1, [0.0, 0.0, 0.0], 0.3)
    for j in range(1, int(rng.integers(4, 31))):
        parent = max(0, j - 1 - int(rng.geometric(0.5)) + 1)
        t.add(parent, list(0.2 * rng.normal(size=3)), float(rng.uniform(0.0, 0.7)))
    return t.body(rng)


def draw_body(rng: np.random.Generator) -> tuple[str, Body]:
    """A random body and the name of its kind."""
    kinds = {
        "human": (0.42, human),
        "hand": (0.1, hand),
        "animal": (0.25, animal),
        "few_points": (0.13, few_points),
        "random_tree": (0.1, random_tree),
    }
    names = list(kinds)
    name = names[rng.choice(len(names), p=[kinds[n][0] for n in names])]
    return name, kinds[name][1](rng)


def forward_kinematics(
    body: Body, angles: NDArray[np.float64], root: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Positions of all joints.

    Parameters
    ----------
    body : Body
    angles : float64 array, shape (T, J, 3), rad
        Rotation of each joint about x, y and z.
    root : float64 array, shape (T, 3)
        Position of the root.

    Returns
    -------
    float32 array, shape (T, J, 3)
    """
    local = _rotations(angles)
    turned: list[NDArray[np.float64]] = []
    places: list[NDArray[np.float64]] = []
    for j, parent in enumerate(body.parents):
        if parent < 0:
            turned.append(local[:, j])
            places.append(root)
            continue
        places.append(places[parent] + turned[parent] @ body.offsets[j])
        turned.append(turned[parent] @ local[:, j])
    return np.stack(places, 1).astype(np.float32)


def _rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices z y x of angles (..., 3), shape (..., 3, 3)."""
    c, s = np.cos(angles), np.sin(angles)
    (cx, cy, cz), (sx, sy, sz) = (np.moveaxis(v, -1, 0) for v in (c, s))
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)
