"""SLEAP's ``.slp``: HDF5 with tables of frames, instances and points (formats 1 and 2).

Read with h5py alone (docs/decisions says why not through `sleap-io`). Where a person corrected a
prediction, the correction is taken and the prediction passes through.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
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
    attribute,
    file_evidence,
    opened,
    rewritten,
    text,
)
from pose_smoother.poses.formats.json_utils import load
from pose_smoother.poses.formats.tracks_io import (
    Detections,
    frame_rate,
    read_bytes,
    to_file_order,
    to_tracks,
)
from pose_smoother.poses.tracks import Floats, Poses

NAME = "sleap"
EXTENSIONS = (".slp",)
HAS = frozenset({"scores", "fps"})

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
        # SLEAP 1.3.2 and later may put the graph next to a description and a picture.
        graphs = [s.get("nx_graph", s) for s in metadata["skeletons"]]
        return [tuple(nodes[int(node["id"])] for node in graph["nodes"]) for graph in graphs]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidInputError(f"the skeletons cannot be read ({error!r:.80})") from None


def _documents(file: h5py.File, name: str) -> list[Any]:
    """The JSON of every row of a dataset."""
    return [load(text(line).encode()) for line in array(file, name).tolist()]


def _labels(documents: list[Any]) -> dict[int, str]:
    """Names of tracks or videos by their numbers; the number is added where two names are alike.

    A track is ``[0, name]``; a video an object, its frames' number in ``video<number>/video`` where
    they are embedded, else its row.
    """
    found: list[tuple[int, str]] = []
    for row, value in enumerate(documents):
        number = row
        if isinstance(value, list) and len(value) == 2:
            value = value[1]
        if isinstance(value, dict):
            backend = value.get("backend")
            inner = backend if isinstance(backend, dict) else {}
            embedded = re.match(r"video(\d{1,9})/", str(inner.get("dataset")))
            number = int(embedded[1]) if embedded else row
            value = value.get("name") or inner.get("filename") or value.get("filename") or row
        found.append((number, str(value)))
    counts = Counter(label for _, label in found)
    return {n: x if counts[x] == 1 else f"{x} ({n})" for n, x in found}


def _fps(videos: list[Any]) -> float | None:
    """Frames a second, where all videos have one rate."""
    backends = [video.get("backend") if isinstance(video, dict) else None for video in videos]
    rates = {frame_rate(b.get("fps")) if isinstance(b, dict) else None for b in backends}
    return rates.pop() if len(rates) == 1 else None


def _chosen(instances: NDArray[Any], frame_of: NDArray[np.int64]) -> list[int]:
    """The rows of instances to take: of those of one track in one frame, the one made by hand."""
    by_hand = (instances["instance_type"] == 0).tolist()
    if not any(by_hand):
        return np.flatnonzero(frame_of >= 0).tolist()
    from_predicted = instances["from_predicted"].astype(int).tolist()
    corrected = {of for of, hand in zip(from_predicted, by_hand, strict=True) if hand}
    ids = instances["instance_id"].astype(int).tolist()
    keys = list(zip(frame_of.tolist(), instances["track"].astype(int).tolist(), strict=True))
    taken = {key for key, hand in zip(keys, by_hand, strict=True) if hand and key[1] >= 0}
    return [
        row
        for row, key in enumerate(keys)
        if key[0] >= 0 and (by_hand[row] or not (ids[row] in corrected or key in taken))
    ]


def _values(points: NDArray[Any]) -> Floats:
    """x, y and score (..., 3); NaN where not visible, and for the score of points made by hand."""
    names = points.dtype.names or ()
    score = points["score"] if "score" in names else np.full(points.shape, np.nan)
    values = np.stack([points["x"], points["y"], score], axis=-1).astype(np.float64)
    values[~points["visible"].astype(bool), :2] = np.nan
    return values


def _frame_of(frames: NDArray[Any], n_instances: int) -> NDArray[np.int64]:
    """The row of the frame of each instance, -1 where none has it.

    Raises
    ------
    InvalidInputError : frames share instances.
    """
    starts, ends = (
        np.clip(frames[f"instance_id_{edge}"].astype(np.float64), 0, n_instances).astype(np.int64)
        for edge in ("start", "end")
    )
    count = np.maximum(ends - starts, 0)
    if count.sum() > n_instances:
        raise InvalidInputError(
            f"expected frames with {n_instances:,} instances, found {count.sum():,}"
        )
    frame_of = np.full(n_instances, -1, dtype=np.int64)
    for row in np.flatnonzero(count).tolist():
        frame_of[starts[row] : ends[row]] = row
    return frame_of


def _looked_up(numbers: NDArray[Any], label: Callable[[int], str | None]) -> list[Any]:
    """The label of every number, each asked for once."""
    different, which = np.unique(numbers.astype(int), return_inverse=True)
    labels = list(map(label, different.tolist()))
    return [labels[i] for i in which.tolist()]


def read(path: Path, skeleton: str | None) -> Poses:
    """Tracks of the file; it names its keypoints, so no skeleton is asked for.

    Raises
    ------
    InvalidInputError : the file is no such HDF5, of a newer layout, or has several skeletons in
        use.
    """
    raw = read_bytes(path)
    with opened(raw) as file:
        version = float(attribute(file["metadata"], "format_id", 1.0))
        if version >= _NEWER:
            raise InvalidInputError(f"expected SLEAP's format below {_NEWER:g}, found {version:g}")
        skeletons = _skeletons(load(text(attribute(file["metadata"], "json")).encode()))
        tables = {name: _table(file, name) for name in _FIELDS}
        listed = _documents(file, "videos_json")
        videos, tracks = _labels(listed), _labels(_documents(file, "tracks_json"))
    frames, instances = tables["frames"], tables["instances"]
    frame_of = _frame_of(frames, len(instances))
    chosen = _chosen(instances, frame_of)
    used = set(instances["skeleton"][chosen].astype(int).tolist())
    if not chosen or not used <= set(range(len(skeletons))):
        raise InvalidInputError("nobody is in it: no frame has instances of a known skeleton")
    names = {skeletons[i] for i in used}
    if len(names) > 1:
        raise InvalidInputError(f"expected one skeleton, found {len(names)} in use")
    notes = []
    if n := np.count_nonzero(frame_of >= 0) - len(chosen):
        notes.append(f"{n} predictions that were corrected by hand pass through untouched")
    # Before format 1.1 a pixel's corner was (0, 0), since then its centre is.
    offset = 0.5 if version < 1.1 else 0.0
    (nodes,) = names
    kind = np.minimum(instances["instance_type"][chosen].astype(np.int64), 1)
    start, stop = (
        instances[f"point_id_{edge}"][chosen].astype(np.int64) for edge in ("start", "end")
    )
    data = np.full((len(chosen), len(nodes), 3), np.nan)
    for i, name in enumerate(_POINTS):
        of_kind = kind == i
        at = start[of_kind, None] + np.arange(len(nodes))
        inside = (at >= 0).all() and (at < len(tables[name])).all()
        if not inside or (stop[of_kind] - start[of_kind] != len(nodes)).any():
            raise InvalidInputError(
                f"expected {len(nodes)} points of every instance, found other numbers"
            )
        data[of_kind] = _values(tables[name][at])
    with np.errstate(invalid="ignore"):  # a broken file may hold signalling NaN
        data[..., :2] -= offset
    of_chosen = frames[frame_of[chosen]]
    seen = Detections(
        _looked_up(of_chosen["video"], lambda v: videos.get(v, f"video {v}")),
        _looked_up(instances["track"][chosen], tracks.get),
        of_chosen["frame_idx"].astype(np.int64),
        data[..., :2],
        data[..., 2],
    )
    return to_tracks(nodes, seen, raw, (kind, start, offset), notes, _fps(listed))


def write(poses: Poses, keypoints: Sequence[Floats], out: Path) -> None:
    """The same file with other coordinates; scores and visibility stay."""
    kind, start, offset = poses.origin.place
    new, changed = to_file_order(poses, keypoints)
    with opened(poses.origin.raw) as file:
        tables = {name: _table(file, name) for name in _POINTS}
    for i, name in enumerate(_POINTS):
        for axis, field in enumerate(("x", "y")):
            row, keypoint = np.nonzero(changed[..., axis] & (kind == i)[:, None])
            tables[name][field][start[row] + keypoint] = new[row, keypoint, axis] + offset
    write_atomic(out, rewritten(poses.origin.raw, tables))
