"""Small files of tools whose formats have more than one layout, and of texts in other encodings."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pose_smoother.poses.tracks import Floats
from tests.pose_smoother.poses.formats import json_samples, samples
from tests.pose_smoother.poses.formats.samples import (
    COCO,
    FILES,
    FRAMES,
    PEOPLE,
    moves,
    space,
)


@dataclass(frozen=True)
class Sample:
    """A file, and what it holds.

    Attributes
    ----------
    file : its name; without an ending, a folder.
    format : the format's name.
    make : writes it.
    tracks : track -> (frames, keypoints (n, J, axes)), as the maker or the format's library says.
    scores : of each track; None where they are not compared.
    fps : frames a second.
    """

    file: str
    format: str
    make: Callable[[Path], None]
    tracks: dict[str, tuple[list[int], Floats]]
    scores: list[Floats] | None = None
    fps: float | None = None


def _two(score: Floats | None = None) -> dict[str, tuple[list[int], Floats]]:
    keypoints, _ = moves()
    return {person: (list(FRAMES), keypoints[p]) for p, person in enumerate(PEOPLE)}


def _zero_scores() -> list[Floats]:
    keypoints, score = moves()
    return list(np.where(np.isnan(keypoints[..., 0]), 0, score))


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:g}" if value == round(value) else repr(value)


def mediapipe_long(path: Path) -> None:
    keypoints, score = space()
    lines = ["frame,landmark_id,x,y,z,visibility"]
    for i, frame in enumerate(FRAMES):
        for j in range(33):
            cells = map(_cell, [*keypoints[i, j].tolist(), float(score[i, j])])
            lines.append(f"{frame},{j},{','.join(cells)}")
    path.write_text("\n".join(lines) + "\n")


def mediapipe_wide(path: Path) -> None:
    keypoints, score = space()
    lines = ["frame," + ",".join(f"{a}{j}" for j in range(33) for a in "xyzv")]
    for i, frame in enumerate(FRAMES):
        rows = np.column_stack([keypoints[i], score[i]])
        lines.append(f"{frame}," + ",".join(map(_cell, rows.ravel().tolist())))
    path.write_text("\n".join(lines) + "\n")


def anipose(path: Path) -> None:
    keypoints, score = space(3)
    names = ("snout", "tail base", "paw")
    kinds = ("x", "y", "z", "error", "ncams", "score")
    lines = [",".join([*(f"{n}_{k}" for n in names for k in kinds), "M_00", "center_0", "fnum"])]
    for i, frame in enumerate(FRAMES):
        cells = []
        for xyz, s in zip(keypoints[i].tolist(), score[i].tolist(), strict=True):
            cells += [*map(_cell, xyz), "1.25", "3.0", str(s)]
        lines.append(",".join([*cells, "1.0", "0.0", str(frame)]))
    path.write_text("\n".join(lines) + "\n")


def dlc_space(path: Path) -> None:
    keypoints, _ = space(3)
    head = ["scorer" + ",Anna S" * 9, "bodyparts,a,a,a,b,b,b,c,c,c", "coords" + ",x,y,z" * 3]
    rows = zip(FRAMES, keypoints.reshape(len(FRAMES), -1).tolist(), strict=True)
    lines = [",".join([str(frame), *map(_cell, row)]) for frame, row in rows]
    path.write_text("\n".join([*head, *lines]) + "\n")


def sleap_csv(path: Path) -> None:
    keypoints, score = moves()
    lines = ["track,frame_idx,instance.score," + ",".join(f"{n}.{a}" for n in COCO for a in _XYS)]
    for i, frame in enumerate(FRAMES):
        for p, person in enumerate(PEOPLE):
            rows = np.column_stack([keypoints[p, i], score[p, i]])
            cells = ",".join(map(_cell, rows.ravel().tolist()))
            lines.append(f"{person},{frame},0.75,{cells}")
    path.write_text("\n".join(lines) + "\n")


_XYS = ("x", "y", "score")


def xy_columns(path: Path) -> None:
    keypoints, _ = moves()
    lines = ["frame,person," + ",".join(f"{a}_{j}" for j in range(17) for a in "xy")]
    for i, frame in enumerate(FRAMES):
        for p, person in enumerate(PEOPLE):
            cells = ",".join(map(_cell, keypoints[p, i].ravel().tolist()))
            lines.append(f"{frame},{person},{cells}")
    path.write_text("\n".join(lines) + "\n")


def trc(path: Path) -> None:
    """As Pose2Sim writes it: tabs at the ends of header lines, blank cells where missing."""
    keypoints, _ = space(3)
    names = ("RHip", "RKnee", "RAnkle")
    axes = "\t".join(f"X{i + 1}\tY{i + 1}\tZ{i + 1}" for i in range(3))
    lines = [
        "PathFileType\t4\t(X/Y/Z)\ta.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        "59.94\t59.94\t4\t3\tm\t59.94\t3\t4",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\t",
        "\t\t" + axes + "\t",
        "",
    ]
    for i, frame in enumerate(FRAMES):
        cells = "\t".join(map(_cell, keypoints[i].ravel().tolist()))
        lines.append(f"{frame}\t{frame / 59.94}\t{cells}")
    path.write_text("\n".join(lines) + "\n")


def yolo(path: Path) -> None:
    """As Ultralytics saves labels with confidences and tracks."""
    keypoints, score = moves()
    path.mkdir()
    for i, frame in enumerate(FRAMES):
        lines = []
        for p, person in enumerate(PEOPLE):
            cells = [
                "0 0 0"
                if np.isnan(x)
                else f"{float(f'{x / 400:.6f}')} {float(f'{y / 400:.6f}')} {s}"
                for (x, y), s in zip(keypoints[p, i].tolist(), score[p, i].tolist(), strict=True)
            ]
            lines.append(f"0 0.5 0.5 0.25 0.3 {' '.join(cells)} 0.875 {person}\n")
        (path / f"{frame}.txt").write_text("".join(lines))


def _yolo_tracks() -> dict[str, tuple[list[int], Floats]]:
    as_text = np.vectorize(lambda value: float(f"{value / 400:.6f}"))
    return {name: (frames, as_text(xy)) for name, (frames, xy) in _two().items()}


def npy(path: Path) -> None:
    keypoints, score = moves()
    np.save(path, np.concatenate([keypoints, score[..., None]], axis=-1).astype(np.float32))


def _npy_tracks() -> dict[str, tuple[list[int], Floats]]:
    keypoints = moves()[0].astype(np.float32).astype(np.float64)
    return {str(p + 1): (list(range(len(FRAMES))), keypoints[p]) for p in range(2)}


def npy_space(path: Path) -> None:
    np.save(path, space(5)[0])


def npz_space(path: Path) -> None:
    keypoints, score = space(5)
    np.savez(path, keypoints=keypoints, scores=score, fps=30, frame=np.array(FRAMES))


def nwb_space(path: Path) -> None:
    """NWB's positions with a third coordinate."""
    path.write_bytes((FILES / "poses.nwb").read_bytes())
    with h5py.File(path, "r+") as file:
        for person in ("ann", "bob"):
            for name in ("nose", "left_shoulder", "tail"):
                group = file[f"processing/behavior/{person}/{name}"]
                values, attributes = group["data"][()], dict(group["data"].attrs)
                del group["data"]
                group["data"] = np.round(np.column_stack([values, values[:, 0] + 7]), 3)
                group["data"].attrs.update(attributes)


def _nwb_space() -> dict[str, tuple[list[int], Floats]]:
    tracks = _stored("poses.nwb")
    order = [1, 0, 2]  # HDF5 lists the series by name
    return {
        name: (frames, np.round(np.concatenate([xy, xy[..., :1] + 7], axis=-1)[:, order], 3))
        for name, (frames, xy) in tracks.items()
    }


def _commented(maker: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        maker(path)
        path.write_bytes(b"# frame rate: 25 fps: 25\n" + path.read_bytes())

    return make


def _table(text_of: Callable[[str], bytes]) -> Callable[[Path], None]:
    """A wide table as bytes, made of its text."""

    def make(path: Path) -> None:
        keypoints, score = moves()
        lines = ["frame,person," + ",".join(f"{n}_{a}" for n in COCO for a in _XYS)]
        for i, frame in enumerate(FRAMES):
            for p, person in enumerate(PEOPLE):
                rows = np.column_stack([keypoints[p, i], score[p, i]])
                lines.append(f"{frame},{person}," + ",".join(map(_cell, rows.ravel().tolist())))
        path.write_bytes(text_of("\n".join(lines) + "\n"))

    return make


def _copied(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes((FILES / name).read_bytes())

    return make


def _stored(name: str) -> dict[str, tuple[list[int], Floats]]:
    tracks = json.loads((FILES / "expected.json").read_text())[name]
    return {
        track: ([f for f, _ in rows], np.array([points for _, points in rows]))
        for track, rows in tracks.items()
    }


def _numbered() -> dict[str, tuple[list[int], Floats]]:
    return {"link-1": (list(FRAMES), space()[0])}


_SCORES = list(moves()[1])
_TABLES: dict[str, Callable[[str], bytes]] = {
    "csv_gz": lambda text: gzip.compress(text.encode(), mtime=0),
    "csv_utf16": lambda text: text.encode("utf-16"),
    "csv_cr": lambda text: text.replace("\n", "\r").encode(),
    "csv_decimal_comma": lambda text: text.replace(",", ";").replace(".", ",").encode(),
    "csv_comments": lambda text: b"# fps: 29.97\n\n# camera, left\n" + text.encode(),
    "csv_comment_header": lambda text: b"# " + text.encode(),
}


def sleap_fps(path: Path) -> None:
    """Videos with a frame rate, and a skeleton as SLEAP 1.3.2 and later write it."""
    path.write_bytes((FILES / "sleap.slp").read_bytes())
    with h5py.File(path, "r+") as file:
        videos = [json.loads(line) for line in file["videos_json"].asstr()[()]]
        for video in videos:
            video["backend"] = {**video.get("backend", {}), "fps": 29.97}
        del file["videos_json"]
        file["videos_json"] = [json.dumps(video) for video in videos]
        attributes = file["metadata"].attrs
        metadata = json.loads(attributes["json"])
        metadata["skeletons"] = [
            {"nx_graph": graph, "description": "", "preview_image": None}
            for graph in metadata["skeletons"]
        ]
        attributes["json"] = json.dumps(metadata)


#: Sample -> its file.
MORE_SAMPLES: dict[str, Sample] = {
    "sleap_fps": Sample("a.slp", "sleap", sleap_fps, samples.expected("sleap.slp"), None, 29.97),
    "poseflow": Sample("a.json", "alphapose", json_samples.poseflow, _two(), _zero_scores()),
    "alphapose_open": Sample(
        "a.json",
        "alphapose",
        json_samples.alphapose_open,
        {"link-1": (list(FRAMES), moves(18, 1)[0][0])},
    ),
    "alphapose_cmu": Sample(
        "a.json",
        "alphapose",
        json_samples.alphapose_cmu,
        {"link-1": (list(FRAMES), moves(18, 1)[0][0])},
    ),
    "openpifpaf_video": Sample(
        "a.json", "openpifpaf", json_samples.openpifpaf_video, _two(), _zero_scores()
    ),
    "openpifpaf_images": Sample(
        "a", "openpifpaf", json_samples.openpifpaf_images, _two(), _zero_scores()
    ),
    "mediapipe_list": Sample(
        "a.json", "mediapipe", json_samples.mediapipe_list, _numbered(), [space()[1]]
    ),
    "mediapipe_proto": Sample(
        "a.json", "mediapipe", json_samples.mediapipe_proto, _numbered(), [space()[1]], 25.0
    ),
    "mediapipe_long": Sample("a.csv", "csv-long", mediapipe_long, _numbered(), [space()[1]]),
    "mediapipe_wide": Sample("a.csv", "csv-xy", mediapipe_wide, _numbered(), [space()[1]]),
    "dlc_space": Sample("a.csv", "dlc", dlc_space, {"1": (list(FRAMES), space(3)[0])}),
    "anipose": Sample(
        "a.csv", "csv-wide", anipose, {"link-1": (list(FRAMES), space(3)[0])}, [space(3)[1]]
    ),
    "sleap_csv": Sample("a.csv", "csv-wide", sleap_csv, _two(), _SCORES),
    "xy_columns": Sample("a.csv", "csv-xy", xy_columns, _two()),
    "trc": Sample("a.trc", "trc", trc, {"1": (list(FRAMES), space(3)[0])}, None, 59.94),
    "yolo": Sample("a", "yolo", yolo, _yolo_tracks(), _zero_scores()),
    **{
        name: Sample(
            "a.csv.gz" if name == "csv_gz" else "a.csv",
            "csv-wide",
            _table(text_of),
            _two(),
            _SCORES,
            29.97 if name == "csv_comments" else None,
        )
        for name, text_of in _TABLES.items()
    },
    "sleap_matlab.h5": Sample(
        "a.h5", "sleap-analysis", _copied("sleap_matlab.h5"), _stored("sleap_matlab.h5")
    ),
    "sleap_standard.h5": Sample(
        "a.h5", "sleap-analysis", _copied("sleap_standard.h5"), _stored("sleap_standard.h5")
    ),
    "movement_space.nc": Sample(
        "a.nc", "movement", _copied("movement_space.nc"), _stored("movement_space.nc"), None, 50.0
    ),
    "csv_xy_fps": Sample("a.csv", "csv-xy", _commented(xy_columns), _two(), None, 25.0),
    "csv_long_fps": Sample(
        "a.csv", "csv-long", _commented(mediapipe_long), _numbered(), [space()[1]], 25.0
    ),
    "mmpose_space": Sample(
        "a.json",
        "mmpose",
        json_samples.mmpose_space,
        {"link-1": (list(FRAMES), space(17)[0])},
        None,
        30.0,
    ),
    "coco_video": Sample(
        "a.json",
        "coco-results",
        json_samples.coco_video,
        samples.expected("coco_annotations"),
        None,
        24.0,
    ),
    "nwb_space": Sample("a.nwb", "nwb", nwb_space, _nwb_space(), None, 30.0),
    "npy": Sample("a.npy", "npy", npy, _npy_tracks()),
    "npy_space": Sample("a.npy", "npy", npy_space, {"1": (list(range(len(FRAMES))), space(5)[0])}),
    "npz_space": Sample(
        "a.npz", "npz", npz_space, {"1": (list(FRAMES), space(5)[0])}, [space(5)[1]], 30.0
    ),
    "movement.nc": Sample(
        "a.nc", "movement", _copied("movement.nc"), _stored("movement.nc"), None, 25.0
    ),
}
