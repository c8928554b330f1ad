"""The spool: boxed positions of every clip, on disk between reading sources and writing shards.

Archives can only be read once from front to back, and shards need clips in another order. Three
plain arrays hold all that shards are made from, about 220 bytes a frame, so memory doesn't grow.
"""

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contract.skeleton import N_KEYPOINTS

#: file name -> (dtype, shape of a frame)
COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "keypoints_exact": ("<f4", (N_KEYPOINTS, 2)),
    "boxes": ("<f4", (4,)),
    "frame": ("<i4", ()),
}


class SpoolWriter:
    """Appends clips to the spool's files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in COLUMNS}
        self.n_frames = 0

    def append(self, **rows: NDArray[Any]) -> None:
        """Append the boxed frames of one clip."""
        lengths = {len(value) for value in rows.values()}
        if set(rows) != set(COLUMNS) or len(lengths) != 1:
            raise ValueError(f"expected {sorted(COLUMNS)} of one length, got {lengths}")
        for name, (dtype, _) in COLUMNS.items():
            self._files[name].write(np.ascontiguousarray(rows[name], dtype).tobytes())
        self.n_frames += lengths.pop()

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()


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
