"""Addresses such as ``s3://bucket/store.zarr``, as text: nothing here asks a server.

``pathlib`` would turn ``s3://bucket`` into ``s3:/bucket``, so addresses are a type of their own.
"""

import re
from dataclasses import dataclass
from typing import Self

from pose_smoother.errors import InvalidInputError

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)


@dataclass(frozen=True, order=True)
class Address:
    """A file or folder at an fsspec address; has the methods of a ``Path`` that only take names."""

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> Self:
        return type(self)(f"{self.url}/{name}")

    @property
    def protocol(self) -> str:
        """The address's first part, such as ``s3``."""
        return self.url.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> Self:
        """The folder above; the top is its own parent."""
        above = self.url.rpartition("/")[0]
        return self if above.endswith(":/") else type(self)(above)

    def with_name(self, name: str) -> Self:
        """The same folder, another last part."""
        return self.parent / name

    def resolve(self) -> Self:
        """An address is absolute already."""
        return self


def split_url(text: str) -> tuple[str, str] | None:
    """The protocol, in lower case, and the rest of an address; None where text is no address.

    Raises
    ------
    InvalidInputError : a chain of addresses, which is not supported.
    """
    if "://" in text and "::" in text:
        raise InvalidInputError(
            f"{text}: chained addresses are not supported; shards are cached anyway"
        )
    match = _URL.fullmatch(text)
    return None if match is None else (match[1].lower(), match[2])
