"""Keypoint names: which keypoint of a file is which of the 25, whatever its spelling.

A spelling is compared by its letters and digits alone, and a side may come first or last, as a word
or as one letter: ``left_shoulder``, ``LShoulder``, ``Shoulder-L`` and ``left shoulder`` are one.
Where two skeletons mean different things by one name, this is what is taken:

- Toes are the big toe (BODY-25, Halpe-26) or the foot index (BlazePose-33); small toes pass
  through.
- Pinky, index and thumb are BlazePose's; other skeletons' single finger joints are not guessed.
- ``head`` (Penn Action's marks the face) is taken for the nose only where the file has no nose, and
  that is reported; Halpe's ``head``, next to a nose, is the top of the head and passes through.
"""

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.files.plain import read_plain
from pose_smoother.poses.skeletons import compact, with_count
from pose_smoother.poses.skeletons import skeleton as skeleton_named
from pose_smoother.poses.skeletons.plausibility import most_plausible
from pose_smoother.poses.tracks import Floats
from pose_smoother.skeleton import INDEX, KEYPOINTS, N_KEYPOINTS

#: Keypoints by number, for a ``--map`` file to name.
NUMBERED = "numbered"

#: More keypoints than these are a skeleton's by their number alone.
_TELLING_COUNT = 30

_MAX_MAP_BYTES = 1 << 20

#: Other names of a part; where a file has several of them, the first takes its place.
_PARTS: dict[str, tuple[str, ...]] = {
    "ear": ("ear",),
    "shoulder": ("shoulder", "sho"),
    "elbow": ("elbow", "elb"),
    "wrist": ("wrist", "wri"),
    "pinky": ("pinky", "pinkie", "littlefinger"),
    "index": ("index", "indexfinger", "forefinger"),
    "thumb": ("thumb",),
    "hip": ("hip",),
    "knee": ("knee",),
    "ankle": ("ankle", "ank"),
    "heel": ("heel",),
    "toes": ("toes", "bigtoe", "footindex", "toe"),
}


@dataclass(frozen=True)
class KeypointMapping:
    """Where the 25 keypoints are in a file.

    Attributes
    ----------
    index : int64 (25,), the column in the file of each of our keypoints, -1 where it has none.
    unknown : the file's keypoints that none of ours takes; they pass through untouched.
    assumed : what a user should know of how names were read, one sentence each.
    """

    index: NDArray[np.int64]
    unknown: tuple[str, ...]
    assumed: tuple[str, ...] = ()


def _spellings() -> dict[str, tuple[str, int]]:
    """Every compact spelling with our name and its rank (a lower one is taken first)."""
    found: dict[str, tuple[str, int]] = {"nose": ("nose", 0), "head": ("nose", 1)}
    for part, others in _PARTS.items():
        for rank, other in enumerate(others):
            for side in ("left", "right"):
                for spelling in (side + other, other + side, side[0] + other, other + side[0]):
                    found[spelling] = (f"{side}_{part}", rank)
    return found


_SPELLINGS = _spellings()


def known_skeleton(
    n_keypoints: int,
    skeleton: str | None,
    default: str | None = None,
    keypoints: Floats | None = None,
    among: Sequence[str] = (),
) -> tuple[tuple[str, ...], str | None]:
    """Names for a file that has none, and a sentence on what was assumed (None: nothing).

    Parameters
    ----------
    skeleton : what the user says: a skeleton, or ``numbered``.
    default : the skeleton that files of the format mostly have.
    among : the skeletons that files of the format can have; any, if none is given.
    keypoints : float64 (N, n_keypoints, axes), NaN where missing. Of the skeletons with so many
        keypoints, the one whose limbs are clearly the shortest is taken; without one, the default.
        Where that has another number of keypoints, they are numbered.

    Raises
    ------
    InvalidInputError : the skeleton asked for is unknown, or has another number of keypoints.
    """
    numbers = tuple(map(str, range(n_keypoints)))
    if skeleton == NUMBERED:
        return numbers, None
    if skeleton is not None:
        names = skeleton_named(skeleton).keypoints
        if len(names) != n_keypoints:
            raise InvalidInputError(
                f"skeleton {skeleton} has {len(names)} keypoints, but the file has {n_keypoints}; "
                f"{_ways(n_keypoints)}"
            )
        return names, None
    without = f"{n_keypoints} keypoints without names"
    candidates = [s for s in with_count(n_keypoints) if not among or s.name in among]
    found = None if keypoints is None else most_plausible(candidates, keypoints)
    if found is not None:
        others = [other.name for other in candidates if other is not found]
        why = f", whose limbs are shorter than those of {' and '.join(others)}" if others else ""
        return found.keypoints, f"{without}: taken as {found.name}{why}"
    if default is not None and len(skeleton_named(default).keypoints) == n_keypoints:
        return skeleton_named(default).keypoints, f"{without}: taken as {default}, the usual one"
    if len(candidates) == 1 and n_keypoints > _TELLING_COUNT:
        only = candidates[0]
        return only.keypoints, f"{without}: taken as {only.name}, the only one with so many"
    ways = f"; {_ways(n_keypoints)}" if candidates else ""
    return numbers, f"{without}: numbered from 0{ways}"


def _ways(n_keypoints: int) -> str:
    """How a user may name so many keypoints."""
    names = [*(found.name for found in with_count(n_keypoints)), NUMBERED]
    return f"say which they are with {' or '.join(f'--skeleton {name}' for name in names)}"


def numbered_as(names: Sequence[str], skeleton: str | None) -> tuple[str, ...]:
    """Names of keypoints that a file numbers, in its order; other names stay.

    ``0`` and ``landmark_0`` are numbers, if every keypoint has one, from 0 or 1 on and none twice.

    Raises
    ------
    InvalidInputError : the skeleton is unknown or has another number of keypoints.
    """
    matches = [re.fullmatch(r"(.*?)(\d{1,6})", name, flags=re.DOTALL) for name in names]
    numbers = [int(match[2]) for match in matches if match]
    alike = len({match[1] for match in matches if match}) == 1
    first = min(numbers, default=0)
    complete = sorted(numbers) == list(range(first, first + len(names))) and first in (0, 1)
    if skeleton in (None, NUMBERED) or not alike or not complete:
        return tuple(names)
    given, _ = known_skeleton(len(names), skeleton)
    return tuple(given[number - first] for number in numbers)


def read_map(path: Path) -> dict[str, str]:
    """A ``--map`` file: TOML or JSON, the file's keypoint name → one of our 25, or ``""`` for none.

    Raises
    ------
    InvalidInputError : the file cannot be read, or does not map names to names of ours.
    """
    try:
        text = read_plain(path, _MAX_MAP_BYTES).decode("utf-8-sig")
        found: Any = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"map {path}: cannot be read ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise InvalidInputError(f'map {path}: expected lines like "their name" = "left_wrist"')
    for ours in found.values():
        if ours and ours not in INDEX:
            raise unknown_name(f"keypoint in map {path}", ours, KEYPOINTS)
    return found


def mapping(names: tuple[str, ...] | list[str], extra: Path | None = None) -> KeypointMapping:
    """Which keypoint of a file is which of ours.

    Parameters
    ----------
    names : (J,) the file's keypoint names.
    extra : a ``--map`` file; it takes precedence over the spelling.

    Raises
    ------
    InvalidInputError : two keypoints claim one place, the map names a keypoint that the file does
        not have, or the file has no keypoint of ours at all.
    """
    given = {} if extra is None else read_map(extra)
    for theirs in given:
        if theirs not in names:
            raise unknown_name(f"keypoint of the input in map {extra}", theirs, list(names))
    best: dict[str, tuple[int, int]] = {}  # our name → (rank, column)
    for column, name in enumerate(names):
        ours, rank = (given[name], -1) if name in given else _SPELLINGS.get(compact(name), ("", 0))
        if not ours:
            continue
        if ours in best and best[ours][0] == rank:
            both = f"{names[best[ours][1]]!r} and {name!r}"
            raise InvalidInputError(f"two keypoints for {ours}: {both}; say which in a --map FILE")
        if ours not in best or rank < best[ours][0]:
            best[ours] = (rank, column)
    if not best:
        raise InvalidInputError(
            f"no keypoint in common: the input has {', '.join(names)}; the model knows "
            f"{', '.join(KEYPOINTS)}; name them by --skeleton or in a --map FILE"
        )
    index = np.full(N_KEYPOINTS, -1, dtype=np.int64)
    for ours, (_, column) in best.items():
        index[INDEX[ours]] = column
    taken = set(index.tolist())
    unknown = tuple(name for column, name in enumerate(names) if column not in taken)
    head = best.get("nose") == (1, int(index[INDEX["nose"]]))
    return KeypointMapping(index, unknown, ("the head is taken for the nose",) if head else ())
