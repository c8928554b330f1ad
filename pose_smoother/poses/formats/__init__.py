"""Files of keypoints: each module of this folder that has a ``NAME`` is a format.

The folder is scanned; a module without ``NAME`` holds what several formats share. To add a
format, add one file (and its test). Each format gives the evidence for a file being its own; the
strongest evidence decides. A format keeps the file's bytes and where each coordinate is in them, so
that writing changes coordinates and nothing else: a coordinate is written where the new one is
finite and differs from the one that was read.
"""

import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.files.disk_errors import as_disk_error
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.describe import describe
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.garbage import collection_paused
from pose_smoother.poses.formats.packed import is_gzip, packing, unpacked
from pose_smoother.poses.keypoint_names import NUMBERED
from pose_smoother.poses.missing import missing_as
from pose_smoother.poses.skeletons import skeleton as skeleton_named
from pose_smoother.poses.tracks import Floats, Poses
from pose_smoother.registry import named_modules
from pose_smoother.stages import stage
from pose_smoother.text import one_line

_log = logging.getLogger(__name__)


class FormatModule(Protocol):
    """What a format's module offers.

    Attributes
    ----------
    NAME : the format's name on the command line.
    EXTENSIONS : endings of its files, in lower case with the dot; ``""`` is a folder.
    HAS : what its files can hold in addition to two coordinates: ``scores``, ``fps``, ``3-D``;
        ``layout`` where they are arrays whose axes are distinguished.
    """

    NAME: str
    EXTENSIONS: tuple[str, ...]
    HAS: frozenset[str]

    def claims(self, path: Path) -> Evidence:
        """Evidence for a file (or folder) being of this format, whatever its ending."""

    def read(self, path: Path, skeleton: str | None) -> Poses:
        """The file's tracks; ``skeleton`` names keypoints where the file does not.

        A format of arrays has ``layout`` in its `HAS`, and takes it as a third argument.
        """

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
    """The name of the format that a file is in, from its content and its ending.

    A format whose ending the file has goes before the others, which are asked where none of these
    has evidence in the content; then the strongest evidence decides.

    Raises
    ------
    InvalidInputError : the file does not exist, is empty, is of no known format, or is of several
        equally well.
    """
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise InvalidInputError(f"{path}: expected a file, found a pipe or a device")
    if path.is_file() and path.stat().st_size == 0:
        raise InvalidInputError(f"{path}: the file is empty")
    try:
        with unpacked(path) as plain:
            claims = _claims(plain)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    surest = max(claims.values(), default=Evidence.NONE)
    best = [name for name, claim in claims.items() if claim == surest > Evidence.NONE]
    if len(best) == 1:
        evidence = {name: claim.name.lower() for name, claim in claims.items() if claim}
        _log.debug("%s: %s, by its evidence: %s", path, best[0], evidence)
        return best[0]
    if best and surest == Evidence.ENDING:
        raise InvalidInputError(
            f"{path}: has the ending of {' or '.join(best)} files, not their content: damaged, or "
            "another tool's; say which with --format (format=... in Python)"
        )
    if best:
        raise InvalidInputError(
            f"{path}: may be {' or '.join(best)}; say which with --format (format=... in Python)"
        )
    known = ", ".join(formats())
    with unpacked(path) as plain:
        content = one_line(describe(plain))
    raise InvalidInputError(
        f"{path}: no known format of keypoints{f' ({content})' if content else ''}; name it with "
        f"--format ({known})"
    )


def _claims(path: Path) -> dict[str, Evidence]:
    """The evidence for every format that may have a file's ending."""
    ending = "" if path.is_dir() else path.suffix.lower()
    known = {name: m for name, m in formats().items() if ending in m.EXTENSIONS}
    found = {name: m.claims(path) for name, m in known.items()} if ending or path.is_dir() else {}
    if path.is_dir() or max(found.values(), default=Evidence.NONE) > Evidence.ENDING:
        return found
    others = {name: m.claims(path) for name, m in formats().items() if name not in found}
    return found | {name: claim for name, claim in others.items() if claim > Evidence.ENDING}


def read_poses(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    skeleton: str | None = None,
    layout: str | None = None,
    missing: str = "auto",
) -> Poses:
    """The tracks of a file of keypoints.

    Parameters
    ----------
    path : a file, or a folder where the format is one.
    format : its format's name; None finds it out.
    skeleton : names the keypoints of a file that does not (``coco-17``; ``pose-smoother skeletons``
        lists all).
    layout : the axes of arrays, such as ``time,people,keypoints,xy``; None finds them out.
    missing : which positions mark a missing keypoint: ``zero`` (0, 0), ``minus-one`` (-1, -1),
        both separated by a comma, ``none``, or ``auto`` (by evidence in the file).

    Raises
    ------
    InvalidInputError : the file cannot be used; the text says where and why.
    """
    path = Path(path)
    name = format or find_format(path)
    module = format_module(name)
    with missing_as(missing), stage(_log, f"{path}: read as {name}"):
        poses = _read_file(module, path, skeleton, layout)
    _log.debug(
        "%s: %d tracks, %d frames, %s frames/s; keypoints %s",
        path,
        len(poses.tracks),
        sum(len(track.frame) for track in poses.tracks),
        "unknown" if poses.fps is None else f"{poses.fps:g}",
        ", ".join(poses.names),
    )
    assumed = [type(text)(one_line(text)) for text in poses.warnings]
    if skeleton not in (None, NUMBERED) and not set(skeleton_named(str(skeleton)).keypoints) <= set(
        poses.names
    ):
        assumed.append(Caution(f"the file names its keypoints: skeleton {skeleton} is not used"))
    return replace(poses, format=name, gzipped=is_gzip(path), warnings=tuple(assumed))


def _read_file(module: FormatModule, path: Path, skeleton: str | None, layout: str | None) -> Poses:
    """A format's tracks of a file, gzipped or not; every error names the file."""
    try:
        # Damaged numbers may overflow, or be NaNs of the kind that warns when it is converted.
        with (
            unpacked(path) as plain,
            np.errstate(invalid="ignore", over="ignore"),
            collection_paused(),
        ):
            return _read(module, plain, skeleton, layout)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    except MemoryError:
        raise InvalidInputError(f"{path}: too large for this machine's memory") from None


def _read(module: FormatModule, path: Path, skeleton: str | None, layout: str | None) -> Poses:
    if layout is None:
        return module.read(path, skeleton)
    if "layout" not in module.HAS:
        takers = [name for name, other in formats().items() if "layout" in other.HAS]
        raise InvalidInputError(
            f"--layout names the axes of an array ({', '.join(takers)}); the file is {module.NAME}"
        )
    reader: Any = module.read
    poses: Poses = reader(path, skeleton, layout)
    return poses


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
    if not isinstance(poses, Poses):
        raise InvalidInputError(
            f"{path}: expected the Poses of read_poses, got {type(poses).__name__}"
        )
    if not poses.format:
        raise InvalidInputError(
            f"{path}: expected poses that were read from a file, whose other fields are preserved"
        )
    write_keypoints(poses, [track.keypoints for track in poses.tracks], Path(path))


def _goes_gzipped(poses: Poses, out: Path) -> bool:
    """Whether an output is compressed: as its name says; without a known ending, as the input."""
    return out.suffix.lower() == ".gz" or (poses.gzipped and not _has_known_ending(out))


def _has_known_ending(path: Path) -> bool:
    return path.suffix.lower() in {one for m in formats().values() for one in m.EXTENSIONS if one}


#: Of tables and archives that no format here writes.
_OTHERS_ENDINGS = frozenset({".xls", ".xlsx", ".ods", ".parquet", ".feather", ".pkl", ".zip"})


def is_misnamed(poses: Poses, out: Path) -> bool:
    """Whether an output has the ending of other files than the one that it is written as."""
    plain = out.with_suffix("") if out.suffix.lower() == ".gz" else out
    ending = plain.suffix.lower()
    is_known = _has_known_ending(plain) or ending in _OTHERS_ENDINGS
    return is_known and ending not in format_module(poses.format).EXTENSIONS


def write_keypoints(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """Write the file that the poses came from again, with other coordinates.

    Parameters
    ----------
    poses : from `read_poses`.
    keypoints : for every track, in order, float64 (n, J, axes) in the file's unit; where it is not
        finite, the file's own value stays.
    out : the new file or folder.

    Raises
    ------
    InvalidInputError : the shapes are not the tracks', or the file cannot be written.
    """
    expected = [track.keypoints.shape for track in poses.tracks]
    if [array.shape for array in keypoints] != expected:
        raise InvalidInputError(f"expected keypoints of the tracks' shapes, found others for {out}")
    module = format_module(poses.format)
    try:
        packed = packing(out) if _goes_gzipped(poses, out) else nullcontext(out)
        with packed as plain, collection_paused():
            module.write(poses, keypoints, plain)
    except OSError as error:
        if (disk_error := as_disk_error(error, out)) is not None:
            raise disk_error from None
        raise InvalidInputError(f"{out}: cannot be written ({error.strerror or error})") from None
