"""The clips of a spool as columns: what plans are made from, some 100 bytes a clip."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.store.layout import text_column
from pose_smoother.store.names import WINDOW_FRAMES

TEXTS = ("id", "dataset", "video", "action", "person")
#: start, stop: rows of the spool. unbroken: the clip is one run.
NUMBERS = {
    "fps": "<f8",
    "start": "<i8",
    "stop": "<i8",
    "first_frame": "<i4",
    "last_frame": "<i4",
    "n_windows": "<i8",
    "unbroken": "|b1",
}
_CHUNK_CLIPS = 16_384  # as Python objects at a time


@dataclass
class ScannedClip:
    """A clip in the spool: its columns of the clips table, spool rows and lengths of its runs."""

    id: str
    dataset: str
    video: str
    action: str
    person: str
    fps: float
    start: int
    stop: int
    first_frame: int
    last_frame: int
    runs: list[int]

    def n_windows(self) -> int:
        """Windows at frame step 1."""
        return sum(max(0, run - WINDOW_FRAMES + 1) for run in self.runs)

    def record(self) -> list[Any]:
        """A row of the table, in the order of ``TEXTS`` and ``NUMBERS``."""
        texts = [getattr(self, name) for name in TEXTS]
        place = [self.fps, self.start, self.stop, self.first_frame, self.last_frame]
        return [*texts, *place, self.n_windows(), len(self.runs) == 1]


class ClipTable:
    """All scanned clips, in the order of their files.

    Attributes
    ----------
    columns : name -> (clips,): UTF-8 bytes (``S``) of ``TEXTS``, numbers of ``NUMBERS``.
    """

    def __init__(self, records: Iterable[list[Any]]) -> None:
        chunks = [_columns(chunk) for chunk in _chunks(records)] or [_columns([])]
        self.columns: dict[str, NDArray[Any]] = {
            name: np.concatenate([chunk.pop(name) for chunk in chunks])
            for name in (*TEXTS, *NUMBERS)
        }

    @classmethod
    def read(cls, file: Path) -> "ClipTable":
        """The table of a file with a record a line."""
        with file.open() as lines:
            return cls(json.loads(line) for line in lines)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["start"])


def _chunks(records: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    rest = iter(records)
    while chunk := list(islice(rest, _CHUNK_CLIPS)):
        yield chunk


def _columns(records: list[list[Any]]) -> dict[str, NDArray[Any]]:
    values = list(zip(*records, strict=True)) or [()] * (len(TEXTS) + len(NUMBERS))
    texts = {n: text_column(v) for n, v in zip(TEXTS, values[: len(TEXTS)], strict=True)}
    numbers = zip(NUMBERS.items(), values[len(TEXTS) :], strict=True)
    return texts | {name: np.array(v, kind) for (name, kind), v in numbers}
