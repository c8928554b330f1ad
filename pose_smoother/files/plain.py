"""Reading files that may come from strangers: regular files of bounded size, not mostly holes."""

import io
import os
import stat
from pathlib import Path

from pose_smoother.errors import InvalidInputError

#: A file may unpack to so many times its size, and to so many bytes whatever its size.
UNPACKED_RATIO = 200
UNPACKED_BYTES = 32 << 20

_BLOCK_BYTES = 16 << 20
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def most_unpacked(packed_bytes: int) -> int:
    """The bytes that a file of this size may take once it is unpacked."""
    return max(UNPACKED_BYTES, UNPACKED_RATIO * packed_bytes)


class Budget:
    """What everything that is read from one file may take, unpacked and converted.

    Parameters
    ----------
    packed_bytes : the file's size.
    max_bytes : the limit for a file of any size.

    Attributes
    ----------
    left_bytes : what may still be spent.
    """

    def __init__(self, packed_bytes: int, max_bytes: int) -> None:
        self.packed_bytes = packed_bytes
        self.left_bytes = min(max_bytes, most_unpacked(packed_bytes))
        self._limit_bytes = self.left_bytes

    def spend(self, n_bytes: int, what: str) -> None:
        """Take bytes off, before memory is taken for them.

        Raises
        ------
        InvalidInputError : fewer are left.
        """
        if n_bytes > self.left_bytes:
            raise InvalidInputError(
                f"{what}: expected at most {self._limit_bytes:,} bytes unpacked from a file of "
                f"{self.packed_bytes:,}, found more"
            )
        self.left_bytes -= n_bytes


def read_plain(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file, or of the one that a link leads to.

    A pipe or a device is refused without waiting for it: reading it may never end. So is a file
    of holes, whose bytes take no room on the disk but all of it in memory.

    Parameters
    ----------
    max_bytes : a larger file is refused before memory is taken for it.

    Raises
    ------
    InvalidInputError : it is no regular file, is too large, or is mostly holes.
    OSError : it is absent or cannot be read.
    """
    with open_plain(path, max_bytes) as file:
        data = file.read(os.fstat(file.fileno()).st_size + 1)
        while more := file.read(_BLOCK_BYTES):  # it grew, or its file system states no size
            data += more
            if len(data) > max_bytes:
                raise InvalidInputError(f"expected at most {max_bytes:,} bytes, found more")
    return data


def open_plain(path: Path, max_bytes: int) -> io.BufferedReader:
    """A regular file, opened for reading; parameters and errors as of ``read_plain``."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            kind = _KINDS.get(stat.S_IFMT(state.st_mode), "no file")
            raise InvalidInputError(f"expected a regular file, found {kind}")
        if state.st_size > max_bytes:
            raise InvalidInputError(
                f"expected a file of at most {max_bytes:,} bytes, found {state.st_size:,}"
            )
        if state.st_size > UNPACKED_BYTES:
            _check_holes(handle, state.st_size)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _check_holes(handle: int, size: int) -> None:
    """Raise InvalidInputError where almost all of a file is holes; a system may know of none."""
    stored = at = 0
    while at < size and most_unpacked(stored) < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
            at = os.lseek(handle, start, os.SEEK_HOLE)
        except OSError:  # no data follows
            break
        stored += at - start
    os.lseek(handle, 0, os.SEEK_SET)
    if most_unpacked(stored) < size:
        raise InvalidInputError(
            f"expected a file with content, found {stored:,} bytes and holes up to {size:,}"
        )
