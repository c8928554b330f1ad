"""What smoothing changed: how many points, by how much, and jitter before and after."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pose_smoother.filters.base import Finding
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.tracks import SmoothedTrack

#: A smaller difference is rounding.
_LEAST_CHANGE = 1e-6


@dataclass(frozen=True)
class Summary:
    """Counts of points (one keypoint in one frame), and distances in the file's unit.

    Attributes
    ----------
    n_tracks, n_frames, n_keypoints : of the input; frames over all tracks.
    n_points : points that the input has.
    n_changed : of these, those that moved.
    n_rejected : of these, those with a low score, not read and left as they are.
    n_filled : points that were missing, or of a low score, and were filled.
    n_missing : points that are still missing.
    moved_median, moved_p95, moved_largest : distances of the points that moved; NaN without any.
    jitter_before, jitter_after : the mean length of the second difference over three frames in a
        row, of the points that were read; NaN without any.
    findings : what filters that measure noise found, by run.
    """

    n_tracks: int
    n_frames: int
    n_keypoints: int
    n_points: int
    n_changed: int
    n_rejected: int
    n_filled: int
    n_missing: int
    moved_median: float
    moved_p95: float
    moved_largest: float
    jitter_before: float
    jitter_after: float
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    def line(self) -> str:
        """The summary as one line of text."""
        parts = [f"{self.n_changed} of {self.n_points} points changed"]
        if self.n_changed:
            parts[0] += (
                f" (by {self.moved_median:.3g} in the median, {self.moved_p95:.3g} at the 95th "
                f"percentile, {self.moved_largest:.3g} at most)"
            )
        if np.isfinite(self.jitter_before):
            parts.append(f"jitter {self.jitter_before:.3g} before, {self.jitter_after:.3g} after")
        if self.n_filled:
            parts.append(f"{self.n_filled} points filled")
        if self.n_rejected:
            parts.append(f"{self.n_rejected} of a low score left as they were")
        if self.n_missing:
            parts.append(f"{self.n_missing} missing")
        parts += _found(self.findings)
        return "; ".join(parts)


def summarize(poses: Poses, results: Sequence[SmoothedTrack]) -> Summary:
    """Compare tracks with what smoothing made of them."""
    moved, before, after = [], [], []
    n_points = n_missing = 0
    for track, result in zip(poses.tracks, results, strict=True):
        present = np.isfinite(track.keypoints).all(axis=-1)
        n_points += int(present.sum())
        n_missing += int((~present & ~result.filled).sum())
        distance = np.linalg.norm(result.keypoints - track.keypoints, axis=-1)
        moved.append(distance[present & (distance > _LEAST_CHANGE)])
        read = (present & ~result.rejected & ~result.filled)[..., None]
        before.append(_jitter(track, np.where(read, track.keypoints, np.nan)))
        after.append(_jitter(track, np.where(read, result.keypoints, np.nan)))
    moves = np.concatenate([*moved, np.zeros(0)])
    median, p95, largest = (
        np.quantile(moves, [0.5, 0.95, 1.0]).tolist() if len(moves) else [float("nan")] * 3
    )
    return Summary(
        n_tracks=len(poses.tracks),
        n_frames=sum(len(track.frame) for track in poses.tracks),
        n_keypoints=len(poses.names),
        n_points=n_points,
        n_changed=len(moves),
        n_rejected=sum(int(result.rejected.sum()) for result in results),
        n_filled=sum(int(result.filled.sum()) for result in results),
        n_missing=n_missing,
        moved_median=median,
        moved_p95=p95,
        moved_largest=largest,
        jitter_before=_mean(before),
        jitter_after=_mean(after),
        findings=tuple(one for result in results for one in result.findings),
    )


def _found(findings: Sequence[Finding]) -> list[str]:
    """What filters that measure noise found, in words."""
    parts = []
    by_noise = [one for one in findings if np.isfinite(one.noise)]
    if by_noise:
        weights = [one.n_points for one in by_noise]
        noise = float(np.average([one.noise for one in by_noise], weights=weights))
        parts.append(f"fast noise {100 * noise:.2g} % of the body")
        outliers = sum(one.n_outliers for one in by_noise)
        parts += [f"{outliers} outliers replaced"] if outliers else []
        alone = sum(one.strength == 0.0 for one in by_noise)
        if alone:
            parts.append(f"{alone} of {len(findings)} runs without noise left alone")
    others = Counter((one.method, one.reason) for one in findings if one.reason)
    for (method, reason), count in sorted(others.items()):
        parts.append(f"{count} of {len(findings)} runs smoothed by {method} ({reason})")
    return parts


def _jitter(track: Track, keypoints: Floats) -> Floats:
    """Lengths of the second differences over three frames in a row."""
    if len(keypoints) < 3:
        return np.zeros(0)
    steps = np.diff(track.frame) == track.step
    second = keypoints[2:] - 2 * keypoints[1:-1] + keypoints[:-2]
    lengths = np.linalg.norm(second[steps[1:] & steps[:-1]], axis=-1)
    return np.asarray(lengths[np.isfinite(lengths)])


def _mean(parts: Sequence[Floats]) -> float:
    values = np.concatenate([*parts, np.zeros(0)])
    return float(values.mean()) if len(values) else float("nan")
