"""Synthetic motion: smooth, at many speeds, and a function of its seed."""

from __future__ import annotations

import numpy as np
import pytest

from pose_smoother.pretrained.features import body_size
from trainer.data.articulated_bodies import Body, draw_body, forward_kinematics
from trainer.data.clean_motion import MotionPool, draw_motion


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool(0, 24)


def test_a_motion_is_a_function_of_its_seed() -> None:
    first = draw_motion(np.random.default_rng(3), 300)
    second = draw_motion(np.random.default_rng(3), 300)
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.positions.shape[0] == 300


def test_a_clip_has_the_shape_that_was_asked_for(pool: MotionPool) -> None:
    clip = pool.draw(np.random.default_rng(0), 70, 11)
    assert clip.positions.shape == (70, 11, 2)
    assert clip.positions.dtype == np.float32
    assert np.isfinite(clip.positions).all()
    np.testing.assert_array_equal(clip.mirror[clip.mirror], np.arange(11))


def test_too_many_keypoints_are_refused(pool: MotionPool) -> None:
    with pytest.raises(ValueError, match="found 500"):
        pool.draw(np.random.default_rng(0), 70, 500)


def test_motion_has_no_jitter_and_many_speeds(pool: MotionPool) -> None:
    rng = np.random.default_rng(1)
    speeds, jitter = [], []
    for _ in range(60):
        x = pool.draw(rng, 120, 9).positions.astype(float)
        size = body_size(x)
        speeds.append(np.median(np.linalg.norm(np.diff(x, axis=0), axis=-1)) / size)
        fourth = np.linalg.norm(np.diff(x, 4, axis=0), axis=-1)
        jitter.append(np.median(fourth) / np.sqrt(70.0) / size)
    assert np.median(jitter) < 3e-4
    assert np.quantile(speeds, 0.9) > 10 * np.quantile(speeds, 0.1)


def test_limbs_keep_their_length() -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        _, body = draw_body(rng)
        joints = len(body.parents)
        angles = rng.normal(size=(20, joints, 3))
        x = forward_kinematics(body, angles, rng.normal(size=(20, 3)))
        for j, parent in enumerate(body.parents):
            if parent >= 0:
                length = np.linalg.norm(x[:, j] - x[:, parent], axis=-1)
                np.testing.assert_allclose(length, np.linalg.norm(body.offsets[j]), atol=1e-4)


def test_a_quarter_turn_of_the_parent_turns_the_child() -> None:
    body = Body(
        np.array([-1, 0]), np.array([[0, 0, 0], [1.0, 0, 0]]), np.zeros(2), np.array([0, 1])
    )
    angles = np.zeros((1, 2, 3))
    angles[0, 0, 2] = np.pi / 2
    x = forward_kinematics(body, angles, np.zeros((1, 3)))
    np.testing.assert_allclose(x[0, 1], [0.0, 1.0, 0.0], atol=1e-6)
