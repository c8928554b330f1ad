"""Folders with one file a frame: reading them in the frames' order, and writing one at once."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.tracks_io import MAX_BYTES


def read_files(files: Iterable[Path], order: Callable[[str], object]) -> dict[str, bytes]:
    """The bytes of files by their names, sorted by what ``order`` makes of a name.

    Raises
    ------
    InvalidInputError : they are larger in all than is ever read.
    """
    found: dict[str, bytes] = {}
    total = 0
    for file in sorted(files, key=lambda file: (order(file.name), file.name)):
        total += file.stat().st_size
        if total > MAX_BYTES:
            raise InvalidInputError(f"expected at most {MAX_BYTES:,} bytes in all, found more")
        found[file.name] = file.read_bytes()
    return found


def other_files(folder: Path, read: Iterable[str]) -> list[str]:
    """A warning where a folder has files that are not written again."""
    n = len({path.name for path in folder.iterdir()} - set(read))
    return [f"{n} other files of the folder are not frames: not copied"] if n else []


def write_folder(out: Path, files: dict[str, bytes]) -> None:
    """Write a folder of files: it is complete or does not exist.

    Raises
    ------
    InvalidInputError : the folder exists already.
    """
    if out.exists():
        raise InvalidInputError(f"{out}: exists already; a folder is only written anew")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:40]}."))
    try:
        for name, data in files.items():
            (partial / name).write_bytes(data)
        partial.chmod(0o755)
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
