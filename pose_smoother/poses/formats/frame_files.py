"""Folders with one file a frame: reading them in the frames' order, and writing one at once."""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import read_plain
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.frame_names import Place, frame_places, last_number
from pose_smoother.poses.formats.tracks_io import MAX_BYTES


def read_files(files: Iterable[Path], order: Callable[[str], object]) -> dict[str, bytes]:
    """The bytes of files by their names, sorted by what ``order`` makes of a name.

    Raises
    ------
    InvalidInputError : one is no regular file; they are larger in all than is ever read.
    """
    found: dict[str, bytes] = {}
    total = 0
    for file in sorted(files, key=lambda file: (order(file.name), file.name)):
        try:
            found[file.name] = read_plain(file, MAX_BYTES)
        except InvalidInputError as error:
            raise InvalidInputError(f"{file.name}: {error}") from None
        total += len(found[file.name])
        if total > MAX_BYTES:
            raise InvalidInputError(f"expected at most {MAX_BYTES:,} bytes in all, found more")
    return found


def numbered(stem: str) -> Place:
    """(video, frame) from the name of a frame's file without its ending: the last number."""
    return _stripped(last_number(stem), stem)


def numbered_files(stems: Mapping[str, str], notes: list[str]) -> dict[str, Place]:
    """(video, frame) of the files of a folder: the number that the names say (`frame_places`).

    Parameters
    ----------
    stems : the names without their endings, by the names of the files; no two alike.
    notes : gets a sentence where that is not the last number.
    """
    places = frame_places(list(stems.values()), notes)
    return {
        name: _stripped(place, stem)
        for (name, stem), place in zip(stems.items(), places, strict=True)
    }


def _stripped(place: Place | None, stem: str) -> Place:
    return (place[0].rstrip("_.- "), place[1]) if place else (stem, 0)


def other_files(folder: Path, read: Iterable[str]) -> list[str]:
    """A sentence where a folder has files that are not written again; hidden ones do not count."""
    names = {path.name for path in folder.iterdir() if not is_hidden(path.name)} - set(read)
    what = (
        "1 other file of the folder is no frame"
        if len(names) == 1
        else (f"{len(names)} other files of the folder are no frames")
    )
    return [Caution(f"{what}: not copied")] if names else []


def is_hidden(name: str) -> bool:
    """Whether a file is one that systems put into folders, such as ``.DS_Store``."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")


def write_folder(out: Path, files: dict[str, bytes]) -> None:
    """Write a folder of files: it is complete or does not exist.

    A folder that holds nothing but files of these names, as an earlier output does, is replaced.

    Raises
    ------
    InvalidInputError : anything else is there.
    """
    _check_replaceable(out, files)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:40]}."))
    try:
        for name, data in files.items():
            (partial / name).write_bytes(data)
        partial.chmod(0o755)
        _put(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _check_replaceable(out: Path, files: Collection[str]) -> None:
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise InvalidInputError(f"{out}: expected a folder or nothing, found a file or a link")
    for path in sorted(out.iterdir()):
        if path.name not in files or path.is_symlink() or not path.is_file():
            raise InvalidInputError(
                f"{out}: holds {path.name}, which is not written again: remove the folder, or "
                "choose another name"
            )


def _put(partial: Path, out: Path) -> None:
    """Rename a folder to ``out``; one that is there is moved aside, and removed at the end."""
    if not out.exists():
        partial.rename(out)
        return
    aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:40]}."))
    out.rename(aside)
    try:
        partial.rename(out)
    except BaseException:
        aside.rename(out)
        raise
    shutil.rmtree(aside)
