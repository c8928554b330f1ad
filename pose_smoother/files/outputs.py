"""Where a command may write: never over an input, into a run or a store, or over a foreign file."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from pose_smoother.errors import InvalidInputError

#: Files by which a folder is known as one that only its own command writes to.
_OWNED = (("MANIFEST.json",), ("config.json", "state.json"), ("config.json", "results.json"))


def linked(path: Path) -> Path:
    """The file that a link leads to, so that writing replaces it and the link stays; or ``path``.

    Raises
    ------
    InvalidInputError : the link leads round in a circle.
    """
    if not path.is_symlink():
        return path
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise InvalidInputError(f"{path} is a link that leads nowhere ({error})") from None


def check_output(
    out: Path,
    inputs: Iterable[Path | None],
    *,
    overwrite: bool,
    is_ours: Callable[[Path], bool] = lambda path: False,
) -> Path:
    """The path to write an output to, after comparing it with everything that it must not harm.

    Parameters
    ----------
    out : a file, or a folder that will be filled; a link is followed.
    inputs : every file and folder that the command reads; None where an option is not given.
    overwrite : whether the user asked to replace what is there.
    is_ours : whether an existing file or folder was written by the same command.

    Raises
    ------
    InvalidInputError : it is an input or in one (by any link), holds one, is in a run or a store,
        or exists and may not be replaced.
    """
    target = linked(out)
    for given in filter(None, inputs):
        if _same(target, given) or _is_in(target, given) or _is_in(given, target):
            raise InvalidInputError(
                f"{out} is, holds or is part of the input {given}, which is never written over: "
                "write to another place"
            )
    for folder in target.absolute().parents:
        if any(all((folder / name).is_file() for name in names) for names in _OWNED):
            raise InvalidInputError(
                f"{out} is in {folder}, a run or a store, which only its own command writes to: "
                "write to another folder"
            )
    exists = any(target.iterdir()) if target.is_dir() else os.path.lexists(target)
    if exists and not overwrite and not is_ours(target):
        raise InvalidInputError(
            f"{out} exists already: --overwrite replaces it, or choose another name"
        )
    return target


def _same(first: Path, second: Path) -> bool:
    """Whether two paths are one file, by any link."""
    try:
        return first.samefile(second)
    except OSError:
        return first.resolve() == second.resolve()


def _is_in(path: Path, folder: Path) -> bool:
    return folder.is_dir() and folder.resolve() in path.resolve().parents
