"""Made-up people in source pixels, and what a detector of known noise gives of them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pose_smoother.boxes import boxes_around, to_heatmap, to_source
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import KEYPOINTS
from tests.trainer.fake_store import make_store
from trainer.calibrate.simulate import simulate
from trainer.noise.noise_file import DetectorNoise


def track(
    name: str, frame: NDArray[np.int64], keypoints: NDArray[np.float64], video: str = "v"
) -> Track:
    """A track without scores."""
    return Track(name, video, name, frame, keypoints, np.full(keypoints.shape[:2], np.nan))


def truth(n_clips: int = 20, n_frames: int = 60, missing: float = 0.1, seed: int = 0) -> Poses:
    """Ground truth of the figures of the fake store, a video each."""
    store = make_store(n_clips, n_frames, seed, missing, gaps=True)
    tracks = []
    for split in ("train", "val", "test"):
        clip, frame = store.read(split, "clip"), store.read(split, "frame").astype(np.int64)
        exact = store.read(split, "keypoints_exact").astype(np.float64)
        source = to_source(exact, store.read(split, "boxes"))
        for row in np.unique(clip):
            name = f"clip{row:03d}"
            tracks.append(track(name, frame[clip == row], source[clip == row], name))
    return Poses(KEYPOINTS, tuple(tracks), (), None)


def detections(of: Poses, noise: DetectorNoise, seed: int = 0) -> Poses:
    """What the detector gives; its noise is in pixels of the boxes around the truth."""
    tracks = []
    for index, one in enumerate(of.tracks):
        boxes, _ = boxes_around(one.keypoints)
        exact = to_heatmap(one.keypoints, boxes).astype(np.float64)
        follows = np.diff(one.frame, prepend=-9) == 1
        found = simulate(exact, follows, noise, np.random.default_rng((seed, index)))
        tracks.append(replace(one, keypoints=to_source(found, boxes)))
    return replace(of, tracks=tuple(tracks))


#: Fewer keypoints take less time.
FEW = ("nose", *(f"{side}_{k}" for k in ("wrist", "hip", "knee") for side in ("left", "right")))


def few(poses: Poses) -> Poses:
    """The same with these few keypoints alone, so that boxes are cut around them."""
    absent = ~np.isin(poses.names, FEW)[:, None]
    tracks = [replace(t, keypoints=np.where(absent, np.nan, t.keypoints)) for t in poses.tracks]
    return replace(poses, tracks=tuple(tracks))


def as_csv(poses: Poses) -> str:
    """The poses as a long CSV file."""
    lines = ["video,frame,keypoint,x,y"]
    for one in poses.tracks:
        for row, frame in enumerate(one.frame.tolist()):
            for name, (x, y) in zip(poses.names, one.keypoints[row].tolist(), strict=True):
                if np.isfinite(x):
                    lines.append(f"{one.video},{frame},{name},{x!r},{y!r}")
    return "\n".join(lines) + "\n"
