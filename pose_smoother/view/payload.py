"""The data of a page: keypoints as whole numbers of 16 bits, in base64, and what was measured.

A position is stored as a multiple of one step, which is the range of all positions over 65,534:
0.03 px where the picture is 1,920 px wide.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.inspection.noise import body_size, jitter_lengths, keypoint_noise, present
from pose_smoother.poses.skeletons import limbs_of, pairs_of
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.view.versions import Version

MISSING = 65535
_MOVED_FAR = 6.0  # times the noise
_LEAST_FAR = 0.05  # of the body
NOT_READ, FAR, EXCHANGED = 1, 2, 4  # bits of a mark


def payload(
    poses: Poses, versions: Sequence[Version], title: str, fps: float | None
) -> dict[str, Any]:
    """Everything that the page shows, as JSON can hold it.

    Parameters
    ----------
    poses : the tracks of one video.
    versions : at least one, with keypoints for every track.
    """
    first, step, n_frames = _timeline(poses)
    everything = [track.keypoints for track in poses.tracks]
    everything += [keypoints for version in versions for keypoints in version.keypoints]
    low, quantum = _grid(everything)
    noise = keypoint_noise(list(poses.tracks))
    pairs = pairs_of(poses.names)
    return {
        "title": title,
        "fps": fps,
        "first": first,
        "step": step,
        "frames": n_frames,
        "names": list(poses.names),
        "limbs": limbs_of(poses.names),
        "low": low,
        "quantum": quantum,
        "labels": [version.label for version in versions],
        "tracks": [
            _track(i, track, versions, (low, quantum), (first, step), noise, pairs)
            for i, track in enumerate(poses.tracks)
        ],
        "media": None,
    }


def _timeline(poses: Poses) -> tuple[int, int, int]:
    """The first frame number, the step of the numbers, and how many frames there are."""
    first = min(int(track.frame[0]) for track in poses.tracks)
    last = max(int(track.frame[-1]) for track in poses.tracks)
    starts = [int(track.frame[0]) - first for track in poses.tracks]
    step = int(np.gcd.reduce([track.step for track in poses.tracks] + starts)) or 1
    return first, step, (last - first) // step + 1


def _grid(everything: Sequence[Floats]) -> tuple[list[float], float]:
    """The lowest x and y, and the step that positions are multiples of."""
    points = np.concatenate([part.reshape(-1, 2) for part in everything])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return [0.0, 0.0], 1.0
    low = points.min(axis=0)
    reach = float((points.max(axis=0) - low).max())
    return low.tolist(), (reach or 1.0) / (MISSING - 1)


def _track(
    index: int,
    track: Track,
    versions: Sequence[Version],
    grid: tuple[list[float], float],
    timeline: tuple[int, int],
    noise: Floats,
    pairs: Sequence[tuple[int, int]],
) -> dict[str, Any]:
    """One individual: rows of frames, positions of each version, scores, marks, jitter."""
    first, step = timeline
    rows = ((track.frame - first) // step).astype(np.int32)
    size = body_size(track.keypoints)
    found = [version.keypoints[index] for version in versions]
    marks = [
        _marks(track, version.keypoints[index], version.rejected[index], noise, pairs)
        for version in versions
    ]
    return {
        "id": track.person or track.id,
        "rows": None if _dense(rows) else _base64(rows),
        "offset": int(rows[0]),
        "n": len(rows),
        "size": size if np.isfinite(size) else None,
        "raw": _base64(_quantised(track.keypoints, grid)),
        "smoothed": [_base64(_quantised(keypoints, grid)) for keypoints in found],
        "score": _scores(track),
        "marks": [_base64(mark) if mark.any() else None for mark in marks],
        "jitter": [_means(track, keypoints) for keypoints in (track.keypoints, *found)],
        "moved": [_moved(track, keypoints) for keypoints in found],
    }


def _dense(rows: NDArray[np.int32]) -> bool:
    return bool(rows[-1] - rows[0] == len(rows) - 1)


def _quantised(keypoints: Floats, grid: tuple[list[float], float]) -> NDArray[np.uint16]:
    """Positions as multiples of the step, 65535 where missing, keypoint after keypoint."""
    low, quantum = grid
    known = np.isfinite(keypoints).all(axis=-1, keepdims=True)
    values = np.where(known, np.round((keypoints - low) / quantum), MISSING)
    return np.ascontiguousarray(values.astype("<u2"))


def _scores(track: Track) -> dict[str, Any] | None:
    """Scores as bytes 0 to 254 between their lowest and highest, 255 where none is given."""
    known = np.isfinite(track.score)
    if not known.any():
        return None
    low, high = float(track.score[known].min()), float(track.score[known].max())
    low, high = min(low, 0.0), max(high, 1.0)
    share = np.where(known, np.round((track.score - low) / (high - low) * 254), 255)
    return {"low": low, "high": high, "data": _base64(share.astype(np.uint8))}


def _marks(
    track: Track,
    keypoints: Floats,
    rejected: NDArray[np.bool_],
    noise: Floats,
    pairs: Sequence[tuple[int, int]],
) -> NDArray[np.uint8]:
    """Bits of each point: not read by the smoother; moved far; exchanged between left and right.

    Far is over six times the keypoint's noise, and over 5 % of the body. Exchanged are both points
    of a pair that moved far and came nearer to where the other one was, by half at least.
    """
    moved = np.linalg.norm(keypoints - track.keypoints, axis=-1)
    size = np.nan_to_num(body_size(track.keypoints))
    with np.errstate(invalid="ignore"):
        far = moved > np.maximum(_MOVED_FAR * noise, _LEAST_FAR * size)
    exchanged = np.zeros_like(far)
    for pair in pairs:
        both = list(pair)
        across = np.linalg.norm(keypoints[:, both] - track.keypoints[:, both[::-1]], axis=-1)
        nearer = (2 * across < moved[:, both]) & far[:, both]
        exchanged[:, both] |= nearer.all(axis=1, keepdims=True)
    return (NOT_READ * rejected + FAR * far + EXCHANGED * exchanged).astype(np.uint8)


def _means(track: Track, keypoints: Floats) -> list[float | None]:
    """The mean jitter of each keypoint over the points that the input has, in the file's unit."""
    here = np.where(present(track)[..., None], keypoints, np.nan)
    lengths = jitter_lengths(Track("", "", "", track.frame, here, track.score, track.step))
    return [_mean(column) for column in lengths.T]


def _moved(track: Track, keypoints: Floats) -> float | None:
    """The median distance by which the points moved, in the file's unit."""
    apart = np.linalg.norm(keypoints - track.keypoints, axis=-1)
    apart = apart[np.isfinite(apart)]
    return float(f"{np.median(apart):.4g}") if len(apart) else None


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(f"{known.mean():.4g}") if len(known) else None


def _base64(values: NDArray[Any]) -> str:
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(little).tobytes()).decode()
