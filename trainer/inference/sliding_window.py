"""Whole tracks through a smoother of windows: laid over frame numbers, boxed, smoothed, merged.

Every frame of a track is covered, however short it is: windows also hang over a run's ends, so each
frame is estimated once in each place of the window. What a window lacks, a frame beyond the end, a
frame that the file leaves out or a keypoint that was not seen, is interpolated inside the window
from its neighbours in time; the output stays empty there. A gap in the frame numbers that leaves a
window frames on both sides is bridged this way, a longer one starts a new run.

Each of these choices was measured on validation clips (docs/experiments.md).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.boxes import DEFAULT_EXPAND, to_heatmap, to_source
from pose_smoother.filters.interpolate import interpolate_missing
from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.skeleton import N_KEYPOINTS
from pose_smoother.store.names import WINDOW_FRAMES
from trainer.inference.stable_boxes import steady_boxes

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_GROUP_FRAMES = 8192  # frames of short tracks that are smoothed together

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WindowSmoother:
    """A trained run or a classical smoother, as tracks are put through it.

    Attributes
    ----------
    name : what messages call it.
    smooth : windows float32 (N, T, 25, 2) in heatmap pixels, possibly outside 0 ... 55, NaN where
        a keypoint is nowhere in its window -> the same shape; NaN where there is no estimate.
    keypoints : bool (25,), what it can smooth; all else passes through untouched.
    n_frames : T; None where the whole run is one window, unfilled, with NaN where missing.
    step : frames from one frame of a window to the next.
    merge : of a frame's T estimates, their mean, or the one from the middle of its window.
    expand, keep_aspect : how its training cut boxes.
    batch_windows : windows smoothed at once.
    is_run : whether it is a trained run: only those are refused for what is no human.
    """

    name: str
    smooth: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    keypoints: NDArray[np.bool_]
    n_frames: int | None = WINDOW_FRAMES
    step: int = 1
    merge: Literal["mean", "middle"] = "mean"
    expand: float = DEFAULT_EXPAND
    keep_aspect: bool = False
    batch_windows: int = 512
    is_run: bool = False

    @property
    def reach(self) -> int:
        """Gaps of less than this many missing frames are bridged."""
        return (WINDOW_FRAMES - 1) * self.step


@dataclass(frozen=True)
class _Timeline:
    """Runs one after the other, with a row for each frame number, given in the file or bridged.

    Attributes
    ----------
    keypoints : float64 (m, 25, 2), source pixels; NaN where missing.
    first, last : int64 (m,), the rows where each row's run starts and ends.
    row : for each track, the int64 (n,) row of each of its frames.
    """

    keypoints: Floats
    first: Rows
    last: Rows
    row: tuple[Rows, ...]


def smooth_poses(
    poses: Poses, mapping: KeypointMapping, smoother: WindowSmoother, progress: bool = False
) -> list[Floats]:
    """Smooth every track.

    Parameters
    ----------
    mapping : the keypoint of the file for each of the 25.
    progress : show a bar where stderr is a terminal.

    Returns
    -------
    For each track, in order, float64 (n, J, 2) in the file's unit: smoothed where a keypoint is in
    the file and known to the smoother; NaN where it is missing; untouched elsewhere.
    """
    our_index = np.flatnonzero((mapping.index >= 0) & smoother.keypoints)
    file_index = mapping.index[our_index]
    smoothed: list[Floats] = []
    n_untouched = np.zeros(N_KEYPOINTS, np.int64)
    total = sum(len(track.frame) for track in poses.tracks)
    with tqdm(
        total=total, desc=smoother.name, unit="frame", disable=not progress or bars_hidden()
    ) as bar:
        for group in _groups(poses.tracks):
            timeline = _timeline(group, our_index, file_index, smoother.reach)
            estimates = _estimates(timeline, smoother, bar)
            for track, row in zip(group, timeline.row, strict=True):
                keypoints = track.keypoints.copy()
                found = estimates[row][:, our_index]
                seen, estimated = _present(keypoints[:, file_index]), _present(found)
                better = (seen & estimated)[..., None]
                keypoints[:, file_index] = np.where(better, found, keypoints[:, file_index])
                n_untouched[our_index] += (seen & ~estimated).sum(axis=0)
                smoothed.append(keypoints)
    _warn_of_untouched(n_untouched, [poses.names[column] for column in mapping.index], smoother)
    return smoothed


def _groups(tracks: Sequence[Track]) -> Iterator[list[Track]]:
    """Tracks in order, many short ones together, so that batches are full."""
    group: list[Track] = []
    n_frames = 0
    for track in tracks:
        group.append(track)
        n_frames += len(track.frame)
        if n_frames >= _GROUP_FRAMES:
            yield group
            group, n_frames = [], 0
    if group:
        yield group


def _timeline(tracks: Sequence[Track], our_index: Rows, file_index: Rows, reach: int) -> _Timeline:
    """Lay tracks out row by row; gaps of less than ``reach`` missing frames get rows of their own.

    So a window over such a gap has a given frame at either side of it.
    """
    rows, run_starts, n_rows = [], [], 0
    for track in tracks:
        steps = np.maximum(np.diff(track.frame) // track.step, 1)
        new_run = steps > reach
        row = np.concatenate([[0], np.cumsum(np.where(new_run, 1, steps))]) + n_rows
        run_starts.append(row[np.concatenate([[True], new_run])])
        rows.append(row)
        n_rows = int(row[-1]) + 1
    starts = np.concatenate(run_starts)
    lengths = np.diff([*starts, n_rows])
    keypoints = np.full((n_rows, N_KEYPOINTS, 2), np.nan)
    for track, row in zip(tracks, rows, strict=True):
        keypoints[row[:, None], our_index] = track.keypoints[:, file_index]
    first = np.repeat(starts, lengths)
    return _Timeline(keypoints, first, first + np.repeat(lengths, lengths) - 1, tuple(rows))


def _estimates(timeline: _Timeline, smoother: WindowSmoother, bar: tqdm) -> Floats:
    """The merged estimate of every row, float64 (m, 25, 2); NaN where there is none."""
    boxes = steady_boxes(
        timeline.keypoints, timeline.first, timeline.last, smoother.expand, smoother.keep_aspect
    )
    total = np.zeros_like(timeline.keypoints)
    count = np.zeros(timeline.keypoints.shape[:2])
    starts = _starts(timeline, smoother)
    n_given, n_reported = sum(map(len, timeline.row)), 0
    for n_done, rows in _batches(starts, smoother):
        around = np.where(rows >= 0, rows, 0)
        windows = _in_heatmaps(timeline.keypoints[around], boxes[around])
        windows[rows < 0] = np.nan
        if smoother.n_frames is not None:
            windows = interpolate_missing(windows)
        found = np.where(np.isfinite(windows), smoother.smooth(windows), np.float32(np.nan))
        for place in _places(smoother, rows.shape[1]):
            ok = rows[:, place] >= 0
            row = rows[ok, place]  # no row twice: windows differ in their start
            there = to_source(found[ok, place], boxes[row])
            finite = _present(there)
            total[row] += np.where(finite[..., None], there, 0.0)
            count[row] += finite
        share = n_given * n_done // len(starts) - n_reported
        n_reported += share
        bar.update(share)
    with np.errstate(invalid="ignore"):
        merged: Floats = total / count[..., None]  # 0 / 0 is NaN: no estimate
    return merged


def _starts(timeline: _Timeline, smoother: WindowSmoother) -> Rows:
    """Int64 (windows, 3): where each window starts, and the first and last row of its run.

    A window may start before its run, so far that every row comes to every wanted position.
    """
    starts, at = np.unique(timeline.first, return_index=True)
    runs = np.stack([starts, starts, timeline.last[at]], axis=1)
    if smoother.n_frames is None:
        return runs
    back = smoother.step * np.array(_places(smoother, smoother.n_frames))
    parts = []
    for _, a, b in runs.tolist():
        start = np.arange(a - back[-1], b + 1 - back[0])
        parts.append(np.stack([start, np.full_like(start, a), np.full_like(start, b)], axis=1))
    return np.concatenate(parts)


def _batches(starts: Rows, smoother: WindowSmoother) -> Iterator[tuple[int, Rows]]:
    """(windows done with this batch, int64 (N, T) rows of the timeline, -1 beyond a run's end)."""
    if smoother.n_frames is None:
        for i, (_, a, b) in enumerate(starts.tolist()):
            yield i + 1, np.arange(a, b + 1)[None]
        return
    offsets = smoother.step * np.arange(smoother.n_frames)
    for i in range(0, len(starts), smoother.batch_windows):
        start, first, last = starts[i : i + smoother.batch_windows, :, None].transpose(1, 0, 2)
        rows = start + offsets
        yield i + len(start), np.where((rows >= first) & (rows <= last), rows, -1)


def _places(smoother: WindowSmoother, n_frames: int) -> Sequence[int]:
    """The positions of a window whose estimates are used."""
    if smoother.merge == "middle":
        return (n_frames // 2,)
    return range(n_frames)


def _in_heatmaps(keypoints: Floats, boxes: Floats) -> NDArray[np.float32]:
    """Windows (N, T, 25, 2) from source to heatmap pixels, each frame by its own box (N, T, 4)."""
    n_windows, n_frames = keypoints.shape[:2]
    flat = to_heatmap(keypoints.reshape(-1, N_KEYPOINTS, 2), boxes.reshape(-1, 4))
    return flat.reshape(n_windows, n_frames, N_KEYPOINTS, 2)


def _present(positions: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where (..., 2) positions are known, bool (...)."""
    return np.asarray(np.isfinite(positions).all(axis=-1))


def _warn_of_untouched(n_untouched: Rows, names: Sequence[str], smoother: WindowSmoother) -> None:
    """Warn of positions that were detected but could not be smoothed."""
    untouched = [f"{names[i]} ({n_untouched[i]})" for i in np.flatnonzero(n_untouched).tolist()]
    if untouched:
        _log.warning(
            "%s has no estimate for some positions (no box around them, or an empty heatmap), they "
            "stay as they are: %s",
            smoother.name,
            ", ".join(untouched),
        )
