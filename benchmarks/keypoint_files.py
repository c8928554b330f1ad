"""Reading and writing keypoint files, against the library of each kind of file alone.

    python -m benchmarks.keypoint_files --out benchmarks/results/keypoint_files.csv

A file of each format is read and written in turn with pandas, json, NumPy or h5py alone, which
parse the same bytes and write the same numbers back. Ratios are of processor time, the median over
rounds. Then the shapes of files on which time once grew quadratically: each at one size and at
twice the size, where linear time is a ratio of 2.
"""

import argparse
import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pose_smoother.bench.goals import machine_words
from pose_smoother.bench.timing import interleaved
from pose_smoother.poses.formats import read_poses, write_poses
from pose_smoother.poses.tracks import Poses
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.files import smooth_file
from pose_smoother.smoothing.methods import smooth_by, with_keypoints
from pose_smoother.smoothing.tracks import Rules, SmoothedTrack
from pose_smoother.versions import package_versions

Floats = NDArray[np.float64]
Action = Callable[[], object]
FIELDS = ("case", "what", "against", "ratio", "seconds", "against_s", "goal", "rounds", "note")


def motion(n_frames: int, n_keypoints: int) -> Floats:
    """x, y and a score (T, K, 3) of one person."""
    rng = np.random.default_rng(0)
    position = rng.uniform(100, 900, (n_keypoints, 2)) + rng.normal(0, 3, (n_frames, 1, 2)).cumsum(
        0
    )
    noisy = position + rng.normal(0, 2, (n_frames, n_keypoints, 2))
    score = rng.uniform(0.3, 1, (n_frames, n_keypoints, 1))
    return np.round(np.concatenate([noisy, score], axis=2), 3)


def names(n_keypoints: int) -> list[str]:
    return [f"point{i}" for i in range(n_keypoints)]


# Files of each format, and the library alone: made(folder, values) -> path, read() and write().


def wide_csv(path: Path, values: Floats) -> None:
    titles = [f"{name}_{axis}" for name in names(values.shape[1]) for axis in ("x", "y", "score")]
    table = pd.DataFrame(values.reshape(len(values), -1), columns=titles)
    table.insert(0, "frame", np.arange(len(values)))
    table.to_csv(path, index=False)


def long_csv(path: Path, values: Floats) -> None:
    n, k = values.shape[:2]
    table = pd.DataFrame(values.reshape(-1, 3), columns=["x", "y", "score"])
    table.insert(0, "frame", np.repeat(np.arange(n), k))
    table.insert(1, "keypoint", names(k) * n)
    table.to_csv(path, index=False)


def dlc_csv(path: Path, values: Floats) -> None:
    labels = [
        ("net", name, axis) for name in names(values.shape[1]) for axis in ("x", "y", "likelihood")
    ]
    columns = pd.MultiIndex.from_tuples(labels, names=["scorer", "bodyparts", "coords"])
    pd.DataFrame(values.reshape(len(values), -1), columns=columns).to_csv(path)


def coco(path: Path, values: Floats) -> None:
    items = [
        {"image_id": i, "category_id": 1, "keypoints": row, "score": 0.5, "track_id": 1}
        for i, row in enumerate(values.reshape(len(values), -1).tolist())
    ]
    path.write_text(json.dumps(items))


def mmpose(path: Path, values: Floats) -> None:
    frames = [
        {"frame_id": i, "instances": [{"keypoints": xy, "keypoint_scores": s, "track_id": 1}]}
        for i, (xy, s) in enumerate(
            zip(values[..., :2].tolist(), values[..., 2].tolist(), strict=True)
        )
    ]
    path.write_text(json.dumps({"meta_info": {}, "instance_info": frames}))


def openpose(path: Path, values: Floats) -> None:
    path.mkdir()
    for i, row in enumerate(values.reshape(len(values), -1).tolist()):
        person = {"person_id": [-1], "pose_keypoints_2d": row, "face_keypoints_2d": []}
        text = json.dumps({"version": 1.3, "people": [person]}, separators=(",", ":"))
        (path / f"video_{i:012d}_keypoints.json").write_text(text)


def npz(path: Path, values: Floats) -> None:
    np.savez(path, keypoints=values[..., :2], scores=values[..., 2])


def nwb(path: Path, values: Floats) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.8.0"
        group = file.create_group("processing/behavior/mouse")
        group.attrs["neurodata_type"] = "PoseEstimation"
        for i, name in enumerate(names(values.shape[1])):
            series = group.create_group(name)
            series.attrs["neurodata_type"] = "PoseEstimationSeries"
            series["data"], series["confidence"] = values[:, i, :2], values[:, i, 2]
            series["timestamps"] = np.arange(len(values)) / 30


def sleap(path: Path, values: Floats) -> None:
    n, k = values.shape[:2]
    number = np.arange(n)
    frames = {"frame_id": number, "video": 0 * number, "frame_idx": number}
    frames |= {"instance_id_start": number, "instance_id_end": number + 1}
    instances = {"instance_id": number, "instance_type": 0 * number + 1, "frame_id": number}
    instances |= {"skeleton": 0 * number, "track": 0 * number, "from_predicted": 0 * number - 1}
    instances |= {"point_id_start": number * k, "point_id_end": (number + 1) * k}
    flat = values.reshape(-1, 3)
    points = {
        "x": flat[:, 0],
        "y": flat[:, 1],
        "visible": np.ones(n * k, bool),
        "score": flat[:, 2],
    }
    nodes = [{"name": name} for name in names(k)]
    graph = {"nodes": [{"id": i} for i in range(k)], "links": []}
    with h5py.File(path, "w") as file:
        group = file.create_group("metadata")
        group.attrs["format_id"] = 1.2
        group.attrs["json"] = json.dumps({"nodes": nodes, "skeletons": [graph]})
        file["videos_json"], file["tracks_json"] = ['{"filename": "a.mp4"}'], ['[0, "a"]']
        tables = {"frames": frames, "instances": instances, "pred_points": points}
        for name, columns in {**tables, "points": {c: v[:0] for c, v in points.items()}}.items():
            file[name] = np.rec.fromarrays(list(columns.values()), names=list(columns))


def _json_files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def read_json(path: Path) -> list[Any]:
    found = []
    for file in _json_files(path):
        with file.open() as opened:
            found.append(json.load(opened))
    return found


def write_json(path: Path, out: Path) -> None:
    documents = read_json(path)
    if path.is_dir():
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
    for file, document in zip(_json_files(path), documents, strict=True):
        with (out / file.name if path.is_dir() else out).open("w") as opened:
            opened.write(json.dumps(document))


def read_h5(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, value: found.update({name: value[()]}) if hasattr(value, "shape") else None
        )
    return found


def write_h5(path: Path, out: Path) -> None:
    """The same file with every array of numbers written again."""
    shutil.copyfile(path, out)
    values = read_h5(path)
    with h5py.File(out, "r+") as file:
        for name, value in values.items():
            if getattr(value, "dtype", None) is not None and value.dtype.kind in "fV":
                file[name][...] = value


def read_npz(path: Path) -> dict[str, Any]:
    with np.load(path) as stored:
        return dict(stored)


def _csv_header(path: Path) -> Any:
    return [0, 1, 2] if path.name.startswith("dlc") else 0


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, header=_csv_header(path))


def write_csv(path: Path, out: Path) -> None:
    read_csv(path).to_csv(out, index=False)


#: Format -> (file, its maker, reading and writing by its library alone, that library).
FORMATS: dict[str, tuple[str, Callable[[Path, Floats], None], Any, Any, str]] = {
    "csv-wide": ("wide.csv", wide_csv, read_csv, write_csv, "pandas"),
    "csv-long": ("long.csv", long_csv, read_csv, write_csv, "pandas"),
    "dlc": ("dlc.csv", dlc_csv, read_csv, write_csv, "pandas"),
    "coco-results": ("coco.json", coco, read_json, write_json, "json"),
    "mmpose": ("mmpose.json", mmpose, read_json, write_json, "json"),
    "openpose": ("frames", openpose, read_json, write_json, "json"),
    "npz": ("a.npz", npz, read_npz, lambda p, o: np.savez(o, **read_npz(p)), "NumPy"),
    "nwb": ("a.nwb", nwb, read_h5, write_h5, "h5py"),
    "sleap": ("a.slp", sleap, read_h5, write_h5, "h5py"),
}  # fmt: skip


def moved(poses: Poses) -> Poses:
    """The poses with every coordinate changed."""
    results = [SmoothedTrack.all_read(track.keypoints + 0.123456) for track in poses.tracks]
    return with_keypoints(poses, results)


def ours_write(path: Path, out: Path) -> None:
    """Read a file, and write it with every coordinate changed."""
    if out.is_dir():
        shutil.rmtree(out)
    write_poses(moved(read_poses(path)), out)


def library_cases(folder: Path, format: str, values: Floats) -> dict[str, tuple[Action, Action]]:
    """Reading, and reading and writing a file of a format that is made here: (ours, alone)."""
    name, make, read, write, _ = FORMATS[format]
    path, out = folder / name, folder / f"out_{name}"
    make(path, values)
    return {
        "read": (partial(read_poses, path), partial(read, path)),
        "read and write": (
            partial(ours_write, path, out),
            partial(write, path, folder / f"lib_{name}"),
        ),
    }


def against_libraries(folder: Path, values: Floats, rounds: int) -> Iterator[dict[str, Any]]:
    for format in FORMATS:
        for what, (ours, alone) in library_cases(folder, format, values).items():
            times = interleaved({"ours": ours, "alone": alone}, rounds)
            yield (
                {
                    "case": f"{format}, {len(values):,} frames x {values.shape[1]}",
                    "what": what,
                    "against": FORMATS[format][-1],
                    "ratio": times.cpu_ratio("ours", "alone"),
                    "seconds": min(times.cpu_seconds["ours"]),
                    "against_s": min(times.cpu_seconds["alone"]),
                    "goal": 1.5 if format == "openpose" and what == "read" else 2,
                    "rounds": times.repeats,
                    "note": "every coordinate changed" if what != "read" else "",
                }
            )


def ids(path: Path, n: int) -> None:
    """Everyone has an id of his own."""
    lines = [f"{i % 100},{i},nose,{i % 640},{i % 480}" for i in range(n)]
    path.write_text("\n".join(["frame,person,keypoint,x,y", *lines]))


def columns(path: Path, n: int) -> None:
    wide_csv(path, motion(2, n // 3))


def videos(path: Path, n: int) -> None:
    one = {"keypoints": [1.5, 2, 0.5], "track_id": 1}
    path.write_text(json.dumps([{"image_id": f"video{i}_0.jpg", **one} for i in range(n)]))


def crowd(path: Path, n: int) -> None:
    """Two people without ids in every frame."""
    rng = np.random.default_rng(0)
    place = rng.uniform(0, 100, (2, 17, 2)) + np.array([0, 400])[:, None, None]
    lines = []
    for frame in range(n):
        for person in place + rng.normal(0, 1, place.shape):
            values = [v for x, y in np.round(person, 2).tolist() for v in (x, y, 0.9)]
            lines.append({"image_id": frame, "keypoints": values})
    path.write_text(json.dumps(lines))


#: Shapes of files on which time once grew quadratically, with a size; twice as many are read, too.
SHAPES: dict[str, tuple[str, Callable[[Path, int], None], int]] = {
    "one frame of each id": ("ids.csv", ids, 10_000),
    "columns": ("columns.csv", columns, 20_000),
    "videos": ("videos.json", videos, 10_000),
    "frames of two people without ids": ("crowd.json", crowd, 4_000),
}


def growth(folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    for shape, (name, make, size) in SHAPES.items():
        paths = {n: folder / f"{n}_{name}" for n in (size, 2 * size)}
        for n, path in paths.items():
            make(path, n)
        sides = {str(n): partial(read_poses, path) for n, path in paths.items()}
        times = interleaved(sides, rounds, warmups=1)
        yield (
            {
                "case": f"{2 * size:,} {shape}",
                "what": "read",
                "against": f"{size:,}",
                "ratio": times.cpu_ratio(str(2 * size), str(size)),
                "seconds": min(times.cpu_seconds[str(2 * size)]),
                "against_s": min(times.cpu_seconds[str(size)]),
                "goal": 2.5,
                "rounds": times.repeats,
                "note": "linear is 2",
            }
        )


def filtered(folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """18,000 frames x 25 keypoints of a CSV through a filter, file to file."""
    path = folder / "filtered.csv"
    wide_csv(path, motion(18_000, 25))
    savgol = make_chain("savgol")

    def run() -> None:
        smooth_file(path, folder / "o.csv", lambda poses: smooth_by(savgol, poses, Rules()))

    alone = partial(FORMATS["csv-wide"][3], path, folder / "p.csv")
    times = interleaved({"ours": run, "alone": alone}, rounds)
    yield (
        {
            "case": "csv-wide, 18,000 frames x 25",
            "what": "read, savgol, write",
            "against": "pandas, read and write",
            "ratio": times.cpu_ratio("ours", "alone"),
            "seconds": min(times.cpu_seconds["ours"]),
            "against_s": min(times.cpu_seconds["alone"]),
            "goal": 2,
            "rounds": times.repeats,
            "note": "also at most 2 s",
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = (
            against_libraries(folder, motion(given.frames, 25), given.rounds),
            filtered(folder, given.rounds),
            growth(folder, given.rounds),
        )
        rows = []
        for row in chain.from_iterable(parts):
            rows.append(row)
            print(", ".join(f"{key} {row[key]}" for key in FIELDS), flush=True)
    known = package_versions("numpy", "pandas", "h5py").items()
    about = {
        "machine": machine_words(),
        "versions": ", ".join(f"{name} {number}" for name, number in known),
    }
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*FIELDS, "machine", "versions"])
        writer.writeheader()
        for row in rows:
            numbers = {k: f"{v:.3g}" for k, v in row.items() if isinstance(v, float)}
            writer.writerow({**row, **numbers, **about})


if __name__ == "__main__":
    main()
