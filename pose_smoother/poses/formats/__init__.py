"""Files of keypoints: each module of this folder that has a ``NAME`` is a format.

The folder is scanned; a module without ``NAME`` holds what several formats share. To add a
format, add one file (and its test). A format keeps the file's bytes and where each coordinate
stands in them, so that writing changes coordinates and nothing else: a coordinate is written where
the new one is finite and differs from the one that was read.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.tracks import Floats, Poses
from pose_smoother.registry import named_modules


class FormatModule(Protocol):
    """What a format's module offers.

    Attributes
    ----------
    NAME : the format's name on the command line.
    EXTENSIONS : endings of its files, in lower case with the dot; ``""`` is a folder.
    """

    NAME: str
    EXTENSIONS: tuple[str, ...]

    def looks_like(self, path: Path) -> bool:
        """Whether a file with one of the extensions is of this format."""

    def read(self, path: Path, skeleton: str | None) -> Poses:
        """The file's tracks; ``skeleton`` names keypoints where the file does not."""

    def write(self, poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
        """The same file with other coordinates, written atomically."""


@cache
def formats() -> dict[str, FormatModule]:
    """Registered formats by name, sorted."""
    return cast(dict[str, FormatModule], named_modules(__name__, __path__))


def format_module(name: str) -> FormatModule:
    """The module of one format.

    Raises
    ------
    InvalidInputError : no format has this name; the text lists those there are.
    """
    try:
        return formats()[name]
    except KeyError:
        raise unknown_name("format", name, list(formats())) from None


def find_format(path: Path) -> str:
    """The name of the format that a file is in, from its ending and its content.

    Raises
    ------
    InvalidInputError : the file does not exist, is empty, or is of no known format.
    """
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise InvalidInputError(f"{path}: expected a file, found a pipe or a device")
    if path.is_file() and path.stat().st_size == 0:
        raise InvalidInputError(f"{path}: the file is empty")
    ending = "" if path.is_dir() else path.suffix.lower()
    for name, module in formats().items():
        if ending in module.EXTENSIONS and module.looks_like(path):
            return name
    known = ", ".join(formats())
    raise InvalidInputError(
        f"{path}: no known format of keypoints; name it with --format ({known})"
    )


def read_poses(
    path: str | os.PathLike[str], *, format: str | None = None, skeleton: str | None = None
) -> Poses:
    """The tracks of a file of keypoints.

    Parameters
    ----------
    path : a file, or a folder where the format is one.
    format : its format's name; None finds it out.
    skeleton : names the keypoints of a file that does not (``coco-17``; `names.SKELETONS`).

    Raises
    ------
    InvalidInputError : the file cannot be used; the text says where and why.
    """
    path = Path(path)
    name = format or find_format(path)
    module = format_module(name)
    try:
        poses = module.read(path, skeleton)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {_line(str(error))}") from None
    except MemoryError:
        raise InvalidInputError(f"{path}: too large for this machine's memory") from None
    return replace(poses, format=name, warnings=tuple(map(_line, poses.warnings)))


def _line(text: str) -> str:
    """Text that may quote a file as one line that a terminal shows as it is."""
    return "".join(c if c.isprintable() else "?" for c in text)


def write_poses(poses: Poses, path: str | os.PathLike[str]) -> None:
    """Write the file that the poses came from again, with the poses' coordinates.

    Every other field stays as it was, and so do keypoints that are missing (NaN).

    Parameters
    ----------
    poses : what ``read_poses`` returned, smoothed.
    path : the new file or folder.

    Raises
    ------
    InvalidInputError : the poses came from no file, or the file cannot be written.

    Examples
    --------
    >>> import pose_smoother as ps
    >>> poses = ps.read_poses("session.csv")  # doctest: +SKIP
    >>> ps.write_poses(ps.smooth(poses, "median"), "smooth.csv")  # doctest: +SKIP
    """
    if not poses.format:
        raise InvalidInputError(
            f"{path}: expected poses that were read from a file, whose other fields are preserved"
        )
    write_keypoints(poses, [track.keypoints for track in poses.tracks], Path(path))


def write_keypoints(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """Write the file that the poses came from again, with other coordinates.

    Parameters
    ----------
    poses : from `read_poses`.
    keypoints : for every track, in order, float64 (n, J, 2) in the file's unit; where it is not
        finite, the file's own value stays.
    out : the new file or folder.

    Raises
    ------
    InvalidInputError : the shapes are not the tracks', or the file cannot be written.
    """
    expected = [track.keypoints.shape for track in poses.tracks]
    if [array.shape for array in keypoints] != expected:
        raise InvalidInputError(f"expected keypoints of the tracks' shapes, found others for {out}")
    try:
        format_module(poses.format).write(poses, keypoints, out)
    except OSError as error:
        raise InvalidInputError(f"{out}: cannot be written ({error.strerror or error})") from None
