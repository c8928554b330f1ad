"""Batches of simulated detections, made by worker processes in an order that the seed fixes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.pretrained.features import body_size, prepare
from trainer.data.clean_motion import MotionPool
from trainer.noise.detector_profiles import draw_parameters
from trainer.noise.realistic import simulate

KEYPOINT_COUNTS = (2, 4, 5, 7, 7, 8, 11, 12, 13, 17, 17, 19, 23, 26)
POSITIONS = 9000  # keypoints times frames in a batch
# Shares of clips.
CLEAN = 0.03  # without noise
NEARLY_CLEAN = 0.05
LARGE_WHITE = 0.1
QUEUED = 3


@dataclass
class Batch:
    """B clips of T frames and K keypoints; see `pose_smoother.pretrained.features.Prepared`.

    Attributes
    ----------
    target, noisy : float32 array, shape (B, T, K, 2)
        About the centre that was taken from the inputs; `noisy` is NaN at missing points.
    size : float32 array, shape (B,)
        Body size of the clean motion.
    """

    inputs: NDArray[np.float32]
    neighbours: NDArray[np.float32]
    valid: NDArray[np.bool_]
    filled: NDArray[np.float32]
    medians: NDArray[np.float32]
    observed: NDArray[np.bool_]
    unit: NDArray[np.float32]
    target: NDArray[np.float32]
    noisy: NDArray[np.float32]
    size: NDArray[np.float32]


@dataclass
class Clip:
    """Simulated detections of one individual.

    Attributes
    ----------
    noisy, target : float array, shape (T, K, 2)
        `noisy` is NaN at missing points.
    scores : float array, shape (T, K)
    size : float
        Body size of the clean motion.
    """

    noisy: NDArray[Any]
    target: NDArray[Any]
    scores: NDArray[Any]
    size: float


def draw_clips(
    pool: MotionPool, rng: np.random.Generator, positions: int = POSITIONS, clean: float = CLEAN
) -> list[Clip]:
    """Clips of the same random number of keypoints and frames, a share of them without noise."""
    keypoints = int(KEYPOINT_COUNTS[rng.integers(len(KEYPOINT_COUNTS))])
    frames = int(np.exp(rng.uniform(np.log(40.0), np.log(240.0))))
    count = max(2, positions // (keypoints * frames))
    return [_draw_clip(pool, rng, frames, keypoints, clean) for _ in range(count)]


def draw_batch(pool: MotionPool, rng: np.random.Generator, positions: int = POSITIONS) -> Batch:
    """One batch of whole clips as the network sees them."""
    rows = []
    for clip in draw_clips(pool, rng, positions):
        ready = prepare(clip.noisy, clip.scores)
        centre = ready.centre.astype(np.float32)
        rows.append((
            ready.inputs(), ready.neighbours, ready.valid, ready.filled, ready.medians,
            ready.observed, ready.unit, clip.target - centre, clip.noisy - centre,
            np.float32(clip.size),
        ))  # fmt: skip
    return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))


def _draw_clip(
    pool: MotionPool, rng: np.random.Generator, frames: int, keypoints: int, clean: float
) -> Clip:
    rate = float(np.exp(rng.uniform(np.log(18.0), np.log(75.0))))
    clip = pool.draw(rng, frames, keypoints, rate)
    size = body_size(clip.positions)
    parameters = draw_parameters(rng, frame_rate=rate)
    choice = rng.random() - clean
    if choice < 0.0:  # input that is clean already has to stay
        parameters = replace(
            parameters, sd=0.0, offset=0.0, outlier_rate=0.0, grid_step=0.0, lag_frames=0.0
        )
    elif choice < NEARLY_CLEAN:
        parameters = replace(parameters, sd=parameters.sd * 0.05, grid_step=0.0)
    elif choice < NEARLY_CLEAN + LARGE_WHITE:  # the chapter's noise, which no detector has
        parameters = replace(
            parameters, sd=float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))),
            shares=(1.0, 0.0, 0.0, 0.0), tail_dof=0.0, volatility=0.0, speed_growth=0.0,
            keypoint_spread=0.0, limb_correlation=0.0, outlier_rate=0.0, grid_step=0.0,
            lag_frames=0.0,
        )  # fmt: skip
    made = simulate(clip.positions, rng, parameters, clip.mirror)
    return Clip(made.noisy, made.target, made.scores, size)


def batches(
    seed: int,
    pool_size: int,
    start: int,
    workers: int,
    draw: Callable[[MotionPool, np.random.Generator], Any] = draw_batch,
) -> Generator[tuple[int, Any]]:
    """Endless (index, batch) from `start` on; batch i is the same for any number of workers."""
    context = multiprocessing.get_context("fork")
    pool = MotionPool(seed, pool_size)
    queues = [context.Queue(QUEUED) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work, args=(draw, pool, seed, start + w, workers, queues[w]), daemon=True
        )
        for w in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        index = start
        while True:
            queue = queues[(index - start) % workers]
            yield index, queue.get(timeout=300)
            index += 1
    finally:
        for process in processes:
            process.terminate()


def _work(
    draw: Callable[[MotionPool, np.random.Generator], Any],
    pool: MotionPool,
    seed: int,
    first: int,
    step: int,
    queue: multiprocessing.Queue,
) -> None:
    index = first
    while True:
        queue.put(draw(pool, np.random.default_rng((seed, 12, index))))
        index += step
