"""The local cache of what was read from addresses: a folder of limited size.

The least recently used files are deleted first (by modification time, which every use renews).
Several processes may share the folder: a file that one deletes is fetched again by the other.
"""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.retry import RemoteError

FOLDER_VARIABLE = "POSE_CACHE"
SIZE_VARIABLE = "POSE_CACHE_BYTES"
DEFAULT_BYTES = 10_000_000_000
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)
_LOOK_AGAIN = 20  # the folder is measured again after each twentieth of the cap that is added


def cache_folder() -> Path:
    """The folder of the cache: ``POSE_CACHE``, else below the user's cache folder."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).absolute()
    try:
        import platformdirs
    except ModuleNotFoundError:
        raise RemoteError(
            "addresses need the extra 'remote': pip install 'pose-smoother[remote]'"
        ) from None
    return Path(platformdirs.user_cache_dir("pose-smoother"))


def cap_bytes() -> int:
    """The size of the cache in bytes: ``POSE_CACHE_BYTES``, such as ``10GB``.

    Raises
    ------
    InvalidInputError : the variable is not a size.
    """
    text = os.environ.get(SIZE_VARIABLE, "").strip()
    if not text:
        return DEFAULT_BYTES
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{SIZE_VARIABLE} must be a size such as 10GB, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2].lower()])


class Cache:
    """The files below a folder, limited to a size by deleting the least recently used."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._known = max_bytes + 1  # so the folder is measured before the first file is added
        self._added = 0

    def make_room(self, n_bytes: int) -> None:
        """Delete files until a new one of this size fits; a single file may exceed the cap."""
        with self._lock:
            self._added += n_bytes
            if self._known + n_bytes > self.max_bytes or (
                self._added > self.max_bytes // _LOOK_AGAIN
            ):
                self._known = self._trim(n_bytes)
                self._added = n_bytes
            self._known += n_bytes

    def _trim(self, n_bytes: int) -> int:
        """Delete the oldest files if a new one doesn't fit; return the bytes that remain."""
        files = sorted(_sizes(self.folder))
        total = sum(size for _, size, _ in files)
        if total + n_bytes <= self.max_bytes:
            return total
        for _, size, file in files:
            if total + n_bytes <= 0.9 * self.max_bytes:  # leave some room for the next files
                break
            with suppress(OSError):
                file.unlink()
            total -= size
        return total


def _sizes(folder: Path) -> list[tuple[int, int, Path]]:
    """Time of last use, size and path of each file; those deleted meanwhile are skipped."""
    found = []
    for inner, _, names in os.walk(folder):
        for name in names:
            file = Path(inner, name)
            with suppress(OSError):
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size, file))
    return found
