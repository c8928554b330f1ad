"""Errors of a damaged store: the damaged part, the state of the rest, what to do."""

import stat
from collections.abc import Callable
from pathlib import Path

from pose_smoother.errors import DamagedShardError

_MAX_HASHED_FOR_AN_ERROR = 4 << 30


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


def is_plain_file(file: Path) -> bool:
    """Whether a path is a regular file: not a link, a folder or a device."""
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        return False
