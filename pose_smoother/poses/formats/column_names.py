"""What the columns of tables are called: individuals, frames, keypoints, scores."""

import logging
from collections.abc import Mapping, Sequence

from pose_smoother.errors import InvalidInputError

_log = logging.getLogger(__name__)

#: Names of the columns that say whose row it is, in both layouts.
IDENTITY: dict[str, tuple[str, ...]] = {
    "video": (
        *("video", "video_id", "video_name", "video_file", "video_path", "clip", "sequence"),
        *("session", "trial", "recording"),
    ),
    "person": (
        *("person", "person_id", "track_id", "track", "individual", "individuals", "instance"),
        *("individual_id", "individual_name", "subject", "subject_id", "animal", "animal_id"),
        *("mouse", "mouse_id", "object_id", "person_name", "identity", "tracker_id", "human_id"),
        *("pid", "player", "player_id", "subject_name"),
    ),
    "frame": (
        *("frame", "frame_id", "frame_idx", "frame_index", "frame_number", "frame_no", "frame_num"),
        *("frames", "fnum", "image_id", "image", "image_name"),
    ),
}

_UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
#: Names of the column of a row's time, and the seconds that its unit is; None: its values tell.
TIME: dict[str, float | None] = {
    **dict.fromkeys(("timestamp", "time", "t", "time_stamp", "elapsed"), None),
    **{f"{one}_{u}": n for one in ("timestamp", "time", "t") for u, n in _UNITS.items()},
    **dict.fromkeys(("seconds", "sec", "secs"), 1.0),
    **dict.fromkeys(("milliseconds", "ms", "msec"), 1e-3),
}

_OF_KEYPOINTS = ("name", "id", "index", "idx", "number", "no", "num")
_NUMBERED = ("keypoint", "joint", "landmark", "node", "point", "kp", "lm")

#: Names of the column that says which keypoint a row is of.
KEYPOINT = (
    *("keypoint", "keypoints", "bodypart", "bodyparts", "joint", "landmark", "node", "marker"),
    *(f"{one}_{of}" for one in _NUMBERED for of in _OF_KEYPOINTS),
    *("part", "kpt", "name", "label", "point", "kp", "lm"),
)

#: What a keypoint's confidence may be called.
SCORES = (
    *("score", "confidence", "likelihood", "conf", "visibility", "prob", "probability"),
    *("confidence_score", "vis", "presence", "certainty", "accuracy"),
)


def columns(header: list[str], meanings: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The column of every meaning that the header has: meaning → index; the first name goes first.

    Raises
    ------
    InvalidInputError : two columns have one name, and one of them is taken.
    """
    found = with_meaning(header, meanings)
    names = [name.strip().lower() for name in header]
    twice = [names[at] for at in found.values() if names.count(names[at]) > 1]
    if twice:
        raise InvalidInputError(f"two columns are called {twice[0]!r}")
    taken = (f"{header[at]!r} is the {what}" for what, at in found.items())
    _log.debug("columns: %s", ", ".join(taken) or "none but coordinates")
    return found


def with_meaning(header: Sequence[str], meanings: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """As `columns`, of any header; names are compared by their letters and digits alone."""
    names = [_compact(name) for name in header]
    found: dict[str, int] = {}
    for meaning, aliases in meanings.items():
        here = [names.index(alias) for alias in map(_compact, aliases) if alias in names]
        if here:
            found[meaning] = here[0]
    return found


def left_as_they_are(
    header: Sequence[str], meanings: Mapping[str, Sequence[str]], found: Mapping[str, int]
) -> list[str]:
    """A note on columns that mean the same as one of those found: ``x_px`` next to ``x``."""
    aliases = {_compact(alias) for meaning in found for alias in meanings[meaning]}
    used = found.values()
    left = [t for i, t in enumerate(header) if i not in used and _compact(t) in aliases]
    taken = ", ".join(header[column] for column in used)
    return [f"columns taken are {taken}; left as they are: {', '.join(left)}"] if left else []


def unit_of(title: str) -> float | None:
    """The seconds of a time's unit, None where its title names none."""
    return next((unit for name, unit in TIME.items() if _compact(name) == _compact(title)), None)


def _compact(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
