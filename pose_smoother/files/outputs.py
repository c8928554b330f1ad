"""Where a command may write: never over an input, a run or a store, or unasked over other files."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from pose_smoother.errors import InvalidInputError

#: The last file of a store, and the first of a run with the endings of a run's files.
_STORE, _RUN = "MANIFEST.json", "config.json"
_RUN_ENDINGS = (".json", ".csv", ".npz", ".pt", ".sha256", ".toml")


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
    InvalidInputError : it is an input (by any link), is in a store, could be taken for a file of a
        run, or exists and may not be replaced.
    """
    target = linked(out)
    for given in filter(None, inputs):
        if _same(target, given):
            raise InvalidInputError(
                f"{out} is the input {given}, which is never written over: write to another place"
            )
    for folder in target.absolute().parents:
        if (folder / _STORE).is_file():
            raise InvalidInputError(
                f"{out} is in the store {folder}, where nothing is added: write to another folder"
            )
    is_run_file = (target.parent / _RUN).is_file() and target.suffix in _RUN_ENDINGS
    if is_run_file and not target.is_dir():
        raise InvalidInputError(
            f"{out} could be taken for a file of the run {target.parent}: write to another folder"
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
