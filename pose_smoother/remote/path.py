"""A file or folder on this machine (a ``Path``) or at an address (a ``RemotePath``).

A ``RemotePath`` has those methods of ``Path`` that the sources and the stores call, and none that
writes.
"""

from pathlib import Path
from typing import IO, TypeAlias

from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.address import Address, split_url
from pose_smoother.remote.objects import entry, is_folder

_THIS_MACHINE = ("file", "local")


class RemotePath(Address):
    """A file or folder at an fsspec address, such as ``s3://bucket/store.zarr``."""

    def exists(self) -> bool:
        """Whether a file or a folder exists at the address."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether an object exists at the address."""
        return entry(self) is not None

    def is_dir(self) -> bool:
        """Whether objects exist below the address."""
        return is_folder(self)

    def open(self, mode: str = "rb") -> IO[bytes]:
        """The object as a file that can be read and sought in; only what is read is fetched."""
        from pose_smoother.remote.range_file import open_ranges  # needs fsspec, an optional package

        if mode != "rb":
            raise ValueError(f"an address is opened for reading only, not {mode!r}")
        return open_ranges(self)


#: A path of this machine, or an address.
PathOrUrl: TypeAlias = Path | RemotePath


def as_path_or_url(text: "str | PathOrUrl") -> PathOrUrl:
    """A user's path or address as a ``Path`` or a ``RemotePath``.

    ``file://`` addresses are paths of this machine.

    Raises
    ------
    InvalidInputError : a chain of addresses, or an address without a bucket or folder.
    """
    if not isinstance(text, str):
        return text
    parts = split_url(text)
    if parts is None:
        return Path(text)
    protocol, rest = parts
    if protocol in _THIS_MACHINE:
        return Path(rest)
    if not rest.strip("/"):
        raise InvalidInputError(f"{text} names no bucket or folder")
    return RemotePath(f"{protocol}://{rest.rstrip('/')}")


def local_path(place: PathOrUrl | None) -> Path | None:
    """A path of this machine; None for an address, or where none is given."""
    return place if isinstance(place, Path) else None
