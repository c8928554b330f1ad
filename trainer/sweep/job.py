"""One run of a sweep."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes
    ----------
    name : of its folder.
    identity : what decides its numbers.
    command : makes it, or continues it; a process of its own.
    """

    name: str
    identity: dict[str, Any]
    command: tuple[str, ...]
