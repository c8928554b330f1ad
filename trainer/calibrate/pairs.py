"""Detections with the ground truth of the same person and frame, in heatmap pixels.

Boxes are cut around the ground truth and mapped onto 0 ... 55 on each axis, as in training, so that
an error here is an error there.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pose_smoother.boxes import DEFAULT_EXPAND, LAST_PIXEL, boxes_around, to_heatmap
from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import N_KEYPOINTS

#: A detection whose keypoints are further away than this is someone else's: median distance as a
#: share of the diagonal of the ground truth's box. Asked only where a video has several people.
LARGEST_DISTANCE = 0.5
_NAMES_TOLD = 5


@dataclass(frozen=True)
class Pairs:
    """Frames that both files have, by video and in time order.

    Attributes
    ----------
    truth, detected : float64 (n, 25, 2), heatmap pixels; NaN where not annotated, not detected.
    speed : float64 (n, 25, 2), the truth's motion a frame, in pixels of that frame's heatmap; NaN
        where a neighbouring frame is absent.
    video : int64 (n,), number of the video, ascending.
    videos : name of each.
    follows : bool (n,), whether the row is the next frame of the one before it, same person.
    known : bool (25,), keypoints that both files have.
    counts : what else was found, by what it is: frames of the truth by their fate.
    warnings : what was assumed or left out, a sentence each.
    """

    truth: NDArray[np.float64]
    detected: NDArray[np.float64]
    speed: NDArray[np.float64]
    video: NDArray[np.int64]
    videos: tuple[str, ...]
    follows: NDArray[np.bool_]
    known: NDArray[np.bool_]
    counts: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """Bool (n, 25): annotated, and of a keypoint that both files have."""
        return np.isfinite(self.truth[..., 0]) & self.known

    @property
    def errors(self) -> NDArray[np.float64]:
        """Float64 (n, 25, 2): detected minus true; NaN where no pair exists."""
        return np.where(self.known[:, None], self.detected - self.truth, np.nan)


def pair_up(
    detections: Poses,
    truth: Poses,
    of_detections: KeypointMapping,
    of_truth: KeypointMapping,
    min_score: float | None = None,
    expand: float = DEFAULT_EXPAND,
    keep_aspect: bool = False,
) -> Pairs:
    """Match persons by video and frame, and bring both into the heatmap of the truth's box.

    Parameters
    ----------
    of_detections, of_truth : the index of the 25 keypoints in each file.
    min_score : a keypoint with a lower score counts as missed; None takes all.
    expand, keep_aspect : how boxes are cut around the truth.

    Raises
    ------
    InvalidInputError : no keypoint, video or frame in common.
    """
    known = (of_detections.index >= 0) & (of_truth.index >= 0)
    if not known.any():
        raise InvalidInputError(
            f"no keypoint in common: the detections have {', '.join(detections.names)}, the ground "
            f"truth has {', '.join(truth.names)}; name them in a --map FILE"
        )
    by_video, warnings = _same_videos(detections, truth)
    counts = dict.fromkeys(
        ("frames compared", "frames without a detection", "frames without a box"), 0
    )
    parts = []
    for name, (found, real) in sorted(by_video.items()):
        match = _matched_persons(found, real, of_detections, of_truth, min_score)
        for track in real:
            boxes, _ = boxes_around(keypoints_25(track.keypoints, of_truth), expand, keep_aspect)
            parts.append((name, *_track_rows(track, match, of_truth, boxes, counts)))
    parts = [part for part in parts if len(part[1])]
    counts["frames compared"] = sum(len(part[1]) for part in parts)
    if not parts:
        raise InvalidInputError(
            "no frame has both a detection and a ground truth with a box: are the frame numbers of "
            f"the two files the same? Detections have {_frames_of(detections)}, the ground truth "
            f"has {_frames_of(truth)}"
        )
    names = tuple(dict.fromkeys(part[0] for part in parts))
    numbers = {name: i for i, name in enumerate(names)}
    return Pairs(
        truth=np.concatenate([part[1] for part in parts]),
        detected=np.concatenate([part[2] for part in parts]),
        speed=np.concatenate([part[3] for part in parts]),
        video=np.concatenate([np.full(len(part[1]), numbers[part[0]]) for part in parts]),
        videos=names,
        follows=np.concatenate([part[4] for part in parts]),
        known=known,
        counts=counts,
        warnings=warnings,
    )


def keypoints_25(keypoints: NDArray[np.float64], mapping: KeypointMapping) -> NDArray[np.float64]:
    """A file's keypoints (n, J, 2) as our 25; NaN for those that it hasn't."""
    chosen = keypoints[:, np.maximum(mapping.index, 0)]
    return np.where((mapping.index >= 0)[:, None], chosen, np.nan)


def _same_videos(
    detections: Poses, truth: Poses
) -> tuple[dict[str, tuple[list[Track], list[Track]]], tuple[str, ...]]:
    """Tracks by video; where each file has but one video, their names need not agree."""
    found, real = _by_video(detections), _by_video(truth)
    if len(found) == len(real) == 1:
        (name, tracks), (other,) = next(iter(real.items())), found.values()
        return {name: (other, tracks)}, ()
    both = found.keys() & real.keys()
    if not both:
        raise InvalidInputError(
            f"no video in common: the detections have {_listed(found)}, the ground truth has "
            f"{_listed(real)}"
        )
    warnings = [
        f"{len(names)} videos are in the {of} alone and are left out: {_listed(names)}"
        for of, names in (("detections", found.keys() - both), ("ground truth", real.keys() - both))
        if names
    ]
    return {name: (found[name], real[name]) for name in both}, tuple(warnings)


def _by_video(poses: Poses) -> dict[str, list[Track]]:
    tracks: dict[str, list[Track]] = {}
    for track in poses.tracks:
        tracks.setdefault(track.video, []).append(track)
    return tracks


def _matched_persons(
    found: list[Track],
    real: list[Track],
    of_detections: KeypointMapping,
    of_truth: KeypointMapping,
    min_score: float | None,
) -> dict[str, dict[int, NDArray[np.float64]]]:
    """For each true track, its detections: frame -> float64 (25, 2) in source pixels.

    Persons are matched frame by frame: identities in the two files need not agree, nor stay.
    """
    seen: dict[int, list[NDArray[np.float64]]] = {}
    for track in found:
        keypoints = keypoints_25(_confident(track, min_score), of_detections)
        for frame, pose in zip(track.frame.tolist(), keypoints, strict=True):
            if np.isfinite(pose).any():
                seen.setdefault(frame, []).append(pose)
    match: dict[str, dict[int, NDArray[np.float64]]] = {track.id: {} for track in real}
    if len(found) == len(real) == 1:
        match[real[0].id] = {frame: poses[0] for frame, poses in seen.items()}
        return match
    at: dict[int, list[tuple[str, NDArray[np.float64]]]] = {}
    for track in real:
        keypoints = keypoints_25(track.keypoints, of_truth)
        for frame, pose in zip(track.frame.tolist(), keypoints, strict=True):
            at.setdefault(frame, []).append((track.id, pose))
    for frame in at.keys() & seen.keys():
        truths, poses = at[frame], seen[frame]
        distance = np.array([[_distance(true, pose) for pose in poses] for _, true in truths])
        for row, column in zip(*linear_sum_assignment(distance), strict=True):
            if distance[row, column] <= LARGEST_DISTANCE:
                match[truths[row][0]][frame] = poses[column]
    return match


def _confident(track: Track, min_score: float | None) -> NDArray[np.float64]:
    if min_score is None:
        return track.keypoints
    low = track.score < min_score  # an absent score (NaN) is not low
    return np.where(low[..., None], np.nan, track.keypoints)


def _distance(true: NDArray[np.float64], pose: NDArray[np.float64]) -> float:
    """Median distance as a share of the true pose's diagonal; a large number without either."""
    apart = np.linalg.norm(true - pose, axis=-1)
    apart = apart[np.isfinite(apart)]
    there = true[np.isfinite(true[:, 0])]
    diagonal = float(np.linalg.norm(np.ptp(there, axis=0))) if len(there) else 0.0
    return float(np.median(apart)) / diagonal if len(apart) and diagonal else 1e6


def _track_rows(
    track: Track,
    match: dict[str, dict[int, NDArray[np.float64]]],
    of_truth: KeypointMapping,
    boxes: NDArray[np.float64],
    counts: dict[str, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Truth, detections and speed in heatmap pixels, and which rows follow the one before."""
    poses = match[track.id]
    truth = keypoints_25(track.keypoints, of_truth)
    has_box = np.isfinite(boxes[:, 0])
    # Outside the stretch that was detected the detector may never have been run.
    first, last = min(poses, default=1), max(poses, default=0)
    inside = (track.frame >= first) & (track.frame <= last)
    detected = np.array([frame in poses for frame in track.frame.tolist()], dtype=bool)
    counts["frames without a box"] += int((detected & ~has_box).sum())
    counts["frames without a detection"] += int((inside & has_box & ~detected).sum())
    rows = np.flatnonzero(detected & has_box)
    frame = track.frame[rows]
    found = np.array([poses[f] for f in frame.tolist()]).reshape(len(rows), N_KEYPOINTS, 2)
    here = boxes[rows]
    # A speed is a difference: it is scaled as positions are, but not moved.
    scale = LAST_PIXEL / (here[:, 2:] - here[:, :2])
    return (
        to_heatmap(truth[rows], here).astype(np.float64),
        to_heatmap(found, here).astype(np.float64),
        _speed(track, truth)[rows] * scale[:, None],
        np.diff(frame, prepend=frame[:1] - track.step - 1) == track.step,
    )


def _speed(track: Track, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Motion a frame, float64 (n, 25, 2) in source pixels; NaN without both neighbours."""
    speed = np.full_like(truth, np.nan)
    step = np.diff(track.frame) == track.step
    middle = np.flatnonzero(step[1:] & step[:-1]) + 1
    speed[middle] = (truth[middle + 1] - truth[middle - 1]) / 2.0
    return speed


def _listed(names: object) -> str:
    listed = sorted(map(str, names))  # type: ignore[call-overload]
    more = f" and {len(listed) - _NAMES_TOLD} more" if len(listed) > _NAMES_TOLD else ""
    return ", ".join(repr(name) for name in listed[:_NAMES_TOLD]) + more


def _frames_of(poses: Poses) -> str:
    first = min(int(track.frame[0]) for track in poses.tracks)
    last = max(int(track.frame[-1]) for track in poses.tracks)
    return f"frames {first} … {last}"
