"""Which detections of a file are one individual: by their ids, or by linking where ids fail."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.linking import MAX_GAP, link
from pose_smoother.poses.formats.rejoin import rejoined
from pose_smoother.poses.tracks import Floats

#: Texts that programs write where there is no id.
_NO_ID = frozenset({"", "nan", "na", "n/a", "none", "null", "<na>"})


#: Ids are looked at as numbers of detections where a frame has so many at most, in the mean.
_MOST_IN_A_FRAME = 20


@dataclass
class Grouping:
    """Detections by individual.

    Attributes
    ----------
    groups : (video, name) -> int64 (n,), the rows of its detections, in file order.
    steps : each video's frame step.
    copies : row -> the row that it repeats, equal in every number; it is in no group.
    warnings : what was assumed, one sentence each.
    n_linked : detections that linking joined.
    """

    groups: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    n_linked: int = 0


def person_id(value: str | None) -> str | None:
    """An id as text: None for ``nan``, ``NA``, ``None`` or a negative number; 1.0 is 1."""
    if value is None or value.strip().lower() in _NO_ID:
        return None
    text = value.strip()
    whole, dot, decimals = text.partition(".")
    if dot and whole.lstrip("+-").isdigit() and not decimals.strip("0"):
        text = whole
    negative = text.startswith("-") and text[1:].isdigit()
    return None if negative else text


def frame_step(frame: NDArray[np.int64]) -> int:
    """The usual step of a video's frame numbers.

    It is over 1 where nine in ten differences are equal to it, or most are and nine in ten are
    multiples of it: frames are missing then.
    """
    steps = np.diff(np.unique(frame))
    if len(steps) < 4 or np.count_nonzero(steps == 1) > 0.1 * len(steps):
        return 1
    different, count = np.unique(steps, return_counts=True)
    step, share = int(different[count.argmax()]), count.max() / len(steps)
    missing = share > 0.5 and np.mean(np.mod(steps, step) == 0) >= 0.9
    return step if share >= 0.9 or missing else 1


def group(
    video: Sequence[str],
    person: Sequence[str | None],
    frame: NDArray[np.int64],
    keypoints: Floats,
    score: Floats,
) -> Grouping:
    """Detections by video and individual.

    Rows of one frame that are equal in id, coordinates and scores are one detection. An id that two
    detections of a frame have is not trusted: all detections with it are linked, as are those
    without an id that are not clearly of an individual missing in their frame.

    Parameters
    ----------
    video, person, frame, keypoints, score : as in ``tracks_io.Detections``; missing points NaN.
    """
    found = Grouping()
    known = {value: person_id(value) for value in dict.fromkeys(person)}
    ids = [known[value] for value in person]
    if _group_simply(found, list(zip(video, ids, strict=True)), frame):
        return found
    keys = list(zip(video, ids, frame.tolist(), strict=True))
    count = Counter(keys)
    found.copies = _repeated([key if count[key] > 1 else None for key in keys], keypoints, score)
    if found.copies:
        count = Counter(key for row, key in enumerate(keys) if row not in found.copies)
        found.warnings.append(
            f"{len(found.copies)} rows repeat another row of their frame: taken as one detection"
        )
    untrusted: set[tuple[str, str | None]] = {
        (name, who) for (name, who, _), n in count.items() if n > 1 and who is not None
    }
    by_video: dict[str, list[int]] = {}
    for row, name in enumerate(video):
        if row not in found.copies:
            by_video.setdefault(name, []).append(row)
    groups: dict[tuple[str, str], list[int]] = {}
    alone, n_joined = False, 0
    for name, rows in by_video.items():
        found.steps[name] = frame_step(frame[rows])
        sure = [row for row in rows if (name, ids[row]) not in untrusted]
        joined = rejoined(frame[sure], keypoints[sure], [ids[r] for r in sure], found.steps[name])
        for i, who in joined.items():
            ids[sure[i]] = who
        n_joined += len(joined)
        nameless = [row for row in rows if ids[row] is None or (name, ids[row]) in untrusted]
        several = len(set(frame[nameless].tolist())) < len(nameless)
        alone |= bool(nameless) and not several
        if several:  # who has no keypoint belongs to nobody
            nameless = _with_keypoints(nameless, keypoints)
            found.n_linked += len(nameless)
        labels = link(frame[nameless], keypoints[nameless], found.steps[name]) if nameless else []
        taken = {ids[row] for row in rows}
        label_of = {
            row: label + "'" * (label in taken)  # a file may call someone link-1
            for row, label in zip(nameless, labels, strict=True)
        }
        for row in rows:
            trusted = ids[row] is not None and (name, ids[row]) not in untrusted
            label = str(ids[row]) if trusted else label_of.get(row)
            if label is not None:
                groups.setdefault((name, label), []).append(row)
    found.groups = {key: np.array(members, dtype=np.int64) for key, members in groups.items()}
    if n_joined:
        found.warnings.append(
            f"{n_joined} detections without an id were taken as the individuals that are missing "
            "in their frames, by distance"
        )
    _warn(found, alone, untrusted)
    return found


def without_row_numbers(
    video: Sequence[str], person: Sequence[str | None], frame: NDArray[np.int64]
) -> tuple[Sequence[str | None], list[str]]:
    """Ids, and what was assumed: none are left if everyone has one and no id occurs twice.

    Such ids number the detections; as individuals they would be tracks of one frame each.
    """
    if None in person or len(set(zip(video, person, strict=True))) < len(person):
        return person, []
    who = {(name, person_id(one)) for name, one in zip(video, person, strict=True)}
    moments = Counter(name for name, _ in set(zip(video, frame.tolist(), strict=True)))
    if len(who) < len(person) or max(moments.values(), default=0) < 3:
        return person, []
    if len(person) > _MOST_IN_A_FRAME * moments.total():  # linking them would take long
        return person, []
    return [None] * len(person), ["no id occurs twice: taken as numbers of the detections"]


def _group_simply(
    found: Grouping, who: Sequence[tuple[str, str | None]], frame: NDArray[np.int64]
) -> bool:
    """Group detections where all have ids or none has, and nobody is twice in a frame; else no."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(who))}
    of = np.fromiter(map(numbers.__getitem__, who), np.int64, len(who))
    nameless = {person is None for _, person in numbers}
    order = np.lexsort((frame, of))
    same = (of[order[1:]] == of[order[:-1]]) & (frame[order[1:]] == frame[order[:-1]])
    if len(nameless) > 1 or same.any():
        return False
    in_file_order = np.argsort(of, kind="stable")
    members = np.split(in_file_order, np.cumsum(np.bincount(of, minlength=len(numbers)))[:-1])
    of_video: dict[str, list[int]] = {}
    for (video, _), number in numbers.items():
        of_video.setdefault(video, []).append(number)
    people = list(numbers)
    for video, here in of_video.items():
        found.steps[video] = frame_step(frame[np.concatenate([members[i] for i in here])])
        for i in here:
            found.groups[video, people[i][1] or "link-1"] = members[i]
    _warn(found, True in nameless, set())
    return True


def _repeated(
    keys: Sequence[tuple[str, str | None, int] | None], keypoints: Floats, score: Floats
) -> dict[int, int]:
    """Rows of one key that are equal in every number to an earlier one, and that one's row."""
    first: dict[object, int] = {}
    copies = {}
    for row, key in enumerate(keys):
        if key is None:
            continue
        earlier = first.setdefault((key, keypoints[row].tobytes(), score[row].tobytes()), row)
        if earlier != row:
            copies[row] = earlier
    return copies


def _with_keypoints(rows: list[int], keypoints: Floats) -> list[int]:
    complete = np.asarray(np.isfinite(keypoints[rows]).all(axis=-1))
    known = np.asarray(complete.any(axis=-1))
    return [row for row, there in zip(rows, known.tolist(), strict=True) if there]


def _warn(found: Grouping, alone: bool, untrusted: set[tuple[str, str | None]]) -> None:
    if untrusted:
        ids = sorted({str(name) for _, name in untrusted})
        text = f"two detections of a frame have one id ({some(ids)})"
        found.warnings.append(Caution(f"{text}: detections with it were linked instead"))
    if alone:
        found.warnings.append(
            "people without ids, never two in a frame, were taken as one person throughout"
        )
    if found.n_linked:
        n_tracks = sum(name.startswith("link-") for _, name in found.groups)
        found.warnings.append(
            f"{found.n_linked} detections without a usable id were linked to {n_tracks} tracks by "
            f"distance and motion, across at most {MAX_GAP} missing frames"
        )
    wide = sorted({step for step in found.steps.values() if step > 1})
    if wide:
        found.warnings.append(f"frames numbered in steps of {some(wide)} were taken as neighbours")


def some(items: Sequence[object], n: int = 3) -> str:
    """The first few items as text, and how many more there are."""
    text = ", ".join(map(str, items[:n]))
    return text if len(items) <= n else f"{text} and {len(items) - n} more"
