"""Clean motion of synthetic individuals, without jitter of its own.

`MotionPool` holds long three-dimensional movements; `MotionPool.draw` reads a clip from it at a
random speed, with still phases, through a random camera. Every clip is a function of the seed
and of the generator that is given, and owes nothing to a dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.articulated_bodies import draw_body, forward_kinematics
from trainer.data.motion_signals import (
    activity,
    gait,
    gestures,
    reaches,
    read_at,
    rough_movement,
    smooth_noise,
)

POOL_SAMPLES = 2048
MARGIN = 4


@dataclass(frozen=True)
class Motion:
    """A movement: kind of body, float32 positions (N, J, 3), and each joint's mirrored joint."""

    kind: str
    positions: NDArray[np.float32]
    mirror: NDArray[np.intp]


@dataclass(frozen=True)
class CleanClip:
    """A clip: float32 (T, K, 2) in the plane of a camera, and each keypoint's mirrored one."""

    positions: NDArray[np.float32]
    mirror: NDArray[np.intp]


def draw_motion(rng: np.random.Generator, samples: int = POOL_SAMPLES) -> Motion:
    """A long movement of a random body."""
    kind, body = draw_body(rng)
    joints = len(body.parents)
    channels = joints * 3
    total = np.zeros((samples, channels))
    weights = rng.dirichlet([0.6, 0.6, 0.4, 0.8])
    total += weights[0] * gait(rng, samples, channels)
    total += weights[1] * reaches(rng, samples, channels)
    width = 12.0 * np.exp(rng.uniform(0.0, 2.5))
    total += weights[2] * smooth_noise(rng, samples, channels, width)
    total += weights[3] * rough_movement(rng, samples, channels)
    if rng.random() < 0.6:
        total *= np.repeat(activity(rng, samples, joints), 3, axis=1)
    quiet = np.exp(rng.uniform(np.log(0.1), np.log(1.5)))
    loud = np.where(rng.random(joints) < 0.35, 0.1, 1.0)
    angles = total.reshape(samples, joints, 3) * (body.freedom * loud * quiet)[None, :, None]
    angles += 0.5 * body.freedom[None, :, None] * rng.normal(size=(1, joints, 3))
    movable = np.unique(body.parents[body.parents > 0]) if joints > 4 else np.arange(1)
    if rng.random() < 0.6 and len(movable):
        amplitude = np.exp(rng.uniform(np.log(0.15), np.log(2.0)))
        quick = gestures(rng, samples, joints, movable).reshape(samples, joints, 3)
        angles += amplitude * quick
    sway = 0.01 * smooth_noise(rng, samples, channels, 60.0)
    angles += sway.reshape(samples, joints, 3)
    return Motion(kind, forward_kinematics(body, angles, _root(rng, samples)), body.mirror)


def _root(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Path of the root, (samples, 3): a walk, a bounce, or nearly nothing."""
    path = 0.01 * smooth_noise(rng, samples, 3, 100.0)
    size = float(np.exp(rng.uniform(np.log(0.02), np.log(1.5))))
    choice = rng.random()
    if choice < 0.2:
        path += 0.3 * size * rough_movement(rng, samples, 3)
    elif choice < 0.4:
        path += size * smooth_noise(rng, samples, 3, 40.0 * np.exp(rng.uniform(0.0, 2.0)))
    elif choice < 0.6:
        path += 0.3 * size * reaches(rng, samples, 3)
    elif choice < 0.75:
        path += 0.5 * size * gestures(rng, samples, 1, np.arange(1))
    elif choice < 0.85:
        path += 0.1 * size * gait(rng, samples, 3)
    pace = rng.normal(size=3) * np.exp(rng.uniform(np.log(1e-4), np.log(6e-3)))
    return path + np.arange(samples)[:, None] * pace


class MotionPool:
    """Movements made once and read many times.

    Parameters
    ----------
    seed : int
        Seed of the movements.
    size : int
        Number of movements.
    """

    def __init__(self, seed: int, size: int) -> None:
        self.motions = [draw_motion(np.random.default_rng((seed, 11, i))) for i in range(size)]
        self.by_count: dict[int, list[int]] = {}
        for i, motion in enumerate(self.motions):
            self.by_count.setdefault(len(motion.mirror), []).append(i)

    def draw(
        self, rng: np.random.Generator, frames: int, keypoints: int, frame_rate: float = 30.0
    ) -> CleanClip:
        """A clip of `frames` frames of exactly `keypoints` keypoints at `frame_rate` per second."""
        fitting = [i for n, own in self.by_count.items() if n >= keypoints for i in own]
        if not fitting:
            raise ValueError(
                f"expected at most {max(self.by_count)} keypoints, found {keypoints}; "
                "draw fewer or make a larger pool"
            )
        motion = self.motions[fitting[rng.integers(len(fitting))]]
        clock = frame_times(rng, frames, len(motion.positions), 30.0 / frame_rate)
        chosen = np.sort(rng.permutation(len(motion.mirror))[:keypoints])
        place = np.full(len(motion.mirror), -1)
        place[chosen] = np.arange(keypoints)
        mirror = place[motion.mirror[chosen]]
        mirror = np.where(mirror >= 0, mirror, np.arange(keypoints))
        positions = read_at(motion.positions[:, chosen], clock)
        if rng.random() < 0.5:
            positions = positions[::-1]
        return CleanClip(project(rng, positions), mirror)


def frame_times(
    rng: np.random.Generator, frames: int, samples: int, pace_factor: float = 1.0
) -> NDArray[np.float64]:
    """When the frames of a clip are taken, in samples of the pool, float64 (frames,).

    The speed of a clip spans a factor of 26; it varies within four clips of ten, and in half of
    those it rests for a while. The shortest movements take about 4 frames.
    """
    speed = pace_factor * float(np.exp(rng.uniform(np.log(0.35), np.log(9.0))))
    pace = np.full(frames, speed)
    if rng.random() < 0.4:
        wander = smooth_noise(rng, frames, 1, float(np.exp(rng.uniform(2.0, 3.8))))[:, 0]
        pace = pace * np.exp(0.6 * wander)
        if rng.random() < 0.5:
            gate = smooth_noise(rng, frames, 1, float(np.exp(rng.uniform(2.0, 3.5))))[:, 0]
            pace = pace / (1.0 + np.exp(-6.0 * gate - 1.0))
    clock = np.cumsum(pace)
    room = samples - 2 * MARGIN
    if clock[-1] - clock[0] > room:
        clock = clock * room / (clock[-1] - clock[0])
    start = MARGIN + rng.uniform(0.0, max(room - (clock[-1] - clock[0]), 0.0))
    return clock - clock[0] + start


def project(rng: np.random.Generator, positions: NDArray) -> NDArray[np.float32]:
    """Random perspective camera, turned about the line of sight; (T, K, 3) to (T, K, 2)."""
    points = positions - positions.mean((0, 1))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    if rng.random() < 0.6:  # a camera at eye level sees the vertical axis upright
        angle = rng.uniform(0.0, 2 * np.pi)
        turn = np.array(
            [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
        )
        tilt = 0.3 * rng.normal()
        roll = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0]])
        turn = np.concatenate([roll, [[0, 0, 1]]]) @ turn
    points = points @ turn.T
    extent = np.abs(points[..., 2]).max() + 1e-6
    distance = extent * np.exp(rng.uniform(np.log(2.0), np.log(20.0)))
    flat = points[..., :2] * (distance / (distance + points[..., 2:]))
    return flat.astype(np.float32)
