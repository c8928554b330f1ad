"""The spool: boxed positions of every clip, on disk between reading sources and writing shards.

Archives can only be read once from front to back, and shards need clips in another order. Three
plain arrays hold all that shards are made from, about 220 bytes a frame, so memory doesn't grow.
"""

import hashlib
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.files import fsync_folder, sha256_file
from pipeline.contract.skeleton import N_KEYPOINTS

#: file name -> (dtype, shape of a frame)
COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "keypoints_exact": ("<f4", (N_KEYPOINTS, 2)),
    "boxes": ("<f4", (4,)),
    "frame": ("<i4", ()),
}


class SpoolWriter:
    """Appends clips to the spool's files; use as a context manager.

    Attributes
    ----------
    n_frames : appended so far.
    sha256 : of each file, once it is closed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in COLUMNS}
        self._hashes = {name: hashlib.sha256() for name in COLUMNS}
        self.n_frames = 0
        self.sha256: dict[str, str] = {}

    def append(self, **rows: NDArray[Any]) -> None:
        """Append the boxed frames of one clip."""
        lengths = {len(value) for value in rows.values()}
        if set(rows) != set(COLUMNS) or len(lengths) != 1:
            raise ValueError(f"expected {sorted(COLUMNS)} of one length, got {lengths}")
        for name, (dtype, _) in COLUMNS.items():
            data = np.ascontiguousarray(rows[name], dtype).tobytes()
            self._files[name].write(data)
            self._hashes[name].update(data)
        self.n_frames += lengths.pop()

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
        return all(sha256_file(folder / name) == sha256[name] for name in COLUMNS)
    except (OSError, KeyError):
        return False


class SplitRows:
    """The rows of one split: pieces of clips, end to end.

    Attributes
    ----------
    pieces : int64 (pieces, 3): row of the clips table, first and end row in the spool.
    """

    def __init__(self, folder: Path, pieces: NDArray[np.int64]) -> None:
        self.folder = folder
        self.pieces = pieces.reshape(-1, 3)
        self.ends = np.concatenate([[0], np.cumsum(self.pieces[:, 2] - self.pieces[:, 1])])

    @property
    def n_frames(self) -> int:
        """Number of frames of the split."""
        return int(self.ends[-1])

    def _parts(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """(clip row, spool start, spool stop) that cover the split's rows ``start:stop``."""
        index = int(np.searchsorted(self.ends, start, side="right")) - 1
        parts = []
        while start < stop:
            clip, begin, end = (int(value) for value in self.pieces[index])
            begin += start - int(self.ends[index])
            end = min(end, begin + stop - start)
            parts.append((clip, begin, end))
            start += end - begin
            index += 1
        return parts

    def gather(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start:stop`` of the split, of one spool column."""
        dtype, shape = COLUMNS[name]
        row_bytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int))
        chunks = []
        with (self.folder / name).open("rb") as file:
            for _, begin, end in self._parts(start, stop):
                file.seek(begin * row_bytes)
                chunks.append(file.read((end - begin) * row_bytes))
        return np.frombuffer(b"".join(chunks), dtype).reshape(stop - start, *shape)

    def clip_rows(self, start: int, stop: int) -> NDArray[np.int32]:
        """Clip row of each of the split's rows ``start:stop``."""
        parts = self._parts(start, stop)
        counts = [end - begin for _, begin, end in parts]
        return np.repeat(np.array([clip for clip, _, _ in parts], np.int32), counts)
