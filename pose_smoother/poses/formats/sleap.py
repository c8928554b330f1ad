"""SLEAP's ``.slp``: HDF5 with tables of frames, instances and points (formats 1 and 2).

Read with h5py alone (docs/decisions says why not through `sleap-io`). Where a person corrected a
prediction, the correction is taken and the prediction passes through.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.hdf5_utils import (
    array,
    file_evidence,
    opened,
    rewritten,
    text,
)
from pose_smoother.poses.formats.json_utils import load
from pose_smoother.poses.formats.tracks_io import Detections, read_bytes, to_file_order, to_tracks
from pose_smoother.poses.tracks import Floats, Poses

NAME = "sleap"
EXTENSIONS = (".slp",)
HAS = frozenset({"scores"})

_NEWER = 3.0  # another layout; sleap-io 0.9 refuses it as well
_POINTS = ("points", "pred_points")  # by an instance's type: 0 by hand, 1 predicted
_FIELDS = {
    "frames": ("video", "frame_idx", "instance_id_start", "instance_id_end"),
    "instances": (
        *("instance_id", "instance_type", "skeleton", "track", "from_predicted"),
        *("point_id_start", "point_id_end"),
    ),
    "points": ("x", "y", "visible"),
    "pred_points": ("x", "y", "visible", "score"),
}


def claims(path: Path) -> Evidence:
    """Whether an HDF5 file has SLEAP's tables."""
    return file_evidence(path, lambda file: all(name in file for name in _FIELDS))


def _table(file: h5py.File, name: str) -> NDArray[Any]:
    found = array(file, name)
    absent = set(_FIELDS[name]) - set(found.dtype.names or ())
    if absent or found.ndim != 1:
        raise InvalidInputError(f"{name}: expected a table with {', '.join(_FIELDS[name])}")
    return found


def _skeletons(metadata: Any) -> list[tuple[str, ...]]:
    """The node names of every skeleton."""
    try:
        nodes = [str(node["name"]) for node in metadata["nodes"]]
        return [tuple(nodes[int(n["id"])] for n in s["nodes"]) for s in metadata["skeletons"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidInputError(f"the skeletons cannot be read ({error!r:.80})") from None


def _labels(file: h5py.File, name: str) -> list[tuple[int, str]]:
    """(number, name) of every track or video; a number is added where two names are alike.

    A track is ``[0, name]``; a video an object, its frames' number in ``video<number>/video`` where
    they are embedded, else its row.
    """
    found: list[tuple[int, str]] = []
    for row, line in enumerate(array(file, name).tolist()):
        value, number = load(text(line).encode()), row
        if isinstance(value, list) and len(value) == 2:
            value = value[1]
        if isinstance(value, dict):
            backend = value.get("backend")
            inner = backend if isinstance(backend, dict) else {}
            embedded = re.match(r"video(\d{1,9})/", str(inner.get("dataset")))
            number = int(embedded[1]) if embedded else row
            value = value.get("name") or inner.get("filename") or value.get("filename") or row
        found.append((number, str(value)))
    names = [label for _, label in found]
    return [(n, x if names.count(x) == 1 else f"{x} ({n})") for n, x in found]


def _chosen(instances: NDArray[Any], frame_of: NDArray[np.int64]) -> list[int]:
    """The rows of instances to take: of those of one track in one frame, the one made by hand."""
    by_hand = instances["instance_type"] == 0
    corrected = set(instances["from_predicted"][by_hand].astype(int).tolist())
    keys = list(zip(frame_of.tolist(), instances["track"].astype(int).tolist(), strict=True))
    taken = {key for key, hand in zip(keys, by_hand, strict=True) if hand and key[1] >= 0}
    return [
        row
        for row, key in enumerate(keys)
        if key[0] >= 0
        and (by_hand[row] or not (int(instances["instance_id"][row]) in corrected or key in taken))
    ]


def _values(points: NDArray[Any], offset: float) -> Floats:
    """(J, 3): x, y and score; NaN where not visible, and for the score of points made by hand."""
    names = points.dtype.names or ()
    score = points["score"] if "score" in names else np.full(len(points), np.nan)
    values = np.column_stack([points["x"], points["y"], score]).astype(np.float64)
    with np.errstate(invalid="ignore"):  # a broken file may hold signalling NaN
        values[:, :2] -= offset
    values[~points["visible"].astype(bool), :2] = np.nan
    return values


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; it names its keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such HDF5, of a newer layout, or has several skeletons in
        use.
    """
    raw = read_bytes(path)
    with opened(raw) as file:
        version = float(file["metadata"].attrs.get("format_id", 1.0))
        if version >= _NEWER:
            raise InvalidInputError(f"expected SLEAP's format below {_NEWER:g}, found {version:g}")
        skeletons = _skeletons(load(text(file["metadata"].attrs["json"]).encode()))
        tables = {name: _table(file, name) for name in _FIELDS}
        videos, tracks = (dict(_labels(file, n)) for n in ("videos_json", "tracks_json"))
    frames, instances = tables["frames"], tables["instances"]
    frame_of = np.full(len(instances), -1, dtype=np.int64)
    for i, frame in enumerate(frames):
        frame_of[int(frame["instance_id_start"]) : int(frame["instance_id_end"])] = i
    chosen = _chosen(instances, frame_of)
    used = set(instances["skeleton"][chosen].astype(int).tolist())
    if not chosen or not used <= set(range(len(skeletons))):
        raise InvalidInputError("nobody is in it: no frame has instances of a known skeleton")
    names = {skeletons[i] for i in used}
    if len(names) > 1:
        raise InvalidInputError(f"expected one skeleton, found {len(names)} in use")
    told = []
    if len(chosen) < len(instances):
        n = len(instances) - len(chosen)
        told.append(f"{n} predictions that were corrected by hand pass through untouched")
    # Before format 1.1 a pixel's corner was (0, 0), since then its centre is.
    offset = 0.5 if version < 1.1 else 0.0
    place = [
        (
            _POINTS[min(int(instances["instance_type"][row]), 1)],
            int(instances["point_id_start"][row]),
        )
        for row in chosen
    ]
    stops = instances["point_id_end"][chosen].astype(int).tolist()
    data = [
        _values(tables[name][start:stop], offset)
        for (name, start), stop in zip(place, stops, strict=True)
    ]
    (nodes,) = names
    if any(len(values) != len(nodes) for values in data):
        raise InvalidInputError(
            f"expected {len(nodes)} points of every instance, found other numbers"
        )
    at = frames[frame_of[chosen]]
    stacked = np.array(data, dtype=np.float64)
    seen = Detections(
        [videos.get(v, f"video {v}") for v in at["video"].astype(int).tolist()],
        [tracks.get(t) for t in instances["track"][chosen].astype(int).tolist()],
        at["frame_idx"].astype(np.int64),
        stacked[..., :2],
        stacked[..., 2],
    )
    return to_tracks(nodes, seen, raw, (place, offset), told)


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates; scores and visibility stay."""
    place, offset = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    with opened(poses.origin.raw) as file:
        tables = {name: _table(file, name) for name in _POINTS}
    for row, keypoint, axis in np.argwhere(changed).tolist():
        name, start = place[row]
        field = ("x", "y")[axis]
        tables[name][field][start + keypoint] = new[row, keypoint, axis] + offset
    write_atomic(out, rewritten(poses.origin.raw, tables))
