"""Known skeletons: each ``.toml`` file of this folder is one, read when it is first asked for.

To add a skeleton, add its table. A table has the keypoints in the order in which files without
names store them, the limbs as chains of keypoints, and the left/right pairs.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from pose_smoother.errors import unknown_name

_FOLDER = Path(__file__).parent

#: What the names of hands and faces begin with where they are part of a person.
PARTS = ("left_hand_", "right_hand_", "face_")

_LEAST_SHARED = 3
_SIDES = (
    ("left", "right"),
    ("Left", "Right"),
    ("LEFT", "RIGHT"),
    ("L", "R"),
    ("l_", "r_"),
    ("_l", "_r"),
)


@dataclass(frozen=True)
class Skeleton:
    """The keypoints of a known skeleton.

    Attributes
    ----------
    name : such as ``coco-17``; the number is that of its keypoints.
    about : whose skeleton it is, one sentence.
    aliases : other names by which it is found.
    keypoints : (K,) names, no two alike.
    limbs : pairs of indices of keypoints to join by a line.
    pairs : (left, right) indices of mirrored keypoints.
    """

    name: str
    about: str
    aliases: tuple[str, ...]
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]


def known() -> list[str]:
    """The names of all skeletons, sorted; aliases are not among them."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def skeleton(name: str) -> Skeleton:
    """A skeleton by its name or an alias, in any case.

    Raises
    ------
    InvalidInputError : there is none; the text lists those that there are.

    Examples
    --------
    >>> from pose_smoother.poses.skeletons import skeleton
    >>> skeleton("coco-17").keypoints[:3]
    ('nose', 'left_eye', 'right_eye')
    >>> skeleton("coco-18").name
    'openpose-18'
    """
    wanted = name.casefold()
    if wanted in known():
        return _load(wanted)
    for found in map(_load, known()):
        if wanted in found.aliases:
            return found
    raise unknown_name("skeleton", name, known())


def with_count(n_keypoints: int) -> list[Skeleton]:
    """The skeletons with so many keypoints, by name."""
    return [found for found in map(_load, known()) if len(found.keypoints) == n_keypoints]


def by_names(names: Sequence[str]) -> Skeleton | None:
    """The skeleton with just these keypoints, in any order and spelling; None where none has.

    Spellings are compared by letters and digits alone: ``LEye`` and ``l_eye`` are one.
    """
    wanted = sorted(map(compact, names))
    for found in with_count(len(names)):
        if sorted(map(compact, found.keypoints)) == wanted:
            return found
    return None


def limbs_of(names: Sequence[str]) -> list[tuple[int, int]]:
    """Lines to draw between keypoints: the limbs of the known skeletons that fit best by name.

    A person may have several: OpenPose's hands and face are skeletons of their own next to the
    body. Without a skeleton that shares three names, nothing is joined.

    Examples
    --------
    >>> from pose_smoother.poses.skeletons import limbs_of
    >>> limbs_of(["left_wrist", "left_elbow", "left_shoulder", "tail"])
    [(0, 1), (1, 2)]
    """
    limbs = []
    for found, index in _parts(names):
        keypoints = [index.get(compact(keypoint), -1) for keypoint in found.keypoints]
        joined = [(keypoints[a], keypoints[b]) for a, b in found.limbs]
        limbs += [(a, b) for a, b in joined if a >= 0 and b >= 0]
    return limbs


def pairs_of(names: Sequence[str]) -> list[tuple[int, int]]:
    """(left, right) indices of mirrored keypoints, by a skeleton's table or by their names' sides.

    Examples
    --------
    >>> from pose_smoother.poses.skeletons import pairs_of
    >>> pairs_of(["earR", "snout", "earL", "left_paw", "right_paw"])
    [(2, 0), (3, 4)]
    """
    pairs = []
    for found, index in _parts(names):
        keypoints = [index.get(compact(keypoint), -1) for keypoint in found.keypoints]
        mirrored = [(keypoints[left], keypoints[right]) for left, right in found.pairs]
        pairs += [(left, right) for left, right in mirrored if left >= 0 and right >= 0]
    taken = {i for pair in pairs for i in pair}
    place = {name: i for i, name in enumerate(names)}
    for i, name in enumerate(names):
        other = next((place[n] for n in _other_sides(name) if n in place), -1)
        if i not in taken and other >= 0 and other not in taken:
            pairs.append((i, other))
    return sorted(pairs)


def _parts(names: Sequence[str]) -> list[tuple[Skeleton, dict[str, int]]]:
    """The skeleton that fits the body best, those of hands and face, and the names' indices."""
    parts = []
    rest = dict(enumerate(names))
    for prefix in (*PARTS, ""):
        index = {
            compact(n.removeprefix(prefix)): i for i, n in rest.items() if n.startswith(prefix)
        }
        rest = {i: name for i, name in rest.items() if not name.startswith(prefix)}
        if not index:
            continue
        shared = {_load(name): len(index.keys() & _compact_names(name)) for name in known()}
        best = max(shared, key=lambda found: (shared[found], -len(found.keypoints)))
        if shared[best] >= _LEAST_SHARED:
            parts.append((best, index))
    return parts


def _other_sides(name: str) -> list[str]:
    """What the right keypoint of a left one may be called; nothing for any other name."""
    found = []
    for left, right in _SIDES:
        if name.startswith(left):
            found.append(right + name[len(left) :])
        if name.endswith(left):
            found.append(name[: -len(left)] + right)
    return found


def compact(name: str) -> str:
    """A name's letters and digits alone, in lower case."""
    return "".join(filter(str.isalnum, name.casefold()))


@cache
def _compact_names(skeleton: str) -> frozenset[str]:
    return frozenset(map(compact, _load(skeleton).keypoints))


@cache
def _load(name: str) -> Skeleton:
    table = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    keypoints = tuple(part.strip() for part in table["keypoints"].split(","))
    index = {keypoint: i for i, keypoint in enumerate(keypoints)}
    chains = [
        [index[k.strip()] for k in line.split(",")] for line in table["limbs"].split("\n")[:-1]
    ]
    pairs = [pair.strip().split("|") for pair in table["pairs"].split(",") if pair.strip()]
    return Skeleton(
        name,
        table["about"],
        tuple(table.get("aliases", ())),
        keypoints,
        tuple(limb for chain in chains for limb in pairwise(chain)),
        tuple((index[left], index[right]) for left, right in pairs),
    )
