"""Synthetic BRACE videos: segment files, manual frames and annotation tables as released.

The dance is continuous through a video, so that neighbouring segments that share frames agree on
them. Every video has flaws of the real data: shared frames, gaps, shot cuts, keypoints outside the
picture.
"""

import csv
import io
import json
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.sources.brace_segment import COCO
from pipeline.synthetic.actions import DANCES, dance_pose
from pipeline.synthetic.body import keypoints_3d, proportions
from pipeline.synthetic.camera import View, project
from pipeline.synthetic.motion import between_key_poses, wander
from pose_smoother.seeds import SAMPLE, rng

WIDTH, HEIGHT = 1920, 1080
_YEARS = (2011, 2013, 2014, 2017, 2018, 2020)
_DANCERS = ("el niño", "ana", "b-boy zero", "lil sample", "storm", "=cue")
_MANUAL_EVERY = 12
_MEAN_FRAMES = 120
_ID_LETTERS = np.array(list(string.ascii_letters + string.digits + "_-"))
_HIPS = [COCO.index("left_hip"), COCO.index("right_hip")]


@dataclass(frozen=True)
class Segment:
    """One annotated run of a dancer; both end frames belong to it."""

    start: int
    end: int
    dance: str
    sequence: int
    dancer: str


@dataclass(frozen=True)
class Video:
    """What is annotated of one video.

    Attributes
    ----------
    keypoints : float64 (n, 17, 2), exact positions of the frames from ``first_frame`` on.
    interpolated : the same as the dataset's interpolation would have it, off by a pixel or two.
    cuts : first frames of new shots.
    missing : frames of its segments that have no annotation.
    """

    id: str
    year: int
    fps: float
    segments: tuple[Segment, ...]
    first_frame: int
    keypoints: NDArray[np.float64]
    interpolated: NDArray[np.float64]
    cuts: tuple[int, ...]
    missing: frozenset[int]

    def without_keypoints(self) -> "Video":
        """The same without its positions: what the tables need, however many videos there are."""
        empty = np.empty((0, len(COCO), 2))
        return replace(self, keypoints=empty, interpolated=empty)


def video(seed: int, index: int, n_segments: int) -> Video:
    """One video; it depends on the arguments alone."""
    generator = rng(seed, SAMPLE, 1, index)
    letters = _ID_LETTERS[generator.integers(0, len(_ID_LETTERS), 11)]
    front = {0: "-", 1: "_"}.get(index % 4, letters[0])
    fps = 25.0 if generator.random() < 58 / 81 else 29.97002997
    segments = _segments(generator, n_segments)
    first, last = segments[0].start, segments[-1].end
    frames = np.arange(first, last + 1)
    cuts = _cuts(generator, segments)
    exact = _dance(generator, frames / fps, frames, segments, cuts)
    drift_px = 1.5 * wander(generator, frames / fps, (len(COCO), 2), 0.2, 1.0)
    missing = set()
    for i, segment in enumerate(segments):
        if i == 0 or generator.random() < 0.15:
            start = int(generator.integers(segment.start + 5, segment.end - 8))
            missing |= set(range(start, start + int(generator.integers(1, 5))))
    return Video(
        id=front + "".join(letters[1:]),
        year=int(generator.choice(_YEARS)),
        fps=fps,
        segments=segments,
        first_frame=first,
        keypoints=exact,
        interpolated=exact + drift_px,
        cuts=cuts,
        missing=frozenset(missing),
    )


def _segments(generator: np.random.Generator, n: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    start = int(generator.integers(100, 2000))
    for i in range(n):
        length = int(np.clip(generator.lognormal(np.log(0.88 * _MEAN_FRAMES), 0.5), 27, 600))
        dancer = _DANCERS[(i // 3 + start) % len(_DANCERS)] if i % 3 == 0 else segments[-1].dancer
        dance = DANCES[int(generator.integers(len(DANCES)))]
        segments.append(Segment(start, start + length - 1, dance, i // 3, dancer))
        if i % 3 == 2:  # the other dancer's turn
            start += length + int(generator.integers(30, 90))
        else:
            shared = int(generator.choice([0, 1, 2, 3, -6], p=[0.1, 0.1, 0.5, 0.1, 0.2]))
            start += length - (shared if i else 2)
    return tuple(segments)


def _cuts(generator: np.random.Generator, segments: tuple[Segment, ...]) -> tuple[int, ...]:
    """A cut in every pause, and within some segments: the first and one in eight of the others."""
    cuts = [a.end + 4 for a, b in pairwise(segments) if b.start > a.end + 8]
    for i, segment in enumerate(segments):
        if i == 0 or generator.random() < 1 / 8:
            cuts.append(int(generator.integers(segment.start + 8, segment.end - 8)))
    return tuple(sorted(set(cuts)))


def _dance(
    generator: np.random.Generator,
    times_s: NDArray[np.float64],
    frames: NDArray[np.int64],
    segments: tuple[Segment, ...],
    cuts: tuple[int, ...],
) -> NDArray[np.float64]:
    """Positions (n, 17, 2) in pixels through the whole video."""
    n_keys = int((times_s[-1] - times_s[0]) / 0.3) + 4
    intervals_s = np.clip(generator.lognormal(np.log(0.6), 0.4, n_keys), 0.3, 2.0)
    key_times_s = times_s[0] + np.cumsum(intervals_s) - 2 * intervals_s[0]
    n_keys = int(np.searchsorted(key_times_s, times_s[-1])) + 2
    starts = np.interp(key_times_s[:n_keys], times_s, frames)
    owner = np.searchsorted([s.start for s in segments], starts, side="right") - 1
    poses, turn = [], 0.0
    for i in np.maximum(owner, 0):
        dance = segments[i].dance
        turn += generator.normal(0, 110 if dance == "powermove" else 35)
        poses.append(dance_pose(dance, turn, generator))
    moving = generator.uniform(0.6, 1, n_keys - 1)
    angles = between_key_poses(times_s, key_times_s[:n_keys], np.stack(poses), moving)
    angles += 0.03 * wander(generator, times_s, angles.shape[1:], 0.2, 2.0)
    points = keypoints_3d(angles, proportions(generator), COCO)
    points[..., [0, 2]] -= points[:, _HIPS][..., [0, 2]].mean(axis=1, keepdims=True)
    points[..., 1] -= points[..., 1].min(axis=1, keepdims=True)  # somebody's foot is on the floor
    points[..., [0, 2]] += 0.25 * wander(generator, times_s, (1, 2), 0.05, 0.5)
    points[..., 1] -= 0.8
    shot = np.searchsorted(cuts, frames, side="right")
    picture = np.empty((len(frames), len(COCO), 2))
    for s in np.unique(shot):
        here = shot == s
        picture[here] = project(points[here], times_s[here], _view(generator, int(s)), generator)
    return picture


def _view(generator: np.random.Generator, shot: int) -> View:
    """A shot; every fourth is so close that limbs leave the picture."""
    close = shot % 4 == 1
    return View(
        azimuth=generator.uniform(-1.2, 1.2),
        elevation=generator.uniform(0, 0.4),
        distance_m=generator.uniform(5, 10),
        px_per_m=generator.uniform(560, 700) if close else generator.uniform(220, 420),
        centre_px=(WIDTH * generator.uniform(0.35, 0.65), HEIGHT * generator.uniform(0.45, 0.6)),
        pan_px=generator.uniform(5, 40),
    )


def segment_files(video: Video) -> list[tuple[str, bytes]]:
    """(path below the dataset's root, bytes) of a video's segment files and manual frames."""
    files = []
    ending = ".json.json" if sum(map(ord, video.id)) % 4 else ".json"
    folder = f"{video.year}/{video.id}"
    for segment in video.segments:
        name = f"{video.id}_{segment.start}-{segment.end}_{segment.dance}{ending}"
        files.append((f"dataset/{folder}/{name}", _segment_json(video, segment)))
        for frame in range(segment.start, segment.end + 1):
            if frame % _MANUAL_EVERY == 0 and frame not in video.missing:
                manual = np.zeros((len(COCO), 3))
                manual[:, :2] = video.keypoints[frame - video.first_frame].round(2)
                file = io.BytesIO()
                np.savez(file, coco_joints2d=manual)
                name = f"manual_keypoints/{folder}/img-{frame:06d}.npz"
                files.append((name, file.getvalue()))
    return files


def _segment_json(video: Video, segment: Segment) -> bytes:
    offset = video.first_frame
    positions = video.interpolated[segment.start - offset : segment.end + 1 - offset]
    scored = np.concatenate([positions, np.ones((*positions.shape[:2], 1))], axis=-1)
    low, high = positions.min(axis=1) - 20, positions.max(axis=1) + 20
    boxes = np.concatenate([low, high - low, np.ones((len(low), 1))], axis=1)
    rows = zip(
        range(segment.start, segment.end + 1),
        boxes.round(2).tolist(),
        scored.round(2).tolist(),
        strict=True,
    )
    table = {
        f"{video.id}/img-{frame:06d}.png": {"box": box, "keypoints": keypoints}
        for frame, box, keypoints in rows
        if frame not in video.missing
    }
    return json.dumps(table).encode()


def tables(videos: list[Video]) -> dict[str, bytes]:
    """The annotation tables of all videos, by file name."""
    segments, sequences, infos = [], [], []
    for v in videos:
        for s in v.segments:
            dancer = (s.dancer, _DANCERS.index(s.dancer), v.year)
            uid = f"{v.id}.{s.start}.{s.end}"
            span = (v.id, s.sequence, s.start, s.end)
            segments.append((*span, s.dance, DANCES.index(s.dance), *dancer, uid))
        for number in sorted({s.sequence for s in v.segments}):
            run = [s for s in v.segments if s.sequence == number]
            dancer = (run[0].dancer, _DANCERS.index(run[0].dancer), v.year)
            span = (v.id, number, run[0].start, run[-1].end)
            sequences.append((*span, *dancer, f"{v.id}.{number}"))
        seconds = round((v.segments[-1].end + 100) / v.fps, 3)
        link = f"https://www.youtube.com/watch?v={v.id}"
        infos.append((v.id, link, v.year, seconds, f"{v.fps:.10g}", f"{WIDTH}x{HEIGHT}"))
    who = ("dancer", "dancer_id", "year", "uid")
    span_columns = ("video_id", "seq_idx", "start_frame", "end_frame")
    info_columns = ("video_id", "video_url", "year", "duration", "fps", "resolution")
    cuts = {v.id: list(v.cuts) for v in videos}
    return {
        "segments.csv": _csv((*span_columns, "dance_type", "dance_type_id", *who), segments),
        "sequences.csv": _csv((*span_columns, *who), sequences),
        "videos_info.csv": _csv(info_columns, infos),
        "shot_boundaries.json": json.dumps(cuts, indent=2).encode(),
    }


def _csv(columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue().encode()
