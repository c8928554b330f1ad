"""What is said of a damaged store: which part, what is known of the rest, what to do."""

import stat
from collections.abc import Callable
from pathlib import Path

from pose_smoother.errors import DamagedShardError

_MAX_HASHED_FOR_AN_ERROR = 4 << 30


def how_to_repair(path: object) -> str:
    """What a user does about a damaged store."""
    return f"Mend it: run the same `python -m pipeline preprocess ... --out {path}` again"


def damaged_shard(
    path: object, name: str, why: str, kind: str = "shard", rest: str = ""
) -> DamagedShardError:
    """The error for a shard (or another file) whose bytes are not what was written."""
    return DamagedShardError(
        f"{kind} {name} of {path} is damaged ({why}){rest}. {how_to_repair(path)}"
    )


def rest_told(shard: str, sizes: dict[str, int], problems: Callable[[], dict[str, str]]) -> str:
    """What is known of the other shards once one is found damaged.

    Parameters
    ----------
    sizes : shard -> bytes; a store of more than 4 GiB is not hashed for an error message.
    problems : hashes all; shard -> what is wrong with it.
    """
    if sum(sizes.values()) > _MAX_HASHED_FOR_AN_ERROR:
        return ""
    bad = {*problems(), shard}
    n_sound = len(sizes.keys() - bad)
    if len(bad) > 1:
        return f"; damaged with it: {len(bad) - 1}; the other {n_sound} verify"
    return f"; the other {n_sound} verify" if n_sound else ""


def is_plain_file(file: Path) -> bool:
    """Whether a file stands there itself: not a link, a folder or a device."""
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        return False
