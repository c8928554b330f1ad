"""The spool: boxed positions of every clip, on disk between reading sources and writing shards.

Archives can only be read once from front to back, and shards need clips in another order. Three
plain arrays hold all that shards are made from, about 220 bytes a frame, and two lists hold a line
for each clip and each input file, so memory doesn't grow.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import fsync_folder, sha256_file
from pose_smoother.skeleton import N_KEYPOINTS

#: file name -> (dtype, shape of a frame)
COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "keypoints_exact": ("<f4", (N_KEYPOINTS, 2)),
    "boxes": ("<f4", (4,)),
    "frame": ("<i4", ()),
}
#: Lists with a line of JSON for each clip, and for each input file.
CLIPS, FILES = "clips.jsonl", "files.jsonl"
_PARTS = (*COLUMNS, CLIPS, FILES)


class SpoolWriter:
    """Appends clips to the spool's files; use as a context manager.

    Attributes
    ----------
    n_frames, n_clips : appended so far.
    sha256 : of each file, once it is closed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in _PARTS}
        self._hashes = {name: hashlib.sha256() for name in _PARTS}
        self.n_frames = 0
        self.n_clips = 0
        self.sha256: dict[str, str] = {}

    def append(self, record: list[Any], **rows: NDArray[Any]) -> None:
        """Append the boxed frames of one clip, and what the list of clips says of it."""
        lengths = {len(value) for value in rows.values()}
        if set(rows) != set(COLUMNS) or len(lengths) != 1:
            raise ValueError(f"expected {sorted(COLUMNS)} of one length, got {lengths}")
        for name, (dtype, _) in COLUMNS.items():
            self._write(name, np.ascontiguousarray(rows[name], dtype).tobytes())
        self._write(CLIPS, json.dumps(record).encode() + b"\n")
        self.n_frames += lengths.pop()
        self.n_clips += 1

    def note_file(self, entry: dict[str, Any]) -> None:
        """Append an input file's line of the report."""
        self._write(FILES, json.dumps(entry).encode() + b"\n")

    def _write(self, name: str, data: bytes) -> None:
        self._files[name].write(data)
        self._hashes[name].update(data)

    def __enter__(self) -> "SpoolWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Flush all files to the disk, unless what was written is given up anyway."""
        try:
            for name, file in self._files.items():
                if kind is None:
                    file.flush()
                    os.fsync(file.fileno())
                    self.sha256[name] = self._hashes[name].hexdigest()
        finally:
            for file in self._files.values():
                file.close()
        if kind is None:
            fsync_folder(self._folder)
            fsync_folder(self._folder.parent)


def spool_is_whole(folder: Path, sha256: dict[str, str]) -> bool:
    """Whether the spool's files are what was written: a power cut may have taken some of it."""
    try:
        return all(sha256_file(folder / name) == sha256[name] for name in _PARTS)
    except (OSError, KeyError):
        return False


class SplitReader:
    """The rows of one split: pieces of clips, end to end.

    Attributes
    ----------
    pieces : int64 (pieces, 3): row of the clips table, first and end row in the spool.
    """

    def __init__(self, folder: Path, pieces: NDArray[np.int64]) -> None:
        self.folder = folder
        self.pieces = pieces.reshape(-1, 3)
        self.ends: NDArray[np.int64] = np.concatenate(
            [[0], np.cumsum(self.pieces[:, 2] - self.pieces[:, 1])]
        )

    @property
    def n_frames(self) -> int:
        """Number of frames of the split."""
        return int(self.ends[-1])

    def _parts(self, start: int, stop: int) -> NDArray[np.int64]:
        """(clip row, spool start, spool stop) that cover the split's rows ``start:stop``."""
        if start >= stop:
            return np.zeros((0, 3), np.int64)
        first = int(np.searchsorted(self.ends, start, side="right")) - 1
        last = int(np.searchsorted(self.ends, stop, side="left"))
        parts = np.array(self.pieces[first:last])
        parts[-1, 2] -= self.ends[last] - stop
        parts[0, 1] += start - self.ends[first]
        return parts

    def read_rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start:stop`` of the split, of one spool column."""
        dtype, shape = COLUMNS[name]
        rows: NDArray[Any] = np.empty((stop - start, *shape), dtype)
        row_bytes = rows.itemsize * int(np.prod(shape, dtype=int))
        target, filled = rows.reshape(-1).view(np.uint8).data, 0
        with (self.folder / name).open("rb") as file:
            for begin, end in _joined(self._parts(start, stop)[:, 1:]):
                n_bytes = (end - begin) * row_bytes
                file.seek(begin * row_bytes)
                if file.readinto(target[filled : filled + n_bytes]) != n_bytes:
                    raise StoreError(f"{self.folder / name} is too short: remove it and run again")
                filled += n_bytes
        return rows

    def clip_rows(self, start: int, stop: int) -> NDArray[np.int32]:
        """Clip row of each of the split's rows ``start:stop``."""
        parts = self._parts(start, stop)
        return np.repeat(parts[:, 0].astype(np.int32), parts[:, 2] - parts[:, 1])


def _joined(spans: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(start, end) of spans, neighbours as one."""
    apart = spans[1:, 0] != spans[:-1, 1]
    begins = spans[:1, 0].tolist() + spans[1:][apart, 0].tolist()
    ends = spans[:-1][apart, 1].tolist() + spans[-1:, 1].tolist()
    yield from zip(begins, ends, strict=True)
