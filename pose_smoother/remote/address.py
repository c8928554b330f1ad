"""Where a file or folder is: on this machine (a ``Path``), or at an address (a ``RemotePath``).

``pathlib`` would turn ``s3://bucket`` into ``s3:/bucket``, so addresses are a type of their own. It
has those of ``Path``'s methods that the sources and the stores ask for, and nothing that writes.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from pose_smoother.errors import InvalidInputError

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)
_THIS_MACHINE = ("file", "local")


@dataclass(frozen=True, order=True)
class RemotePath:
    """A file or folder at an fsspec address, such as ``s3://bucket/store.zarr``."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(f"{self.url}/{name}")

    @property
    def protocol(self) -> str:
        """The address's first part, such as ``s3``."""
        return self.url.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> "RemotePath":
        """The folder above; the top is its own parent."""
        above = self.url.rpartition("/")[0]
        return self if above.endswith(":/") else RemotePath(above)

    def with_name(self, name: str) -> "RemotePath":
        """The same folder, another last part."""
        return self.parent / name

    def resolve(self) -> "RemotePath":
        """An address is absolute already."""
        return self

    def exists(self) -> bool:
        """Whether a file or a folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether one object is there."""
        from pose_smoother.remote.objects import entry

        return entry(self) is not None

    def is_dir(self) -> bool:
        """Whether objects lie below the address."""
        from pose_smoother.remote.objects import is_folder

        return is_folder(self)

    def open(self, mode: str = "rb") -> IO[bytes]:
        """The object as a file that can be read and sought in; only what is read is fetched."""
        from pose_smoother.remote.range_file import open_ranges

        if mode != "rb":
            raise ValueError(f"an address is opened for reading only, not {mode!r}")
        return open_ranges(self)


#: A path of this machine, or an address.
PathOrUrl: TypeAlias = Path | RemotePath


def as_path_or_url(text: "str | PathOrUrl") -> PathOrUrl:
    """What a user's path or address means; ``file://`` addresses are paths of this machine.

    Raises
    ------
    InvalidInputError : a chain of addresses, which is not understood.
    """
    if not isinstance(text, str):
        return text
    match = _ADDRESS.fullmatch(text)
    if "://" in text and "::" in text:
        raise InvalidInputError(
            f"{text}: chained addresses are not supported; shards are cached anyway"
        )
    if match is None:
        return Path(text)
    protocol, rest = match[1].lower(), match[2]
    if protocol in _THIS_MACHINE:
        return Path(rest)
    if not rest.strip("/"):
        raise InvalidInputError(f"{text} names no bucket or folder")
    return RemotePath(f"{protocol}://{rest.rstrip('/')}")
