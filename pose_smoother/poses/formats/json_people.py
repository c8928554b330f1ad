"""People of JSON documents with a flat list x, y, score, … each: what several formats share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats.json_utils import (
    dump,
    load,
    member,
    person_name,
)
from pose_smoother.poses.formats.point_lists import point_array, put_points, with_score
from pose_smoother.poses.formats.tracks_io import Detections, to_file_order, to_tracks
from pose_smoother.poses.keypoint_names import known_skeleton
from pose_smoother.poses.tracks import Floats, Poses


@dataclass(frozen=True)
class Person:
    """One person of one frame, as a document holds them.

    Attributes
    ----------
    document : the name of the document (a file of a folder).
    video, frame : where the person is.
    item : the JSON object.
    key : of the list of its keypoints.
    where : what to call it in messages.
    """

    document: str
    video: str
    frame: int
    item: dict[str, Any]
    key: str
    where: str

    @property
    def values(self) -> list[Any]:
        """The list of keypoints."""
        found: list[Any] = member(self.item, self.key, list, self.where)
        return found


def to_poses(
    people: Sequence[Person],
    raw: Any,
    skeleton: str | None,
    default: str,
    ids: tuple[str, ...],
    notes: Sequence[str] = (),
) -> Poses:
    """Tracks of people; a keypoint whose x, y and score are all 0 is missing.

    Parameters
    ----------
    raw : kept for writing.
    skeleton, default : as in `known_skeleton`.
    ids : keys that say who somebody is.

    Raises
    ------
    InvalidInputError : the keypoints are no numbers, or their names cannot be known.
    """
    found = point_array([person.values for person in people], lambda row: people[row].where)
    if found is None:
        raise InvalidInputError("nobody is in it: no keypoints under the people")
    values = with_score(found)
    values[(values == 0).all(axis=2), :2] = np.nan
    names, assumed = known_skeleton(values.shape[1], skeleton, default, values[..., :2])
    seen = Detections(
        [person.video for person in people],
        [person_name(person.item, ids) for person in people],
        np.array([person.frame for person in people], dtype=np.int64),
        values[..., :2],
        values[..., 2],
    )
    return to_tracks(names, seen, raw, None, [*notes, *([assumed] if assumed else [])])


def rewritten(
    poses: Poses,
    keypoints: Sequence[Floats],
    documents: Mapping[str, bytes],
    people_of: Any,
) -> dict[str, bytes]:
    """The documents with other coordinates; one in which nothing changed keeps its bytes.

    Parameters
    ----------
    documents : the bytes of each by its name, in the order in which they were read.
    people_of : (parsed document, its name) -> its people, as they were read.
    """
    new, changed = to_file_order(poses, keypoints)
    written = {}
    row = 0
    for name, raw in documents.items():
        document = load(raw)
        people = people_of(document, name)
        here = slice(row, row + len(people))
        row += len(people)
        written[name] = raw
        if changed[here].any():
            put_points([person.values for person in people], new[here], changed[here])
            written[name] = dump(document, raw)
    return written
