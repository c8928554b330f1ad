"""What is drawn of one person: raw, smoothed and, where it is known, true positions over time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.keypoint_names import KeypointMapping
from pose_smoother.poses.tracks import Floats, Track
from pose_smoother.skeleton import INDEX, LIMBS

#: Keypoints whose path is drawn behind them: where jitter is seen best.
_TRAILED = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")


@dataclass(frozen=True)
class Motion:
    """One person over n frames; J keypoints.

    Attributes
    ----------
    title : what it is a motion of.
    smoother : what the smoothed positions were made by.
    frame : int64 (n,), increasing frame numbers; gaps allowed.
    names : (J,) keypoint names as in the file or the store.
    limbs : lines to draw, as pairs of columns.
    trailed : columns whose path is drawn.
    raw, smoothed : float64 (n, J, 2), (x, y) in the source's pixels, NaN where missing.
    truth : the same, or None where it is not known.
    """

    title: str
    smoother: str
    frame: NDArray[np.int64]
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    trailed: tuple[int, ...]
    raw: Floats
    smoothed: Floats
    truth: Floats | None = None

    def between(self, first: int | None, last: int | None) -> "Motion":
        """The frames with numbers from ``first`` to ``last``, both included; None is open.

        Raises
        ------
        InvalidInputError : there is none.
        """
        low = self.frame[0] if first is None else first
        high = self.frame[-1] if last is None else last
        chosen = (self.frame >= low) & (self.frame <= high)
        if not chosen.any():
            have = f"{self.frame[0]} ... {self.frame[-1]}"
            raise InvalidInputError(f"{self.title} has frames {have}, none in {low} ... {high}")
        return replace(
            self,
            frame=self.frame[chosen],
            raw=self.raw[chosen],
            smoothed=self.smoothed[chosen],
            truth=None if self.truth is None else self.truth[chosen],
        )

    def columns(self, wanted: tuple[str, ...]) -> list[int]:
        """Columns of keypoints by name that have a position; a name without its side means both.

        Raises
        ------
        InvalidInputError : a name is not there (lists those that are), or has no position in any
            frame.
        """
        found: list[int] = []
        for name in wanted:
            sides = (name, f"left_{name}", f"right_{name}")
            at = [i for i, known in enumerate(self.names) if known in sides]
            if not at:
                raise unknown_name("keypoint", name, self.names)
            seen = [i for i in at if np.isfinite(self.raw[:, i]).any()]
            if not seen:
                raise InvalidInputError(
                    f"{self.title} has no {name} in any frame: choose another keypoint"
                )
            found += [i for i in seen if i not in found]
        return found


def motion_of(
    track: Track,
    names: tuple[str, ...],
    mapping: KeypointMapping,
    smoothed: Floats,
    smoother: str,
    title: str,
    truth: Floats | None = None,
) -> Motion:
    """The motion of a track and what was made of it; all float64 (n, J, 2)."""
    column = mapping.index
    limbs = tuple(
        (int(column[a]), int(column[b])) for a, b in LIMBS if column[a] >= 0 and column[b] >= 0
    )
    trailed = tuple(int(column[INDEX[name]]) for name in _TRAILED if column[INDEX[name]] >= 0)
    return Motion(
        title=title,
        smoother=smoother,
        frame=track.frame,
        names=names,
        limbs=limbs,
        trailed=trailed,
        raw=track.keypoints,
        smoothed=smoothed,
        truth=truth,
    )


def mean_error(estimate: Floats, truth: Floats) -> float:
    """Mean distance to the truth over what both have, in the unit of both; NaN without any."""
    distance = np.linalg.norm(estimate - truth, axis=-1)
    known = np.isfinite(distance)
    return float(distance[known].mean()) if known.any() else float("nan")
