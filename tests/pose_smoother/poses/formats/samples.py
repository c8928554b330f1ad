"""Small files in every format, written without the code under test, and what they hold."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pose_smoother.poses.skeletons import skeleton
from pose_smoother.poses.tracks import Floats

FILES = Path(__file__).parent / "files"
FRAMES = (3, 4, 5, 8)
PEOPLE = ("7", "2")
COCO = skeleton("coco-17").keypoints


def moves(n_keypoints: int = 17, n_people: int = 2) -> tuple[Floats, Floats]:
    """Keypoints (P, n, J, 2) and scores (P, n, J) with a missing one; people move a little."""
    rng = np.random.default_rng(1)
    start = (
        rng.uniform(10, 90, (n_people, 1, n_keypoints, 2))
        + np.arange(n_people)[:, None, None, None] * 200
    )
    steps = rng.uniform(-2, 2, (n_people, len(FRAMES), n_keypoints, 2))
    keypoints = np.round(start + steps, 3)
    score = np.round(rng.uniform(0.1, 1, keypoints.shape[:3]), 4)
    keypoints[0, 1, 5] = np.nan
    return keypoints, score


def space(n_keypoints: int = 33) -> tuple[Floats, Floats]:
    """One person in three dimensions: keypoints (n, J, 3) with a missing one, and scores."""
    rng = np.random.default_rng(2)
    keypoints = np.round(rng.uniform(0.5, 3, (len(FRAMES), n_keypoints, 3)), 5)
    keypoints[1, 2] = np.nan
    return keypoints, np.round(rng.uniform(0.2, 1, keypoints.shape[:2]), 4)


def _or(value: float, other: object) -> object:
    return other if np.isnan(value) else float(value)


def triples(keypoints: Floats, score: Floats) -> list[float]:
    """x, y, score, … of one person; missing ones are three zeros."""
    found: list[float] = []
    for (x, y), s in zip(keypoints.tolist(), score.tolist(), strict=True):
        found += [0, 0, 0] if np.isnan(x) else [x, y, s]
    return found


def coco_results(path: Path) -> None:
    keypoints, score = moves()
    items = [
        {
            "image_id": frame,
            "category_id": 1,
            "keypoints": triples(keypoints[p, i], score[p, i]),
            "score": 0.5 + p / 10,
            "track_id": int(person),
            "bbox": [1, 2, 3.5, 4],
            "note": "-abc é",
        }
        for i, frame in enumerate(FRAMES)
        for p, person in enumerate(PEOPLE)
    ]
    path.write_text(json.dumps(items))


def coco_annotations(path: Path) -> None:
    keypoints, _ = moves()
    flags = np.where(np.isnan(keypoints[..., 0]), 0, 2)
    annotations = [
        {
            "id": 10 * p + i,
            "image_id": 100 + i,
            "category_id": 1,
            "num_keypoints": 16,
            "keypoints": triples(keypoints[p, i], flags[p, i]),
            "track_id": int(person),
        }
        for i in range(len(FRAMES))
        for p, person in enumerate(PEOPLE)
    ]
    annotations.append({"id": 99, "image_id": 100, "category_id": 2, "bbox": [0, 0, 1, 1]})
    document = {
        "info": {"year": 2024, "made": None},
        "images": [
            {"id": 100 + i, "file_name": f"dance/img-{frame:06d}.jpg"}
            for i, frame in enumerate(FRAMES)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO)}, {"id": 2}],
        "annotations": annotations,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def mmpose(path: Path) -> None:
    keypoints, score = moves()
    frames = [
        {
            "frame_id": frame,
            "instances": [
                {
                    "keypoints": [
                        [_or(x, float("nan")), _or(y, float("nan"))]
                        for x, y in keypoints[p, i].tolist()
                    ],
                    "keypoint_scores": score[p, i].tolist(),
                    "bbox": [[1.0, 2.0, 3.0, 4.0]],
                    "bbox_score": 0.875,
                    "track_id": int(person),
                }
                for p, person in enumerate(PEOPLE)
            ],
        }
        for i, frame in enumerate(FRAMES)
    ]
    frames.append({"frame_id": 9, "instances": []})
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO)}, "sigmas": [0.1]}
    document = {"meta_info": meta, "instance_info": frames}
    path.write_text(json.dumps(document, indent="\t"))


def openpose(path: Path) -> None:
    keypoints, score = moves(25 + 21)
    path.mkdir()
    for i, frame in enumerate(FRAMES):
        people = [
            {
                "person_id": [int(person)],
                "pose_keypoints_2d": triples(keypoints[p, i, :25], score[p, i, :25]),
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": triples(keypoints[p, i, 25:], score[p, i, 25:]),
                "pose_keypoints_3d": [1.5, 2, 0.25, 0],
            }
            for p, person in enumerate(PEOPLE)
        ]
        document = {"version": 1.3, "people": people}
        name = f"dance_{frame:012d}_keypoints.json"
        (path / name).write_text(json.dumps(document, separators=(",", ":")))
    (path / "dance_000000000009_keypoints.json").write_text('{"version":1.3,"people":[]}')


def csv_long(path: Path) -> None:
    keypoints, score = moves()
    lines = ["frame,person,keypoint,x,y,score,note"]
    for i, frame in enumerate(FRAMES):
        for p, person in enumerate(PEOPLE):
            for j, name in enumerate(COCO):
                x, y = (_or(v, "") for v in keypoints[p, i, j].tolist())
                lines.append(f'{frame},{person},{name},{x},{y},{score[p, i, j]},"-a,""b"""')
    path.write_bytes("\r\n".join(lines).encode())


def csv_wide(path: Path) -> None:
    keypoints, score = moves()
    lines = [";".join(["id", "frame", "person", *(f"{n}_{c}" for n in COCO for c in "xyc")])]
    for i, frame in enumerate(FRAMES):
        for p, person in enumerate(PEOPLE):
            cells = [
                str(_or(v, "NA"))
                for xy, s in zip(keypoints[p, i].tolist(), score[p, i].tolist(), strict=True)
                for v in (*xy, s)
            ]
            lines.append(";".join(["007", f"{frame:04d}", person, *cells]))
    path.write_text("\n".join(lines) + "\n\n")


def npz(path: Path) -> None:
    keypoints, score = moves()
    np.savez_compressed(
        path,
        other=np.arange(5),
        keypoints=keypoints,
        scores=score,
        names=np.array(COCO),
        frame=np.array(FRAMES),
        person=np.array(PEOPLE),
    )


def _copied(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes((FILES / name).read_bytes())

    return make


#: Sample → (file name, its maker, the format's name).
SAMPLES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "coco_results": ("a.json", coco_results, "coco-results"),
    "coco_annotations": ("a.json", coco_annotations, "coco-results"),
    "mmpose": ("a.json", mmpose, "mmpose"),
    "openpose": ("frames", openpose, "openpose"),
    "csv_long": ("a.csv", csv_long, "csv-long"),
    "csv_wide": ("a.csv", csv_wide, "csv-wide"),
    "npz": ("a.npz", npz, "npz"),
    "sleap.slp": ("a.slp", _copied("sleap.slp"), "sleap"),
    "poses.nwb": ("a.nwb", _copied("poses.nwb"), "nwb"),
    "dlc.csv": ("a.csv", _copied("dlc.csv"), "dlc"),
    "dlc_images.csv": ("a.csv", _copied("dlc_images.csv"), "dlc"),
    "dlc_table.h5": ("a.h5", _copied("dlc_table.h5"), "dlc"),
    "dlc_fixed.h5": ("a.h5", _copied("dlc_fixed.h5"), "dlc"),
}


def make(sample: str, folder: Path) -> Path:
    """Write a sample into a folder; its path."""
    name, maker, _ = SAMPLES[sample]
    maker(folder / name)
    return folder / name


def expected_scores(sample: str) -> list[Floats] | None:
    """Each track's scores (n, J), for the samples made here; NaN where a file gives none."""
    if sample in json.loads((FILES / "expected.json").read_text()):
        return None
    keypoints, score = moves(46 if sample == "openpose" else 17)
    if sample == "coco_annotations":
        score = np.full_like(score, np.nan)
    elif sample in ("coco_results", "openpose"):
        score = np.where(np.isnan(keypoints[..., 0]), 0, score)
    return list(score)


def expected(sample: str) -> dict[str, tuple[list[int], Floats]]:
    """Track → (frames, keypoints (n, J, 2)), as the maker or the format's own library says."""
    if sample in (stored := json.loads((FILES / "expected.json").read_text())):
        return {
            track: ([f for f, _ in rows], np.array([points for _, points in rows]))
            for track, rows in stored[sample].items()
        }
    keypoints, _ = moves(46 if sample == "openpose" else 17)
    video = {"coco_annotations": "dance/img-:", "openpose": "dance:"}.get(sample, "")
    return {f"{video}{person}": (list(FRAMES), keypoints[p]) for p, person in enumerate(PEOPLE)}
