"""Small files of JSON, as tools write them whose formats have more than one layout."""

import json
from pathlib import Path

import numpy as np

from pose_smoother.poses.tracks import Floats
from tests.pose_smoother.poses.formats import samples
from tests.pose_smoother.poses.formats.samples import COCO, FRAMES, PEOPLE, moves, space, triples


def poseflow(path: Path) -> None:
    keypoints, score = moves()
    document = {
        f"{frame}.jpg": [
            {"keypoints": triples(keypoints[p, i], score[p, i]), "scores": 2.5, "idx": int(person)}
            for p, person in enumerate(PEOPLE)
        ]
        for i, frame in enumerate(FRAMES)
    }
    path.write_text(json.dumps({**document, "9.jpg": []}))


def alphapose_open(path: Path) -> None:
    keypoints, score = moves(18, 1)
    document = {
        f"{frame}.jpg": {
            "version": "AlphaPose v0.3",
            "people": [{"pose_keypoints_2d": triples(keypoints[0, i], score[0, i])}],
        }
        for i, frame in enumerate(FRAMES)
    }
    path.write_text(json.dumps(document))


def alphapose_cmu(path: Path) -> None:
    alphapose_open(path)
    text = path.read_text().replace('"people"', '"bodies"')
    path.write_text(text.replace('"pose_keypoints_2d"', '"joints"'))


def _pifpaf(person: str, keypoints: list[float]) -> dict[str, object]:
    box = {"bbox": [1.5, 2.0, 3.0, 4.0], "score": 0.875, "category_id": 1}
    return {"keypoints": keypoints, **box, "id_": int(person)}


def openpifpaf_video(path: Path) -> None:
    keypoints, score = moves()
    lines = [
        {
            "frame": frame,
            "predictions": [
                _pifpaf(person, triples(keypoints[p, i], score[p, i]))
                for p, person in enumerate(PEOPLE)
            ],
        }
        for i, frame in enumerate(FRAMES)
    ]
    lines.append({"frame": 9, "predictions": []})
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def openpifpaf_images(path: Path) -> None:
    keypoints, score = moves()
    path.mkdir()
    for i, frame in enumerate(FRAMES):
        people = [
            _pifpaf(person, triples(keypoints[p, i], score[p, i]))
            for p, person in enumerate(PEOPLE)
        ]
        (path / f"{frame:03d}.jpg.predictions.json").write_text(json.dumps(people))
    (path / "009.jpg.predictions.json").write_text("[]")


def _landmarks(keypoints: Floats, score: Floats) -> list[dict[str, float | None]]:
    rows = np.column_stack([keypoints, score]).tolist()
    return [
        dict(zip(("x", "y", "z", "visibility"), (None if v != v else v for v in row), strict=True))
        for row in rows
    ]


def mediapipe_list(path: Path) -> None:
    keypoints, score = space()
    frames: list[dict[str, object]] = [
        {
            "frame": frame,
            "timestamp_ms": frame * 40,
            "pose_landmarks": _landmarks(keypoints[i], score[i]),
            "left_hand_landmarks": None,
        }
        for i, frame in enumerate(FRAMES)
    ]
    path.write_text(json.dumps([*frames, {"frame": 9, "pose_landmarks": None}]))


def mediapipe_proto(path: Path) -> None:
    keypoints, score = space()
    frames = [
        {"frameNumber": frame, "poseLandmarks": {"landmark": _landmarks(keypoints[i], score[i])}}
        for i, frame in enumerate(FRAMES)
    ]
    path.write_text(json.dumps({"video": {"name": "a.mp4", "fps": 25}, "frames": frames}, indent=1))


def mmpose_space(path: Path) -> None:
    keypoints, score = space(17)
    frames = [
        {
            "frame_id": frame,
            "instances": [
                {
                    "keypoints": [[None if v != v else v for v in xyz] for xyz in rows.tolist()],
                    "keypoint_scores": score[i].tolist(),
                }
            ],
        }
        for i, (frame, rows) in enumerate(zip(FRAMES, keypoints, strict=True))
    ]
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO)}, "fps": 30}
    path.write_text(json.dumps({"meta_info": meta, "instance_info": frames}))


def coco_video(path: Path) -> None:
    samples.coco_annotations(path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({"videos": [{"id": 1, "fps": 24}], **document}))
