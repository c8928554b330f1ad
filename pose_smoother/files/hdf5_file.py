"""HDF5 files: read without locks, and written so that a refused write raises the system's error.

HDF5's errors carry no error number ("File write failed"), and the library may crash at closing
after it met a full disk. So it writes through a Python file that records the first refused write
and ignores all later ones: HDF5 closes normally, and the recorded error is raised afterwards.
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
    """A file that records the first refused write, and ignores every later one."""

    refused: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of ``data``; nothing after a refused write."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while len(view) and self.refused is None:
                view = view[os.write(self.fileno(), view) :]
        except OSError as error:
            self.refused = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the file's length; nothing after a refused write."""
        try:
            if self.refused is None:
                os.ftruncate(self.fileno(), self.tell() if size is None else size)
        except OSError as error:
            self.refused = error
        return self.tell() if size is None else size


@contextmanager
def new_file(path: Path, needs_bytes: int) -> Iterator[h5py.File]:
    """Create an HDF5 file at ``path`` (in HDF5's latest format) for the body to fill.

    Parameters
    ----------
    needs_bytes : its approximate size, for the error message.

    Raises
    ------
    WriteError : the file system refused a write; the file is incomplete.
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


def open_file(path: Path) -> h5py.File:
    """An HDF5 file, opened to be read; without a lock, which not every file system has.

    Raises
    ------
    OSError : as the operating system raises it, where the file cannot be opened; as h5py raises
        it (without ``errno``), where it is no HDF5.
    """
    with path.open("rb"):  # h5py's own error would not say whether the file is to blame
        return h5py.File(path, "r", locking=False)
