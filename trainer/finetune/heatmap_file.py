"""A detector's own heatmaps with ground truth, in the detector's own boxes.

The file (NPZ, HDF5 or Zarr) holds ``heatmaps`` (n, K', 56, 56), ``names`` (K',), ``frame`` (n,) and
``boxes`` (n, 4): x0, y0, x1, y1 in source pixels, the centres of the first and the last pixel.
``video`` (n,) and ``person`` (n,) name them as the truth does; without ``video`` there is but one.
"""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pose_smoother.boxes import to_heatmap
from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import IMPULSE, SIZE, response_table
from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Poses, Track
from trainer.calibrate.heatmap_width import open_arrays
from trainer.calibrate.pairs import Pairs, keypoints_25
from trainer.inference.decode import positions_in

HEATMAPS, NAMES, FRAME, BOXES = "heatmaps", "names", "frame", "boxes"
VIDEO, PERSON = "video", "person"
_LARGEST_BYTES = 16 << 30  # they are held in memory
_CHUNK = 256  # rows decoded at once


@dataclass(frozen=True)
class HeatmapFile:
    """The content of a heatmap file, rows as in the file.

    Attributes
    ----------
    names : of the K' keypoints.
    heatmaps : float32 (n, K', 56, 56), as the detector gave them.
    boxes : float64 (n, 4), source pixels.
    frame : int64 (n,).
    video, person : (n,) text; "" where the file has none.
    """

    names: tuple[str, ...]
    heatmaps: NDArray[np.float32]
    boxes: NDArray[np.float64]
    frame: NDArray[np.int64]
    video: NDArray[Any]
    person: NDArray[Any]


def read_heatmaps(path: Path) -> HeatmapFile:
    """Read a file of heatmaps.

    Raises
    ------
    InvalidInputError : an array is absent or of another shape, or too large for memory.
    """
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder")
    with ExitStack() as opened:
        try:
            arrays = open_arrays(path, opened)
            _check_shapes(path, arrays)
            none = np.full(arrays[FRAME].shape[0], "")
            return HeatmapFile(
                names=tuple(_text(arrays[NAMES]).tolist()),
                heatmaps=np.asarray(arrays[HEATMAPS][:], dtype=np.float32),
                boxes=np.asarray(arrays[BOXES][:], dtype=np.float64),
                frame=np.asarray(arrays[FRAME][:]).astype(np.int64),
                video=_text(arrays[VIDEO]) if VIDEO in arrays else none,
                person=_text(arrays[PERSON]) if PERSON in arrays else none,
            )
        except InvalidInputError:
            raise
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInputError(
                f"{path}: cannot be read as NPZ, HDF5 or Zarr ({error})"
            ) from None


def _check_shapes(path: Path, arrays: dict[str, Any]) -> None:
    """Check that the arrays exist, fit together, and fit into memory."""
    absent = [name for name in (HEATMAPS, NAMES, FRAME, BOXES) if name not in arrays]
    if absent:
        held = ", ".join(map(repr, arrays)) or "nothing"
        raise InvalidInputError(f"{path}: expected an array {absent[0]!r}, found {held}")
    shape = tuple(arrays[HEATMAPS].shape)
    n, n_keypoints = (*shape, 0, 0)[:2]
    expected = {
        HEATMAPS: (n, n_keypoints, SIZE, SIZE),
        NAMES: (n_keypoints,),
        FRAME: (n,),
        BOXES: (n, 4),
        **{name: (n,) for name in (VIDEO, PERSON) if name in arrays},
    }
    for name, wanted in expected.items():
        if (found := tuple(arrays[name].shape)) != wanted:
            raise InvalidInputError(f"{path}: expected {name} of shape {wanted}, found {found}")
    if (n_bytes := 4 * math.prod(shape)) > _LARGEST_BYTES:
        gib = n_bytes / 2**30
        raise InvalidInputError(
            f"{path}: {n} frames of heatmaps take {gib:.0f} GiB of memory: give fewer"
        )


@dataclass(frozen=True)
class HeatmapPairs:
    """Heatmaps that have a ground truth.

    Attributes
    ----------
    pairs : positions in heatmap pixels of the detector's boxes; peaks are the detections.
    heatmaps : float32 (n, K', 56, 56), their values scaled to those of training.
    columns : which of them each of our 25 keypoints is; -1 where there is none.
    """

    pairs: Pairs
    heatmaps: NDArray[np.float32]
    columns: tuple[int, ...]


def pair_heatmaps(
    found: HeatmapFile,
    truth: Poses,
    of_found: KeypointMapping,
    of_truth: KeypointMapping,
    min_score: float | None,
    sigma_px: float,
) -> HeatmapPairs:
    """Match heatmaps with ground truth by video, person and frame.

    Parameters
    ----------
    of_found, of_truth : the index of the 25 keypoints in each file.
    min_score : a heatmap with a lower peak counts as missed; None takes all above zero.
    sigma_px : of training's input: values are scaled so that the median peak is that of its blur.

    Raises
    ------
    InvalidInputError : no keypoint or frame in common, or a row that occurs twice.
    """
    known = (of_found.index >= 0) & (of_truth.index >= 0)
    if not known.any():
        raise InvalidInputError(
            f"no keypoint in common: the heatmaps have {', '.join(found.names)}, the ground truth "
            f"has {', '.join(truth.names)}; name them in a --map FILE"
        )
    rows, at, names = _matched_rows(found, truth)
    positions = np.concatenate(
        [keypoints_25(track.keypoints[i : i + 1], of_truth) for track, i in at]
    )
    heatmaps = _scaled(found.heatmaps[rows], min_score or 0.0, sigma_px)
    number = {name: i for i, name in enumerate(names)}
    follows = [
        track is before and track.frame[i] - before.frame[j] == track.step
        for (before, j), (track, i) in pairwise(at)
    ]
    pairs = Pairs(
        truth=to_heatmap(positions, found.boxes[rows]).astype(np.float64),
        detected=keypoints_25(_peaks(heatmaps), of_found),
        speed=np.full_like(positions, np.nan),
        video=np.array([number[track.video] for track, _ in at], dtype=np.int64),
        videos=names,
        follows=np.array([False, *follows]),
        known=known,
        counts={"frames compared": len(rows), "frames without a detection": 0},
    )
    return HeatmapPairs(pairs, heatmaps, tuple(np.where(known, of_found.index, -1).tolist()))


def _scaled(
    heatmaps: NDArray[np.float32], min_score: float, sigma_px: float
) -> NDArray[np.float32]:
    """Heatmaps with the median peak of a blurred impulse; those without a peak are all zero."""
    heatmaps[~np.isfinite(heatmaps).all(axis=(2, 3))] = 0.0
    peak = heatmaps.max(axis=(2, 3))
    seen = (peak > 0.0) & (peak >= min_score)
    if not seen.any():
        raise InvalidInputError("no heatmap with a ground truth has a peak that counts")
    heatmaps[~seen] = 0.0
    middle = SIZE // 2
    wanted = IMPULSE * response_table(sigma_px)[middle, middle] ** 2
    scaled: NDArray[np.float32] = heatmaps * np.float32(wanted / np.median(peak[seen]))
    return scaled


def _matched_rows(
    found: HeatmapFile, truth: Poses
) -> tuple[NDArray[np.int64], list[tuple[Track, int]], tuple[str, ...]]:
    """Rows with a box and a truth, by video, person and frame; their track and its row; videos."""
    one_video = len({track.video for track in truth.tracks}) == 1
    names_video = not one_video or len(set(found.video.tolist())) > 1
    by_key: dict[tuple[str, str], list[Track]] = {}
    for track in truth.tracks:
        by_key.setdefault((track.video if names_video else "", track.person), []).append(track)
        by_key.setdefault((track.video if names_video else "", ""), []).append(track)
    matched: dict[tuple[str, str, int], tuple[int, Track, int]] = {}
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    has_box = np.isfinite(sides).all(axis=1) & (sides > 0).all(axis=1)
    for row in np.flatnonzero(has_box).tolist():
        video = str(found.video[row]) if names_video else ""
        frame = int(found.frame[row])
        here = {id(t): t for t in by_key.get((video, str(found.person[row])), [])}
        tracks = [t for t in here.values() if frame in t.frame]
        if len(tracks) > 1:
            raise InvalidInputError(
                f"video {video!r} has {len(tracks)} people in frame {frame} of the ground truth: "
                "name each row's by an array 'person'"
            )
        if tracks:
            key = (tracks[0].video, tracks[0].id, frame)
            if key in matched:
                raise InvalidInputError(
                    f"the heatmaps of {tracks[0].id!r} in frame {frame} occur twice"
                )
            index = int(np.searchsorted(tracks[0].frame, frame))
            matched[key] = (row, tracks[0], index)
    if not matched:
        raise InvalidInputError("no heatmap has a ground truth of the same video, person and frame")
    order = [matched[key] for key in sorted(matched)]
    rows = np.array([row for row, _, _ in order], dtype=np.int64)
    videos = tuple(dict.fromkeys(track.video for _, track, _ in order))
    return rows, [(track, index) for _, track, index in order], videos


def _peaks(heatmaps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sub-pixel peaks, float64 (n, K', 2); NaN where a heatmap is nowhere above zero."""
    parts = [
        positions_in(torch.from_numpy(heatmaps[i : i + _CHUNK])[:, None], "subpixel")[:, 0].numpy()
        for i in range(0, len(heatmaps), _CHUNK)
    ]
    return np.concatenate(parts).astype(np.float64)


def _text(array: Any) -> NDArray[Any]:
    """An array of text, whatever the format keeps it as."""
    cells = [c.decode() if isinstance(c, bytes) else str(c) for c in np.asarray(array[:]).tolist()]
    return np.array(cells, dtype=object)
