"""What ``pipeline bench`` times, and what was wanted."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.bench.chain import PLAIN, Round
from pipeline.bench.naive import scipy_maps
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pose_smoother.bench.goals import Goal, speed_up
from pose_smoother.bench.timing import interleaved
from pose_smoother.heatmap import SIZE
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.rendered_frames import RenderedFrames

FULL_SIZE_FRAMES = 360_000
RENDER_GOAL, CHAIN_GOAL = 100.0, 20.0
FULL_SIZE_GOAL_S, MEMORY_GOAL_GB, FRAME_GOAL_BYTES = 120.0, 1.5, 350.0


def sample_inputs(sample: Path) -> Inputs:
    """Both datasets of a folder that ``pipeline sample`` wrote."""
    paths: dict[str, PathOrUrl] = {
        "brace": sample / "brace",
        "penn-action": sample / "penn_action" / "labels",
    }
    return Inputs(paths, SourceOptions({"brace-manual": sample / "brace" / "manual_keypoints"}))


def render_goal(repeats: int = 30) -> Goal:
    """64 frames of a shard, all keypoints there, by numpy in one thread, into reused memory."""
    random = np.random.default_rng(0)
    keypoints = random.integers(0, SIZE, (64, N_KEYPOINTS, 2))
    there = np.ones(keypoints.shape[:2], bool)
    rows = RenderedFrames(keypoints, there)
    sides: dict[str, Callable[[], object]] = {
        "shard": lambda: rows[:],
        "scipy": lambda: scipy_maps(keypoints[:1], there[:1]),
    }
    note = f"{len(keypoints)} frames (scipy: 1), all {N_KEYPOINTS} keypoints, 1 thread"
    return speed_up(
        "render targets, for a shard", "scipy, map by map", RENDER_GOAL,
        interleaved(sides, repeats), ("shard", "scipy"), note, len(keypoints),
    )  # fmt: skip


def chain_goals(rounds: Sequence[Round], kind: str, n_workers: int, saved_by: str) -> list[Goal]:
    """What rounds of one format and of the plain way come to.

    Parameters
    ----------
    saved_by : what the plain way writes a frame with.
    """
    ours = [one for one in rounds if one.side == kind]
    plain = [one for one in rounds if one.side == PLAIN]
    n_frames = ours[0].n_frames
    what_s = statistics.median(one.wall_s for one in ours)
    against_s = statistics.median(one.seconds_of(n_frames) for one in plain)
    n_plain = sum(one.n_frames for one in plain)
    note = f"{n_frames} frames, {kind}, {n_workers} workers"
    limits = [
        (
            f"preprocess {FULL_SIZE_FRAMES} frames at this rate",
            FULL_SIZE_GOAL_S,
            what_s / n_frames * FULL_SIZE_FRAMES,
            "s",
        ),
        (
            "preprocess, memory of all processes",
            MEMORY_GOAL_GB,
            max(one.peak_gb for one in ours),
            "GB",
        ),
        ("a stored frame", FRAME_GOAL_BYTES, ours[0].bytes_a_frame, "bytes"),
    ]
    return [
        Goal(
            "preprocess",
            f"scipy a map, {saved_by} a frame, 1 process",
            CHAIN_GOAL,
            True,
            times(rounds, kind),
            "x",
            what_s,
            against_s,
            len(ours),
            f"{note}; the plain side from {n_plain} frames, unflushed",
            cpu_ratio=cpu_times(rounds, kind),
        ),
        *(
            Goal(what, "", goal, False, measured, unit, what_s, repeats=len(ours), note=note)
            for what, goal, measured, unit in limits
        ),
    ]


def times(rounds: Sequence[Round], kind: str, flushed: bool = False) -> float:
    """How many times as fast as the plain way by the clock: the median over rounds.

    Parameters
    ----------
    flushed : whether the plain way's flush counts too, as ours does.
    """
    return statistics.median(every_times(rounds, kind, flushed))


def every_times(rounds: Sequence[Round], kind: str, flushed: bool = False) -> list[float]:
    """The same round by round: both sides of one met the same neighbours."""
    return [
        plain.seconds_of(ours.n_frames, flushed) / ours.wall_s
        for ours, plain in _pairs(rounds, kind)
    ]


def cpu_times(rounds: Sequence[Round], kind: str) -> float:
    """How many times as much of the processor the plain way takes: the median over rounds."""
    pairs = _pairs(rounds, kind)
    return statistics.median(
        plain.cpu_seconds_of(ours.n_frames) / ours.cpu_s for ours, plain in pairs
    )


def _pairs(rounds: Sequence[Round], kind: str) -> list[tuple[Round, Round]]:
    ours = [one for one in rounds if one.side == kind]
    return list(zip(ours, [one for one in rounds if one.side == PLAIN], strict=True))
