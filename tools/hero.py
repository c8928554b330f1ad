"""Draw docs/pictures/hero.png: one clip that smoothing helps, and one that is hard for it.

Synthetic dancers, with a detector's noise as it was measured on recordings, through the pretrained
smoother. The ground truth is known, and nobody's data are shown.

Command: python tools/hero.py
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

import pose_smoother as ps
from pipeline.synthetic.actions import dance_pose
from pipeline.synthetic.body import keypoints_3d, proportions
from pipeline.synthetic.camera import View, project
from pipeline.synthetic.motion import between_key_poses, wander
from pose_smoother.files.atomic import write_atomic
from pose_smoother.poses.skeletons import skeleton
from trainer.noise.detector_profiles import PROFILES, draw_parameters
from trainer.noise.realistic import simulate
from trainer.report.style import png, style

OUT = Path(__file__).parent.parent / "docs" / "pictures" / "hero.png"
COCO = skeleton("coco-17")
FPS = 30.0
COLOURS = {"raw": "#8b949d", "smoothed": "#007069", "truth": "#15191d"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A clip to draw: what it is, the dance, a measured detector, a seed, and a keypoint."""

    title: str
    dance: str
    detector: str
    seed: int
    keypoint: str
    seconds_a_move: float


CASES = (
    Case("A good case: fast jitter", "toprock", "openpose_moving", 7, "left_wrist", 0.9),
    Case("A hard case: errors that last, and limbs that are taken for others",
         "toprock", "openpose_moving", 4, "left_wrist", 0.9),
)  # fmt: skip


def clean_motion(case: Case, n_frames: int) -> Floats:
    """A dancer in front of a camera, float64 (n, 17, 2), px."""
    rng = np.random.default_rng(case.seed)
    times = np.arange(n_frames) / FPS
    n_keys = int(times[-1] / case.seconds_a_move) + 5
    turns = np.cumsum(rng.normal(0, 25, n_keys))
    poses = np.stack([dance_pose(case.dance, float(turn), rng) for turn in turns])
    keys = np.cumsum(np.full(n_keys, case.seconds_a_move)) - 2 * case.seconds_a_move
    angles = between_key_poses(times, keys, poses, np.full(n_keys - 1, 0.9))
    angles += 0.02 * wander(rng, times, angles.shape[1:], 0.2, 2.0)
    points = keypoints_3d(angles, proportions(rng), COCO.keypoints)
    view = View(0.2, 0.1, 7.0, 300.0, (320.0, 320.0), 2.0)
    return project(points, times, view, rng)


def detected(case: Case, clean: Floats) -> tuple[Floats, Floats]:
    """Detections with the scores of a simulated detector; both float64."""
    rng = np.random.default_rng(case.seed)
    parameters = draw_parameters(rng, PROFILES[case.detector])
    mirror = np.arange(17)
    for left, right in COCO.pairs:
        mirror[[left, right]] = right, left
    found = simulate(clean.astype(np.float32), rng, parameters, mirror)
    return found.noisy.astype(np.float64), found.scores.astype(np.float64)


def draw_skeleton(axis: Axes, pose: Floats, colour: str, width: float, alpha: float = 1.0) -> None:
    """Limbs and dots of one pose; what is missing is left out."""
    known = np.isfinite(pose).all(axis=-1)
    ends = [pose[[a, b]] for a, b in COCO.limbs if known[a] and known[b]]
    lines = LineCollection(ends, colors=colour, linewidths=width, alpha=alpha, capstyle="round")
    axis.add_collection(lines)
    axis.plot(*pose[known].T, "o", color=colour, markersize=width + 0.6, alpha=alpha)


def draw_case(case: Case, poses: list[Axes], path: Axes) -> None:
    """Four frames, and the horizontal position of one keypoint over time."""
    clean = clean_motion(case, 300)
    raw, scores = detected(case, clean)
    smoothed = ps.smooth(raw, scores=scores)
    k = COCO.keypoints.index(case.keypoint)
    part = slice(90, 210)
    off = [np.nanmean(np.linalg.norm(found - clean, axis=-1)) for found in (raw, smoothed)]
    jitter = [
        np.nanmean(np.linalg.norm(np.diff(found, 2, axis=0), axis=-1)) for found in (raw, smoothed)
    ]
    for axis, t in zip(poses, np.linspace(105, 145, len(poses)), strict=True):
        at = int(t)
        draw_skeleton(axis, clean[at], COLOURS["truth"], 5.0, 0.1)
        draw_skeleton(axis, raw[at], COLOURS["raw"], 1.3)
        draw_skeleton(axis, smoothed[at], COLOURS["smoothed"], 2.0)
        low, high = clean[part].min(axis=(0, 1)) - 20, clean[part].max(axis=(0, 1)) + 20
        axis.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal")
        axis.axis("off")
    seconds = np.arange(300)[part] / FPS
    path.plot(seconds, clean[part, k, 0], color=COLOURS["truth"], lw=5, alpha=0.12)
    path.plot(seconds, raw[part, k, 0], ".-", color=COLOURS["raw"], lw=0.9, ms=3.5)
    path.plot(seconds, smoothed[part, k, 0], color=COLOURS["smoothed"], lw=2.0)
    path.set_title(
        f"{case.title}\nerror {off[0]:.1f} → {off[1]:.1f} px, jitter {jitter[0]:.1f} → "
        f"{jitter[1]:.1f} px, over 10 s and 17 keypoints",
        loc="left", fontsize=10,
    )  # fmt: skip
    path.set_ylabel(f"{case.keypoint.replace('_', ' ')}, x (px)")
    path.margins(x=0.01)


def main() -> None:
    """Draw both cases and write the picture."""
    with style():
        figure = Figure(figsize=(12, 5.4), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
        grid = left.subplots(len(CASES), 4)
        paths = right.subplots(len(CASES), 1)
        for case, poses, path in zip(CASES, grid, paths, strict=True):
            draw_case(case, list(poses), path)
        paths[-1].set_xlabel("seconds")
        for name, label in (("raw", "as detected"), ("smoothed", "smoothed"), ("truth", "truth")):
            alpha, width = (0.15, 5) if name == "truth" else (1, 2)
            paths[0].plot([], [], color=COLOURS[name], lw=width, alpha=alpha, label=label)
        right.legend(loc="outside lower center", ncols=3, frameon=False)
        write_atomic(OUT, png(figure))


if __name__ == "__main__":
    main()
