"""Keypoints of a file as tracks: what every format is read into and written back from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: No pixel is farther out: such a position is missing, for arithmetic on it might overflow.
FARTHEST = 1e9


@dataclass(frozen=True)
class Track:
    """One person of one video, frame by frame.

    Attributes
    ----------
    id : names the track in messages; unique in its file.
    video : the video's name, ``""`` where the format has none.
    person : the person's name in the file, or the one given to it by linking (``link-1``).
    frame : int64 (n,), n >= 1, strictly increasing frame numbers; gaps allowed.
    keypoints : float64 (n, J, 2 or 3), (x, y) or (x, y, z) in the file's unit, mostly source
        pixels; a keypoint that is missing is NaN along every axis.
    score : float64 (n, J), the detector's confidence as in the file; NaN where none is given.
    step : the difference between the numbers of neighbouring frames; over 1 only where the file
        numbers its frames so throughout.
    """

    id: str
    video: str
    person: str
    frame: NDArray[np.int64]
    keypoints: Floats
    score: Floats
    step: int = 1

    def runs(self) -> list[slice]:
        """The stretches of rows without a gap in the frame numbers, in order."""
        cuts = np.flatnonzero(np.diff(self.frame) != self.step) + 1
        edges = [0, *cuts.tolist(), len(self.frame)]
        return [slice(a, b) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True)
class Poses:
    """Every track of one file.

    Attributes
    ----------
    names : (J,) keypoint names as in the file, no two alike.
    tracks : every person of every video.
    warnings : what was assumed while reading, one sentence each; the commands print them, as
        warnings where they are an ``assumed.Caution``, else as notes.
    origin : what the format needs to write the same file with other coordinates; opaque elsewhere.
    format : the name of the format that reads and writes the file.
    fps : frames a second, None where the file does not say.
    gzipped : whether the file is compressed by gzip.
    counts : what was assumed while reading, in numbers: ``linked`` detections without a usable id,
        and points ``marked_missing`` by (0, 0) or (-1, -1).
    """

    names: tuple[str, ...]
    tracks: tuple[Track, ...]
    warnings: tuple[str, ...]
    origin: Any
    format: str = ""
    fps: float | None = None
    gzipped: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
