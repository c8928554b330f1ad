"""A folder on the local disk that keeps what was read from addresses, up to a size.

What was not used for longest goes first (by the files' times, which every use renews). Several
processes may share the folder: a file that one of them deletes is fetched again by the other.
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
_LOOK_AGAIN = 20  # the folder is measured again whenever a twentieth of the cap was added


def cache_folder() -> Path:
    """Where copies are kept: ``POSE_CACHE``, else below the user's own cache folder."""
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
    """How much is kept: ``POSE_CACHE_BYTES``, such as ``10GB``.

    Raises
    ------
    InvalidInputError : the variable is no size.
    """
    text = os.environ.get(SIZE_VARIABLE, "").strip()
    if not text:
        return DEFAULT_BYTES
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{SIZE_VARIABLE} must be a size such as 10GB, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2].lower()])


class Cache:
    """The files below a folder, held to a size by deleting those not used for longest."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._known = max_bytes + 1  # measured before the first file is added
        self._added = 0

    def make_room(self, n_bytes: int) -> None:
        """Delete until a new file of this size fits; one alone may be larger than the cap."""
        with self._lock:
            self._added += n_bytes
            if self._known + n_bytes > self.max_bytes or (
                self._added > self.max_bytes // _LOOK_AGAIN
            ):
                self._known = self._trim(n_bytes)
                self._added = n_bytes
            self._known += n_bytes

    def _trim(self, n_bytes: int) -> int:
        """Bytes left, after the oldest files were deleted if the new one does not fit."""
        files = sorted(_sizes(self.folder))
        total = sum(size for _, size, _ in files)
        if total + n_bytes <= self.max_bytes:
            return total
        for _, size, file in files:
            if total + n_bytes <= 0.9 * self.max_bytes:  # some air: the next is not far
                break
            with suppress(OSError):
                file.unlink()
            total -= size
        return total


def _sizes(folder: Path) -> list[tuple[int, int, Path]]:
    """Time of last use, size and path of each file; those deleted meanwhile are passed over."""
    found = []
    for inner, _, names in os.walk(folder):
        for name in names:
            file = Path(inner, name)
            with suppress(OSError):
                told = file.stat()
                found.append((told.st_mtime_ns, told.st_size, file))
    return found
