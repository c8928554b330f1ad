"""Annotation sources: each module of this folder reads one dataset and yields clips.

A module registers itself by its ``NAME`` constant and has ``OPTIONS`` (the options by which the
commands get its paths), ``LABELLED`` (names of the keypoints the dataset labels), ``items`` (IO: a
path to a stream of raw files) and ``parse`` (pure: one raw file to clips, run in a worker process
because damaged files can crash a parser). Where clips of neighbouring ids are often cut from one
video, ``NEIGHBOURING_IDS`` says how many ids, which are numbers then, stay in one split. All
modules are imported when the program starts: import slow packages inside functions. ``RELEASE``, if
there is one, has counts of the dataset as released, with which ``check`` compares.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.registry import named_modules
from pose_smoother.remote.path import PathOrUrl
from pose_smoother.skeleton import KEYPOINTS

#: Ids are text that can never be a path.
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class SourceOption:
    """An option of the commands, ``--<name> PATH``: a folder, file or address of a source.

    The one that is called like the source is the path of its annotations; a command reads the
    source where that one is given.
    """

    name: str
    help: str


@dataclass(frozen=True)
class SourceOptions:
    """What the user chose about the sources, in addition to the paths of their annotations.

    Attributes
    ----------
    paths : name of a ``SourceOption`` that was given -> its path.
    hashes : list of SHA-256 sums; a file that is not as listed is rejected
        (``pipeline.checksums``).
    """

    paths: dict[str, PathOrUrl] = field(default_factory=dict)
    hashes: Path | None = None


@dataclass(frozen=True)
class Item:
    """One raw input file: its name in the source, its bytes, and what parsing needs besides."""

    name: str
    data: bytes
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Clip:
    """Annotated frames of one person, up to a shot cut.

    Attributes
    ----------
    id : unique within its dataset, matches ``ID_PATTERN``.
    video : clips of one video must go to one split.
    person : the dancer or athlete, where the dataset has it ("" otherwise).
    fps : frames a second; NaN where the dataset doesn't have it.
    frames : int32 (n,), source frame numbers, strictly increasing; a gap ends a run.
    keypoints : float64 (n, 25, 2), (x, y) in source pixels; NaN where not annotated.
    left_out : reason -> count of what was dropped while parsing (``frames: …``, ``keypoints: …``).
    """

    id: str
    dataset: str
    video: str
    action: str
    person: str
    fps: float
    frames: NDArray[np.int32]
    keypoints: NDArray[np.float64]
    left_out: dict[str, int] = field(default_factory=dict)


class Source(Protocol):
    """What a module of this folder offers."""

    NAME: str
    OPTIONS: tuple[SourceOption, ...]
    LABELLED: tuple[str, ...]

    def items(self, path: PathOrUrl, options: SourceOptions) -> Iterator[Item]:
        """Raw input files in a stable order."""

    def parse(self, item: Item) -> list[Clip]:
        """Clips of one raw file; raises InvalidInputError with the reason when it is broken."""


@cache
def sources() -> dict[str, Source]:
    """Registered sources by name."""
    return cast(dict[str, Source], named_modules(__name__, __path__))


def source(name: str) -> Source:
    """One source by name, or an error that lists the known ones."""
    try:
        return sources()[name]
    except KeyError:
        raise unknown_name("source", name, list(sources())) from None


def labelled_mask(names: tuple[str, ...]) -> list[bool]:
    """For each of the 25 keypoints, whether it is among ``names``."""
    return [name in names for name in KEYPOINTS]


def checked_id(text: str) -> str:
    """An id from the outside, or InvalidInputError if it is not plain letters, digits, ``-`` and
    ``_``.
    """
    if not ID_PATTERN.fullmatch(text):
        raise InvalidInputError(f"id {text[:80]!r} is not 1 to 64 letters, digits, '-' or '_'")
    return text
