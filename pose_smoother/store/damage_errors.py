"""Errors of a damaged store: the damaged part, the state of the rest, what to do."""

import errno
import hashlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pose_smoother.errors import DamagedShardError, InvalidInputError, StoreError
from pose_smoother.files.atomic import hash_mismatch
from pose_smoother.files.plain import open_plain

_MAX_HASHED_FOR_AN_ERROR = 4 << 30

#: Errors of the system that say nothing about a file's content.
_UNREADABLE = {
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR),
    *(errno.ENOLCK, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENOTCONN),
}


def raise_if_unreadable(error: BaseException, path: object) -> None:
    """Raise StoreError where the system refused to open or read a file: that is no damage."""
    if isinstance(error, OSError) and error.errno in _UNREADABLE:
        raise StoreError(
            f"{path} cannot be read ({error.strerror or error}); whether it is damaged is not "
            "known: mend the cause and run the same command again"
        ) from None


def how_to_repair(path: object) -> str:
    """The sentence that says how a damaged store is repaired."""
    return f"Mend it: run the same `python -m pipeline preprocess ... --out {path}` again"


def damaged_shard(
    path: object, name: str, why: str, kind: str = "shard", rest: str = ""
) -> DamagedShardError:
    """The error for a shard (or another file) whose bytes differ from those written."""
    return DamagedShardError(
        f"{kind} {name} of {path} is damaged ({why}){rest}. {how_to_repair(path)}"
    )


def state_of_the_rest(
    shard: str, sizes: dict[str, int], problems: Callable[[], dict[str, str]]
) -> str:
    """The state of the other shards, as text, once one shard is found damaged.

    Parameters
    ----------
    sizes : shard -> bytes; a store of more than 4 GiB is not hashed for an error message.
    problems : hashes all shards; returns shard -> its problem.
    """
    if sum(sizes.values()) > _MAX_HASHED_FOR_AN_ERROR:
        return ""
    bad = {*problems(), shard}
    n_valid = len(sizes.keys() - bad)
    if len(bad) > 1:
        return f"; damaged with it: {len(bad) - 1}; the other {n_valid} verify"
    return f"; the other {n_valid} verify" if n_valid else ""


def plain_size(file: Path) -> int | None:
    """The bytes of a regular file; None where there is none, or a link, a folder or a device.

    Raises
    ------
    StoreError : the system does not say.
    """
    try:
        state = file.lstat()
    except OSError as error:
        raise_if_unreadable(error, file)
        return None
    return state.st_size if stat.S_ISREG(state.st_mode) else None


def is_plain_file(file: Path) -> bool:
    """Whether a path is a regular file; errors as of `plain_size`."""
    return plain_size(file) is not None


def file_problem(file: Path, entry: dict[str, Any]) -> str:
    """The problem of a file of the manifest, which is hashed; "" if there is none.

    Parameters
    ----------
    entry : of the manifest; a file of another size than it states is not read.

    Raises
    ------
    StoreError : the system refuses to read it.
    """
    size = plain_size(file)
    if size is None:
        return "missing, or no plain file"
    if size != entry["bytes"]:
        return f"expected {entry['bytes']:,} bytes, found {size:,}"
    try:
        with open_plain(file, size) as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except InvalidInputError as error:
        return str(error)
    except OSError as error:
        raise_if_unreadable(error, file)
        return f"cannot be read: {error.strerror}"
    return "" if found == entry["sha256"] else hash_mismatch(entry["sha256"], found)
