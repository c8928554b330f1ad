"""A remote object as a seekable file, fetched block by block: archives are not copied."""

from io import BufferedReader
from typing import IO, Any, cast

from fsspec.spec import AbstractBufferedFile

from pose_smoother.remote.address import Address
from pose_smoother.remote.objects import entry, filesystem, read_range
from pose_smoother.remote.retry import ContentMismatchError, RemoteError

_BLOCK_BYTES = 4 << 20
_MAX_BLOCKS = 8


class _Ranges(AbstractBufferedFile):
    """fsspec's buffered file, which caches blocks; each block is fetched by ``read_range``."""

    def __init__(self, address: Address, n_bytes: int) -> None:
        self._address = address
        super().__init__(
            filesystem(address.protocol),
            address.url,
            block_size=_BLOCK_BYTES,
            cache_type="background",  # the next block is fetched while this one is read
            cache_options={"maxblocks": _MAX_BLOCKS},
            size=n_bytes,
        )
        self.name = address.url

    def read(self, length: int = -1) -> bytes:
        """Read up to the end: fsspec before 2026.9 fails where more is asked for."""
        left = max(0, self.size - self.loc)
        return bytes(super().read(left if length < 0 else min(length, left)))

    def _fetch_range(self, start: int, end: int) -> bytes:
        try:
            return read_range(self._address, start, min(end, self.size))
        except (FileNotFoundError, ContentMismatchError) as error:
            text = f"{self._address} changed while it was read ({error}): run the command again"
            raise RemoteError(text) from None


def open_ranges(address: Address) -> IO[bytes]:
    """Open an object for reading.

    Raises
    ------
    RemoteError : no such object exists.
    """
    found = entry(address)
    if found is None:
        raise RemoteError(f"{address} does not exist")
    return cast(IO[bytes], BufferedReader(cast(Any, _Ranges(address, found.n_bytes)), 1 << 16))
