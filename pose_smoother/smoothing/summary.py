"""What smoothing changed: how many points and by how much, jitter, and what was assumed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pose_smoother.filters.base import Finding
from pose_smoother.filters.score_weights import are_probabilities
from pose_smoother.points import known_points, lengths
from pose_smoother.poses.formats.tracks_io import decimals_of
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.smoothing.scores import default_min_score
from pose_smoother.smoothing.swaps import Outcome
from pose_smoother.smoothing.tracks import Rules

#: Why nothing was changed in a file of one frame, say.
TOO_FEW_FRAMES = "no keypoint is there in three frames in a row"


@dataclass(frozen=True)
class Summary:
    """Counts of points (one keypoint in one frame), and distances in the file's unit.

    Attributes
    ----------
    n_tracks, n_frames, n_keypoints : of the input; frames over all tracks.
    n_points : points that the input has.
    n_changed : of these, those that moved.
    n_rejected : of these, those with a low score, not read and left as they are.
    n_replaced : of these, those with a low score, not read for the sake of the others and replaced.
    n_filled : points that were missing, or of a low score, and were filled.
    n_missing : points that are still missing.
    n_marked_missing : points at (0, 0) or (-1, -1) that were taken as missing.
    n_linked : detections without a usable id that were linked to tracks.
    n_left_right, n_identity : points that are exchanged between left and right, and between
        individuals.
    n_exchanged : of these, those that were put where they belong.
    fix_swaps : whether this was asked for.
    moved_median, moved_p95, moved_largest : distances of the points that moved; NaN without any.
    jitter_before, jitter_after : the mean length of the second difference over three frames in a
        row, of the points that were read; NaN without any.
    findings : what filters that measure noise found, by run.
    min_score : the score below which a point was rejected; None without scores or for a run.
    min_score_rule : ``given`` (all below), or ``default`` (those below that are also far from the
        confident points around them).
    assumed : what was assumed while reading, one sentence each.
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
    n_replaced: int = 0
    n_marked_missing: int = 0
    n_linked: int = 0
    n_left_right: int = 0
    n_identity: int = 0
    n_exchanged: int = 0
    fix_swaps: bool = False
    min_score: float | None = None
    min_score_rule: str | None = None
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON has them: None where a number is NaN."""
        fields: dict[str, Any] = _without_nan(asdict(self))
        return fields

    def size(self) -> str:
        """How much was smoothed: ``1,000 frames in 1 track``."""
        tracks = "1 track" if self.n_tracks == 1 else f"{self.n_tracks} tracks"
        return f"{self.n_frames:,} frames in {tracks}"

    def line(self) -> str:
        """The summary as one line of text."""
        parts = [f"{self.n_changed} of {_points(self.n_points)} changed"]
        if not self.n_points:
            parts[0] += ": all are missing"
        elif not self.n_changed + self.n_rejected and not np.isfinite(self.jitter_before):
            parts[0] += f": {TOO_FEW_FRAMES}"
        if self.n_changed:
            parts[0] += (
                f" (by {self.moved_median:.3g} in the median, {self.moved_p95:.3g} at the 95th "
                f"percentile, {self.moved_largest:.3g} at most)"
            )
        if np.isfinite(self.jitter_before):
            parts.append(f"jitter {self.jitter_before:.3g} before, {self.jitter_after:.3g} after")
        if self.n_filled:
            parts.append(f"{_points(self.n_filled)} filled")
        parts += self._low_scores()
        if self.n_missing:
            parts.append(f"{self.n_missing} missing")
        if self.n_marked_missing:
            parts[-1] += f" ({self.n_marked_missing} at (0, 0) or (-1, -1))"
        if self.n_linked:
            parts.append(f"{self.n_linked} detections linked to tracks")
        parts += self._swaps()
        parts += _found(self.findings)
        return "; ".join(parts)

    def _low_scores(self) -> list[str]:
        if self.min_score is None:
            return []
        which = f"score below {self.min_score:g}"
        if self.min_score_rule == "default":
            which += ", the default, and far from the confident ones around"
        n_unread = self.n_rejected + self.n_replaced
        if not n_unread:
            return [f"no point left out ({which})"]
        what = "left as they were" if self.n_rejected else "replaced"
        return [f"{_points(n_unread)} not read ({which}), {what}"]

    def _swaps(self) -> list[str]:
        kinds = [(self.n_left_right, "left and right"), (self.n_identity, "individuals")]
        found = [f"{_points(n)} exchanged between {what}" for n, what in kinds if n]
        if found and not self.fix_swaps:
            found[-1] += ", left so (--fix-swaps mends them)"
        elif found:
            found[-1] += f", {self.n_exchanged} put where they belong"
            n_left = self.n_left_right + self.n_identity - self.n_exchanged
            found[-1] += f", {n_left} left so (not sure, or without a partner)" * (n_left > 0)
        return found


def _without_nan(value: Any) -> Any:
    """A value of dictionaries and tuples with None for NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _points(n: int) -> str:
    return f"{n} point{'s' * (n != 1)}"


def summarize(poses: Poses, outcome: Outcome, rules: Rules | None = None) -> Summary:
    """Compare tracks with what smoothing made of them.

    Parameters
    ----------
    rules : by which points were read; None if scores were not used to reject any.
    """
    results = outcome.results
    moved, before, after = [], [], []
    least = 10.0 ** -decimals_of(track.keypoints for track in poses.tracks)  # less is rounding
    n_points = n_missing = 0
    for track, result in zip(poses.tracks, results, strict=True):
        present = known_points(track.keypoints)
        n_points += int(present.sum())
        n_missing += int((~present & ~result.filled).sum())
        distance = lengths(result.keypoints - track.keypoints)
        moved.append(distance[present & (distance > least)])
        read = (present & ~result.rejected & ~result.filled)[..., None]
        before.append(_jitter(track, np.where(read, track.keypoints, np.nan)))
        after.append(_jitter(track, np.where(read, result.keypoints, np.nan)))
    moves = np.concatenate([*moved, np.zeros(0)])
    median, p95, largest = (
        np.quantile(moves, [0.5, 0.95, 1.0]).tolist() if len(moves) else [float("nan")] * 3
    )
    min_score, rule = _score_rule(poses, rules)
    return Summary(
        n_tracks=len(poses.tracks),
        n_frames=sum(len(track.frame) for track in poses.tracks),
        n_keypoints=len(poses.names),
        n_points=n_points,
        n_changed=len(moves),
        n_rejected=sum(int(result.rejected.sum()) for result in results),
        n_replaced=sum(int(r.replaced.sum()) for r in results if r.replaced is not None),
        n_filled=sum(int(result.filled.sum()) for result in results),
        n_missing=n_missing,
        n_marked_missing=poses.counts.get("marked_missing", 0),
        n_linked=poses.counts.get("linked", 0),
        n_left_right=outcome.n_left_right,
        n_identity=outcome.n_identity,
        n_exchanged=outcome.n_exchanged,
        fix_swaps=outcome.fix_swaps,
        moved_median=median,
        moved_p95=p95,
        moved_largest=largest,
        jitter_before=_mean(before),
        jitter_after=_mean(after),
        min_score=min_score,
        min_score_rule=rule,
        assumed=poses.warnings,
        findings=tuple(one for result in results for one in result.findings),
    )


def _score_rule(poses: Poses, rules: Rules | None) -> tuple[float | None, str | None]:
    """The score below which points were rejected, and by which rule."""
    if rules is None:
        return None, None
    if rules.min_score is not None:
        return (rules.min_score, "given") if rules.min_score > 0 else (None, None)
    if not any(are_probabilities(track.score) for track in poses.tracks):
        return None, None
    return default_min_score(poses.format), "default"


def _found(findings: Sequence[Finding]) -> list[str]:
    """What filters that measure noise found, in words."""
    parts = []
    by_noise = [one for one in findings if np.isfinite(one.noise)]
    if by_noise:
        weights = [one.n_points for one in by_noise]
        noise = float(np.average([one.noise for one in by_noise], weights=weights))
        parts.append(f"fast noise {100 * noise:.2g} % of the body")
        outliers = sum(one.n_outliers for one in by_noise)
        parts += [f"{outliers} outlier{'s' * (outliers != 1)} replaced"] if outliers else []
        alone = sum(one.strength == 0.0 for one in by_noise)
        if alone:
            parts.append(f"{alone} of {len(findings)} runs without noise left alone")
    others = Counter((one.method, one.reason) for one in findings if one.reason and one.n_points)
    for (method, reason), count in sorted(others.items()):
        parts.append(f"{count} of {len(findings)} runs smoothed by {method} ({reason})")
    return parts


def _jitter(track: Track, keypoints: Floats) -> Floats:
    """Lengths of the second differences over three frames in a row."""
    if len(keypoints) < 3:
        return np.zeros(0)
    steps = np.diff(track.frame) == track.step
    second = keypoints[2:] - 2 * keypoints[1:-1] + keypoints[:-2]
    found = lengths(second[steps[1:] & steps[:-1]])
    return np.asarray(found[np.isfinite(found)])


def _mean(parts: Sequence[Floats]) -> float:
    values = np.concatenate([*parts, np.zeros(0)])
    return float(values.mean()) if len(values) else float("nan")
