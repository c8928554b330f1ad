"""A remote object as a file: archives are read where they lie, block by block, never copied."""

from io import BufferedReader
from typing import IO, Any, cast

from fsspec.spec import AbstractBufferedFile

from pose_smoother.remote.address import RemotePath
from pose_smoother.remote.objects import entry, filesystem, read_range
from pose_smoother.remote.retry import ContentMismatchError, RemoteError

_BLOCK_BYTES = 4 << 20
_MAX_BLOCKS = 8


class _Ranges(AbstractBufferedFile):
    """fsspec's file with its cache of blocks; every block is fetched by ``read_range``."""

    def __init__(self, place: RemotePath, n_bytes: int) -> None:
        self._place = place
        super().__init__(
            filesystem(place.protocol),
            place.url,
            block_size=_BLOCK_BYTES,
            cache_type="background",  # the next block is fetched while this one is read
            cache_options={"maxblocks": _MAX_BLOCKS},
            size=n_bytes,
        )
        self.name = place.url

    def read(self, length: int = -1) -> bytes:
        """Read up to the end: fsspec before 2026.9 fails where more is asked for."""
        left = max(0, self.size - self.loc)
        return bytes(super().read(left if length < 0 else min(length, left)))

    def _fetch_range(self, start: int, end: int) -> bytes:
        try:
            return read_range(self._place, start, min(end, self.size))
        except (FileNotFoundError, ContentMismatchError) as error:
            text = f"{self._place} changed while it was read ({error}): run the command again"
            raise RemoteError(text) from None


def open_ranges(place: RemotePath) -> IO[bytes]:
    """Open an object for reading.

    Raises
    ------
    RemoteError : there is no such object.
    """
    found = entry(place)
    if found is None:
        raise RemoteError(f"{place} does not exist")
    return cast(IO[bytes], BufferedReader(cast(Any, _Ranges(place, found.n_bytes)), 1 << 16))
