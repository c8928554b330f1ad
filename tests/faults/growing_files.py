"""Keypoint files with many of one thing: ids, columns, people, videos, gaps, arrays, brackets."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from tests.pose_smoother.poses.formats.samples import SAMPLES

#: Writes a file (or a folder) with n of something, and returns its path.
Maker = Callable[[Path, int], Path]

_POINTS = [float(value) for value in range(51)]


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _csv(folder: Path, header: str, rows: list[str]) -> Path:
    return _written(folder / "a.csv", "\n".join([header, *rows, ""]))


def ids(folder: Path, n: int) -> Path:
    """A long table of n ids, each in two frames."""
    rows = [f"{f},{i},nose,{i}.5,{f}.25" for f in range(2) for i in range(n)]
    return _csv(folder, "frame,track,keypoint,x,y", rows)


def videos(folder: Path, n: int) -> Path:
    """A long table of n videos."""
    rows = [f"v{i},{f},nose,{i}.5,{f}.25" for i in range(n) for f in range(2)]
    return _csv(folder, "video,frame,keypoint,x,y", rows)


def names(folder: Path, n: int) -> Path:
    """A long table of n keypoints."""
    rows = [f"{f},k{i},{i}.5,{f}.25" for f in range(2) for i in range(n)]
    return _csv(folder, "frame,keypoint,x,y", rows)


def columns(folder: Path, n: int) -> Path:
    """A wide table of n keypoints."""
    header = "frame," + ",".join(f"k{i}_x,k{i}_y" for i in range(n))
    return _csv(folder, header, [f"{f}," + ",".join(["1.5", "2.5"] * n) for f in range(3)])


def numbered_columns(folder: Path, n: int) -> Path:
    """A wide table of n numbered keypoints."""
    header = ",".join(f"x{i},y{i}" for i in range(n))
    return _csv(folder, header, [",".join(["1.5", "2.5"] * n) for _ in range(3)])


def other_columns(folder: Path, n: int) -> Path:
    """A wide table with n columns that are no keypoints."""
    header = "frame,nose_x,nose_y," + ",".join(f"other{i}" for i in range(n))
    return _csv(folder, header, [f"{f},1,2," + ",".join(["x"] * n) for f in range(3)])


def gaps(folder: Path, n: int) -> Path:
    """A track of n runs, frames missing between them."""
    return _csv(folder, "frame,nose_x,nose_y", [f"{3 * f},{f}.5,1" for f in range(n)])


def missing(folder: Path, n: int) -> Path:
    """A track with n gaps of one keypoint."""
    cells = ("1.5,2.5", ",")
    return _csv(folder, "frame,nose_x,nose_y", [f"{f},{cells[f % 2]}" for f in range(n)])


def same_frame(folder: Path, n: int) -> Path:
    """n rows of one frame."""
    return _csv(folder, "frame,nose_x,nose_y", ["1,2.5,3.5"] * n)


def comments(folder: Path, n: int) -> Path:
    """n lines of comments before a table."""
    return _written(
        folder / "a.csv",
        "# one more, which says nothing\n" * n + "frame,nose_x,nose_y\n0,1,2\n1,2,3\n",
    )


def quotes(folder: Path, n: int) -> Path:
    """A cell of n quotes."""
    cell = '"' + '""' * n + '"'
    return _csv(folder, "frame,nose_x,nose_y,note", [f"{f},1,2,{cell}" for f in range(2)])


def people(folder: Path, n: int) -> Path:
    """COCO's results: two frames of n people without ids, who move little."""
    items = [
        {"image_id": f, "category_id": 1, "score": 0.5, "keypoints": [100 * i + v for v in _POINTS]}
        for f in range(2)
        for i in range(n)
    ]
    return _written(folder / "a.json", json.dumps(items))


def images(folder: Path, n: int) -> Path:
    """COCO's results: n videos by the names of their images."""
    items = [
        {"image_id": f"v{i}_{f}.jpg", "category_id": 1, "score": 0.5, "keypoints": _POINTS}
        for i in range(n)
        for f in range(2)
    ]
    return _written(folder / "a.json", json.dumps(items))


def keys(folder: Path, n: int) -> Path:
    """COCO's results: an object of n keys."""
    items = [
        {"image_id": f, "category_id": 1, "score": 0.5, "keypoints": _POINTS} for f in range(3)
    ]
    items[0] |= {f"k{i}": 0 for i in range(n)}
    return _written(folder / "a.json", json.dumps(items))


def brackets(folder: Path, n: int) -> Path:
    """JSON of n opened lists in one text, and n short lists."""
    note = {"text": "[" * n, "lists": [[]] * n, "escapes": '\\"' * n}
    items = [
        {"image_id": f, "category_id": 1, "score": 0.5, "keypoints": _POINTS} for f in range(3)
    ]
    items[0]["note"] = note
    return _written(folder / "a.json", json.dumps(items))


def lines(folder: Path, n: int) -> Path:
    """OpenPifPaf's lines, n frames without anybody in them but the first."""
    one = json.dumps({"frame": 1, "predictions": [{"keypoints": _POINTS, "score": 0.5}]})
    rest = [json.dumps({"frame": f, "predictions": []}) for f in range(2, n)]
    return _written(folder / "a.json", "\n".join([one, *rest, ""]))


def frames(folder: Path, n: int) -> Path:
    """OpenPose's folder of n files."""
    path = folder / "frames"
    path.mkdir()
    text = json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": _POINTS}]})
    for f in range(n):
        (path / f"a_{f:012d}_keypoints.json").write_text(text)
    return path


def labels(folder: Path, n: int) -> Path:
    """YOLO's folder: two frames of n people."""
    path = folder / "labels"
    path.mkdir()
    rows = ["0 .5 .5 .1 .1 " + " ".join(f".4{k} .{i:05} .9" for k in range(17)) for i in range(n)]
    for f in range(2):
        (path / f"a_{f}.txt").write_text("\n".join(rows) + "\n")
    return path


def arrays(folder: Path, n: int) -> Path:
    """NumPy's archive: n people in an array."""
    path = folder / "a.npz"
    rng = np.random.default_rng(0)
    np.savez_compressed(path, keypoints=rng.uniform(0, 100, (3, n, 17, 2)).astype("f4"))
    return path


def texts(folder: Path, n: int) -> Path:
    """NWB: n texts of any length in one heap, and n attributes."""
    path = folder / "a.nwb"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["nwb_version"] = "2.6.0"
        person = file.create_group("processing/behavior/P")
        person.attrs["neurodata_type"] = "PoseEstimation"
        videos = [f"{i}.mp4" for i in range(n)]
        person.create_dataset("original_videos", data=videos, dtype=h5py.string_dtype())
        series = person.create_group("PoseEstimationSeriesnose")
        series.attrs["neurodata_type"] = "PoseEstimationSeries"
        series["data"], series["confidence"] = np.ones((9, 2)), np.ones(9)
        series["starting_time"] = 0.0
        series["starting_time"].attrs["rate"] = 30.0
    return path


def series(folder: Path, n: int) -> Path:
    """NWB: n series of one person."""
    path = texts(folder, 1)
    with h5py.File(path, "r+") as file:
        person = file["processing/behavior/P"]
        for i in range(n):
            person.copy(person["PoseEstimationSeriesnose"], f"PoseEstimationSeriesk{i}")
    return path


def instances(folder: Path, n: int) -> Path:
    """SLEAP: n frames, each of which claims all n instances."""
    path = folder / "a.slp"
    SAMPLES["sleap.slp"][1](path)
    with h5py.File(path, "r+") as file:
        rows = {name: np.repeat(file[name][:1], n) for name in ("frames", "instances")}
        rows["frames"]["instance_id_end"], rows["frames"]["frame_idx"] = n, np.arange(n)
        for name, values in rows.items():
            del file[name]
            file.create_dataset(name, data=values, compression="gzip")
    return path


def packed(folder: Path, n: int) -> Path:
    """A gzipped wide table of n rows."""
    path = folder / "a.csv.gz"
    rows = "".join(f"{f},{f}.5,1\n" for f in range(n))
    path.write_bytes(gzip.compress(f"frame,nose_x,nose_y\n{rows}".encode(), mtime=0))
    return path


#: With the n of the smaller file, which takes a tenth of a second or more to smooth.
KINDS: dict[Maker, int] = {
    ids: 2_000,
    videos: 2_000,
    names: 20_000,
    columns: 10_000,
    numbered_columns: 10_000,
    other_columns: 20_000,
    gaps: 100_000,
    missing: 100_000,
    same_frame: 100_000,
    comments: 100_000,
    quotes: 200_000,
    people: 100,
    images: 1_500,
    keys: 200_000,
    brackets: 1_000_000,
    lines: 15_000,
    frames: 1_000,
    labels: 100,
    arrays: 500,
    texts: 15_000,
    series: 200,
    packed: 100_000,
    instances: 20_000,
}
