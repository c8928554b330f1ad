"""Synthetic Penn Action label files: the dataset's own format, keys, dtypes and flaws.

How close the motion is to the 1,533 real files, in heatmap pixels of the box cut around
each frame (DESIGN section 5); 400 synthetic clips, seed 0; PCK of the noisy input (k = 1) and of
its mean over 5 frames, in percent:

========================================  ============  ============  =============  =============
                                          real          synthetic     real [1]       synthetic [1]
========================================  ============  ============  =============  =============
displacement a frame, median / 90 % [px]  0.66 / 3.15   0.52 / 2.94   0.53 / 2.93    0.47 / 2.53
acceleration, median / 90 % [px]          0.70 / 3.52   0.65 / 3.57   0.50 / 3.12    0.58 / 3.21
identity, PCK@0.05 / 0.1 / 0.2            5 / 20 / 60   5 / 20 / 59   4 / 19 / 56    5 / 20 / 58
mean of 5, PCK@0.05 / 0.1 / 0.2           21 / 58 / 93  21 / 57 / 91  20 / 54 / 90   22 / 57 / 91
keypoints visible, of 13                  9.6           9.1           9.6            9.0
frames in which one appears or vanishes   14 %          15 %          13 %           15 %
========================================  ============  ============  =============  =============

[1] baseball_pitch, bench_press and situp.
"""

import io
from typing import Any, cast

import numpy as np
import scipy.io
from numpy.typing import NDArray

from pipeline.sources.penn_action import COLUMNS
from pipeline.synthetic.actions import PENN_ACTIONS, Action
from pipeline.synthetic.body import JOINTS, keypoints_3d, proportions
from pipeline.synthetic.camera import View, project
from pipeline.synthetic.motion import between_key_poses, wander
from pose_smoother.seeds import SAMPLE, rng

FRAMES_A_SECOND = 30.0
#: (height, width) of the pictures, in pixels.
_SIZES = ((270, 480), (360, 480), (318, 480))
_POSES = ("back", "front", "left", "right")
#: The scale of the positions: the dataset's were marked on a larger picture, then shrunk.
_GRID_PX = 0.75
_HEADER = b"MATLAB 5.0 MAT-file, synthetic: written by the command `pipeline sample`"
_HEADER_BYTES = 116
_ANKLES = [COLUMNS.index("left_ankle"), COLUMNS.index("right_ankle")]


def label_file(seed: int, index: int) -> bytes:
    """The bytes of the label file of one clip; they depend on ``seed`` and ``index`` alone."""
    return _mat_bytes(clip(seed, index))


def clip(seed: int, index: int) -> dict[str, Any]:
    """One clip's variables as Penn Action names them.

    Returns
    -------
    action, pose : text; x, y : (n, 13), pixels, float64, or unsigned integers in some clips;
    visibility : uint8 (n, 13); bbox : float64 (n, 4) or, rarely, (n - 1, 4), as x0, y0, x1, y1;
    dimensions : uint16 (1, 3), height, width, frames; nframes; train : 1 or -1.
    """
    generator = rng(seed, SAMPLE, 0, index)
    name = _action_name(generator, index)
    n_frames = int(np.clip(generator.lognormal(np.log(62), 0.5), 20, 300))
    times_s = np.arange(n_frames) / FRAMES_A_SECOND
    height, width = _SIZES[index % len(_SIZES)]
    exact, depth_m = _picture(generator, PENN_ACTIONS[name], times_s, (width, height))
    marked = _marked(generator, exact)
    visible = _visible(generator, times_s, depth_m)
    visible &= ((marked >= 1) & (marked <= (width - 1, height - 1))).all(axis=-1)
    if index % 9 == 4:  # somebody walks through the picture
        start = int(generator.integers(0, n_frames - 4))
        visible[start : start + int(generator.integers(1, 5))] = False
        visible[start, generator.integers(0, len(COLUMNS))] = index % 2 == 0
    positions = np.where(visible[..., None], marked, _unseen(generator, marked, (width, height)))
    margin_px = np.array([8, 15])
    bbox = np.hstack([exact.min(axis=1) - margin_px, exact.max(axis=1) + margin_px])
    x, y = positions[..., 0], positions[..., 1]
    if index % 10 == 7:  # whole pixels, kept as unsigned integers
        x, y, bbox = _smallest_unsigned(x), _smallest_unsigned(y), _smallest_unsigned(bbox)
    return {
        "action": name,
        "pose": _POSES[int(generator.integers(len(_POSES)))],
        "x": x,
        "y": y,
        "visibility": visible.astype(np.uint8),
        "train": np.array([[1 if generator.random() < 0.57 else -1]], dtype=np.int32),
        "bbox": bbox[: n_frames - (index % 50 == 11)],
        "dimensions": np.array([[height, width, n_frames]], dtype=np.uint16),
        "nframes": np.array([[n_frames]], dtype=np.uint8 if n_frames < 256 else np.uint16),
    }


def _action_name(generator: np.random.Generator, index: int) -> str:
    """The default three in turn in every other clip, so that small samples have them too."""
    names = list(PENN_ACTIONS)
    if index % 2 == 0:
        return names[index // 2 % 3]
    share = np.array([action.share for action in PENN_ACTIONS.values()])
    return names[int(generator.choice(len(names), p=share / share.sum()))]


def _picture(
    generator: np.random.Generator,
    action: Action,
    times_s: NDArray[np.float64],
    size_px: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact positions (n, 13, 2) in pixels, and how far each keypoint is behind the person."""
    n_keys = int(times_s[-1] / action.move_s[0]) + 4
    order = (int(generator.integers(len(action.poses))) + np.arange(n_keys)) % len(action.poses)
    own = np.stack(action.poses) + generator.normal(0, 0.08, (len(action.poses), len(JOINTS), 3))
    poses = own[order] + generator.normal(0, 0.03, (n_keys, len(JOINTS), 3))
    pace_s = generator.uniform(*action.move_s)
    intervals_s = np.clip(pace_s * generator.lognormal(0, 0.25, n_keys), *action.move_s)
    starts_s = np.cumsum(intervals_s) - generator.uniform(0.5, 2) * intervals_s[0]
    moving = generator.uniform(action.moving, 1, n_keys - 1)
    angles = between_key_poses(times_s, starts_s, poses, moving)
    angles += 0.02 * wander(generator, times_s, (len(JOINTS), 3), 0.2, 2.0)
    points = keypoints_3d(angles, proportions(generator), COLUMNS)
    points -= points[:, _ANKLES].mean(axis=1, keepdims=True)  # the feet stay where they are
    spread = np.ptp(points.reshape(-1, 3), axis=0)
    points[..., 1] -= points[..., 1].mean()
    side = generator.choice([-1, 1]) * np.pi / 2
    azimuth = generator.normal(side, 0.4) if action.side_view else generator.uniform(-np.pi, np.pi)
    width, height = size_px
    fit = min(0.9 * height / spread[1], 0.9 * width / max(spread[0], spread[2]))
    view = View(
        azimuth=azimuth,
        elevation=generator.uniform(0, 0.35),
        distance_m=generator.uniform(4, 9),
        px_per_m=fit * generator.uniform(0.5, 0.9),
        centre_px=(width * generator.uniform(0.4, 0.6), height * generator.uniform(0.45, 0.55)),
        pan_px=generator.uniform(0, 9),
    )
    behind = -(np.sin(azimuth) * points[..., 0] + np.cos(azimuth) * points[..., 2])
    behind -= behind.mean(axis=1, keepdims=True)
    return project(points, times_s, view, generator), behind


def _marked(generator: np.random.Generator, exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where an annotator puts the marks: on a grid, and less sure of what moves fast."""
    speed_px = np.linalg.norm(np.gradient(exact, axis=0), axis=-1, keepdims=True)
    marked = exact + generator.normal(0, 1, exact.shape) * (0.06 + 0.19 * speed_px)
    return np.rint(marked / _GRID_PX) * _GRID_PX


def _visible(
    generator: np.random.Generator, times_s: NDArray[np.float64], behind_m: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Bool (n, 13): keypoints behind the body, or unlucky, are hidden for spans of frames."""
    lasting = generator.normal(0, 0.6, len(COLUMNS))
    passing = 0.45 * wander(generator, times_s, (len(COLUMNS),), 0.05, 0.9)
    return np.asarray(1.2 * behind_m + lasting + passing < 0.62)


def _unseen(
    generator: np.random.Generator, marked: NDArray[np.float64], size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Where hidden keypoints are put: the corner, somewhere, or near where they would be."""
    kind = np.asarray(generator.choice(3, p=(0.4, 0.1, 0.5), size=len(COLUMNS)))[:, None]
    somewhere = generator.uniform(1, size_px, marked.shape)
    near = np.clip(marked + generator.normal(0, 10, marked.shape), 1, size_px)
    guess = np.where(kind == 1, somewhere, near)
    return np.where(kind == 0, _GRID_PX, np.rint(guess / _GRID_PX) * _GRID_PX)


def _smallest_unsigned(values: NDArray[np.float64]) -> NDArray[np.unsignedinteger]:
    """Whole numbers in the smallest type that holds them, which is how MATLAB saves them."""
    whole = np.rint(np.maximum(values, 0))
    return whole.astype(np.uint8 if whole.max() <= 255 else np.uint16)


def _mat_bytes(variables: dict[str, Any]) -> bytes:
    """A MAT-file whose header carries no clock time, so that equal clips have equal bytes."""
    file = io.BytesIO()
    scipy.io.savemat(cast(Any, file), variables, do_compression=True, oned_as="row")
    return _HEADER.ljust(_HEADER_BYTES) + file.getvalue()[_HEADER_BYTES:]
