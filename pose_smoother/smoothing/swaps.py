"""Swaps mended: tracks without them for smoothing, and back to the file's own order.

A filter that an outlier drags sees every keypoint and every individual go on in its own place;
then each position is put back where the file has it, or where it belongs (``fix_swaps``).
A filter that takes exchanged points for outliers smooths the file as it is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.skeletons import pairs_of
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.smoothing.swap_detection import (
    candidates,
    identity_swaps,
    left_right_swaps,
)
from pose_smoother.smoothing.tracks import SmoothedTrack

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """Results of a file's tracks, and what was found of swaps.

    Attributes
    ----------
    n_left_right, n_identity : points that the input has exchanged between left and right, and
        between individuals.
    n_exchanged : points that were put where they belong.
    fix_swaps : whether this was asked for.
    """

    results: list[SmoothedTrack]
    n_left_right: int = 0
    n_identity: int = 0
    n_exchanged: int = 0
    fix_swaps: bool = False


def smooth_without_swaps(
    poses: Poses,
    smooth: Callable[[Poses], list[SmoothedTrack]],
    fix_swaps: bool = False,
    across: bool = False,
) -> Outcome:
    """Smooth tracks, and count what is exchanged in them.

    Parameters
    ----------
    smooth : smooths every track of poses.
    fix_swaps : put exchanged points where they belong; otherwise they stay where the file has them.
    across : without ``fix_swaps``, smooth the file as it is; otherwise nothing reaches across a
        swap.
    """
    if not poses.names:
        return Outcome(smooth(poses))
    swaps = mend_swaps(poses)
    if not (swaps.n_left_right or swaps.n_identity) or (across and not fix_swaps):
        n_found = swaps.n_left_right, swaps.n_identity
        return Outcome(smooth(poses), *n_found, fix_swaps=fix_swaps)
    results, n_exchanged = swaps.restore(poses, smooth(swaps.poses), fix_swaps)
    return Outcome(results, swaps.n_left_right, swaps.n_identity, n_exchanged, fix_swaps)


@dataclass(frozen=True)
class Swaps:
    """Poses without swaps, and where each of their points is in the file.

    Points of a file are numbered over tracks, rows and keypoints.

    Attributes
    ----------
    poses : as many tracks as the file has, in the same order.
    sources : int64 (n, K) of each mended track, the number in the file of each point.
    homes : int64 (n, K) of each mended track, the number in the file where each point belongs; -1
        where the file has no row for it, or where it is not sure which state is right.
    n_left_right, n_identity : points exchanged between left and right, and between individuals.
    """

    poses: Poses
    sources: tuple[Indices, ...]
    homes: tuple[Indices, ...]
    n_left_right: int
    n_identity: int

    def restore(
        self, original: Poses, results: Sequence[SmoothedTrack], fix: bool
    ) -> tuple[list[SmoothedTrack], int]:
        """Results of the mended tracks as results of the file's tracks.

        Parameters
        ----------
        fix : put exchanged points where they belong; a point stays where it is if the file has no
            point there that it could be exchanged with.

        Returns
        -------
        (results, the number of points that were exchanged)
        """
        if not results:
            return [], 0
        sources = np.concatenate([source.ravel() for source in self.sources])
        to = sources.copy()
        if fix:
            homes = np.concatenate([home.ravel() for home in self.homes])
            known = np.concatenate(
                [np.isfinite(t.keypoints).all(-1).ravel() for t in original.tracks]
            )
            to = _exchangeable(sources, homes, known)
        n_axes = results[0].keypoints.shape[-1]
        keypoints = np.empty((len(to), n_axes))
        masks = {}
        keypoints[to] = np.concatenate([r.keypoints.reshape(-1, n_axes) for r in results])
        for name in ("rejected", "filled", "replaced"):
            masks[name] = np.empty(len(to), bool)
            masks[name][to] = np.concatenate([_mask(result, name) for result in results])
        out, start = [], 0
        for track, result in zip(original.tracks, results, strict=True):
            shape = track.keypoints.shape
            part = slice(start, start + shape[0] * shape[1])
            out.append(
                SmoothedTrack(
                    keypoints[part].reshape(shape),
                    findings=result.findings,
                    **{name: mask[part].reshape(shape[:2]) for name, mask in masks.items()},
                )
            )
            start = part.stop
        return out, int((to != sources).sum())


def _mask(result: SmoothedTrack, name: str) -> NDArray[np.bool_]:
    """One of a result's masks, for every point in a row."""
    mask: NDArray[np.bool_] | None = getattr(result, name)
    return np.zeros(result.rejected.size, bool) if mask is None else mask.ravel()


def _exchangeable(sources: Indices, homes: Indices, known: NDArray[np.bool_]) -> Indices:
    """Where each point goes: home if the point there, and so on, goes home too; else its source."""
    goes = (homes >= 0) & (homes != sources)
    goes[goes] = known[homes[goes]] & known[sources[goes]]
    while True:
        left_alone = np.ones(len(known), bool)
        left_alone[sources[goes]] = False  # places that become free
        blocked = goes.copy()
        blocked[goes] = left_alone[homes[goes]]
        if not blocked.any():
            return np.where(goes, homes, sources)
        goes &= ~blocked


def mend_swaps(poses: Poses) -> Swaps:
    """Find swaps from the motion, and undo them; the poses are not changed."""
    pairs = pairs_of(poses.names)
    n_tracks = Counter(track.video for track in poses.tracks)
    if not pairs and max(n_tracks.values(), default=0) < 2:
        return Swaps(poses, (), (), 0, 0)
    n_keypoints = len(poses.names)
    starts = np.cumsum([0, *(len(track.frame) for track in poses.tracks)]) * n_keypoints
    numbers = [
        start + np.arange(len(track.frame) * n_keypoints).reshape(-1, n_keypoints)
        for start, track in zip(starts.tolist(), poses.tracks, strict=False)
    ]
    moving = candidates(poses.tracks, []).moving
    tracks, sources, homes, n_identity = _without_identity_swaps(poses.tracks, numbers, moving)
    n_left_right = 0
    for i, of_track in left_right_swaps(tracks, pairs).items():
        track = tracks[i]
        columns = np.tile(np.arange(n_keypoints), (len(track.frame), 1))
        for (a, b), (swapped, sure) in of_track.items():
            rows = np.flatnonzero(swapped)
            columns[rows, a], columns[rows, b] = b, a
            n_left_right += 2 * len(rows)
            unsure = np.flatnonzero(swapped & ~sure)
            homes[i][unsure, a] = homes[i][unsure, b] = -1
        tracks[i] = _gathered(track, columns)
        sources[i] = np.take_along_axis(sources[i], columns, axis=1)
    mended = replace(poses, tracks=tuple(tracks))
    return Swaps(mended, tuple(sources), tuple(homes), n_left_right, n_identity)


def _gathered(track: Track, columns: Indices) -> Track:
    """A track with the keypoints of each row in another order."""
    return replace(
        track,
        keypoints=np.take_along_axis(track.keypoints, columns[..., None], axis=1),
        score=np.take_along_axis(track.score, columns, axis=1),
    )


def _without_identity_swaps(
    tracks: Sequence[Track], numbers: Sequence[Indices], moving: Sequence[int]
) -> tuple[list[Track], list[Indices], list[Indices], int]:
    """Tracks in which individuals go on, the numbers of their points and where these belong."""
    mended, sources, homes = list(tracks), list(numbers), [number.copy() for number in numbers]
    n_points = 0
    by_video: dict[str, list[int]] = {}
    for i in moving:
        by_video.setdefault(tracks[i].video, []).append(i)
    for members in by_video.values():
        swaps = identity_swaps({i: tracks[i] for i in members}) if len(members) > 1 else []
        if not swaps:
            continue
        for i, pieces in _by_majority(_parts(swaps), tracks).items():
            rows = [(j, np.flatnonzero(_within(tracks[j], span))) for span, j in pieces]
            mended[i] = _joined(tracks, i, rows)
            sources[i] = np.concatenate([numbers[j][at] for j, at in rows])
            homes[i] = _homes(mended[i], tracks[i], numbers[i])
            known = np.isfinite(mended[i].keypoints).all(axis=-1)
            foreign = np.concatenate([np.full(len(at), j != i) for j, at in rows])
            n_points += int((known & foreign[:, None]).sum())
    return mended, sources, homes, n_points


Span = tuple[float, float]


def _parts(swaps: Sequence[tuple[int, dict[int, int]]]) -> dict[int, list[tuple[Span, int]]]:
    """For each individual that is ever exchanged, the spans of frames and the track it is in."""
    individuals = sorted({track for _, moved in swaps for track in moved})
    held_in = {i: i for i in individuals}
    since: dict[int, float] = dict.fromkeys(individuals, -np.inf)
    parts: dict[int, list[tuple[Span, int]]] = {i: [] for i in individuals}
    for frame, moved in swaps:
        for i in individuals:
            if held_in[i] in moved:
                parts[i].append(((since[i], frame), held_in[i]))
                held_in[i], since[i] = moved[held_in[i]], frame
    for i in individuals:
        parts[i].append(((since[i], np.inf), held_in[i]))
    return parts


def _by_majority(
    parts: dict[int, list[tuple[Span, int]]], tracks: Sequence[Track]
) -> dict[int, list[tuple[Span, int]]]:
    """Each individual under the track that it is in for most frames."""
    from scipy.optimize import linear_sum_assignment

    individuals = list(parts)
    frames = np.zeros((len(individuals), len(individuals)))
    for row, i in enumerate(individuals):
        for span, j in parts[i]:
            frames[row, individuals.index(j)] += _within(tracks[j], span).sum()
    chosen = linear_sum_assignment(-frames)[1].tolist()
    return {individuals[j]: parts[i] for i, j in zip(individuals, chosen, strict=True)}


def _within(track: Track, span: Span) -> NDArray[np.bool_]:
    return np.asarray((track.frame >= span[0]) & (track.frame < span[1]))


def _joined(tracks: Sequence[Track], own: int, rows: Sequence[tuple[int, Indices]]) -> Track:
    """A track of the rows of several, in order of frames."""
    return replace(
        tracks[own],
        frame=np.concatenate([tracks[j].frame[at] for j, at in rows]),
        keypoints=np.concatenate([tracks[j].keypoints[at] for j, at in rows]),
        score=np.concatenate([tracks[j].score[at] for j, at in rows]),
    )


def _homes(mended: Track, own: Track, numbers: Indices) -> Indices:
    """Where the file has the points of a mended track's own individual; -1 without a row."""
    at = np.searchsorted(own.frame, mended.frame)
    at = np.minimum(at, len(own.frame) - 1)
    return np.where((own.frame[at] == mended.frame)[:, None], numbers[at], -1)
