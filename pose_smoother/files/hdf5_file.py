"""An HDF5 file written so that a refused write is told as what it was.

HDF5's own errors carry no number ("File write failed"), and a library that met a full disk may
crash when it is closed. So it writes through a file of ours, which keeps the first refusal and
takes no more: HDF5 closes in peace, and the refusal is raised then.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from pose_smoother.files.atomic import WriteError


class _Watched(io.FileIO):
    """A file whose first refused write is kept, and every later one dropped."""

    refused: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of ``data``; nothing once the file system refused."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while len(view) and self.refused is None:
                view = view[os.write(self.fileno(), view) :]
        except OSError as error:
            self.refused = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the file's length; nothing once the file system refused."""
        try:
            if self.refused is None:
                os.ftruncate(self.fileno(), self.tell() if size is None else size)
        except OSError as error:
            self.refused = error
        return self.tell() if size is None else size


@contextmanager
def new_file(path: Path, needs_bytes: int) -> Iterator[h5py.File]:
    """Make an HDF5 file at ``path`` (of HDF5's latest format) for the body to fill.

    Parameters
    ----------
    needs_bytes : about how large it will be, for the error.

    Raises
    ------
    WriteError : the file system refused a write; the file is not whole.
    """
    with _Watched(path, "w+") as watched:
        try:
            with h5py.File(watched, "w", libver="latest") as file:
                yield file
        except Exception:
            if watched.refused is None:
                raise
        if watched.refused is not None:
            raise WriteError.of(watched.refused, path, needs_bytes) from watched.refused
