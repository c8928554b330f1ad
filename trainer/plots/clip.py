"""A clip of a store's test split as a user's detector would give it, with its ground truth.

Each frame is made noisy once, so that the clip is one noisy motion, and mapped back to source
pixels by the stored boxes. (A test draws each window's own noise; the thesis's frozen noise, one
shift for a clip, would show no jitter.) From there on it is a track like any other: it is
boxed again around its noisy keypoints and smoothed as ``predict`` does.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pose_smoother.boxes import to_heatmap, to_source
from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.poses.tracks import Floats, Poses, Track
from pose_smoother.seeds import TEST_NOISE, rng
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.store.store import Store
from trainer.noise.detector import detected_input
from trainer.noise.gaussian import NoiseConfig, noisy_input
from trainer.noise.noise_file import DetectorNoise
from trainer.noise.select import noise_config
from trainer.noise.simulated import SimulatedNoise, detected_run
from trainer.training.config import TrainConfig


@dataclass(frozen=True)
class Clip:
    """A run of frames without a gap.

    Attributes
    ----------
    title : dataset, clip and action.
    poses : one track of all 25 keypoints, source pixels.
    truth : float64 (n, 25, 2), source pixels; NaN where not annotated.
    """

    title: str
    poses: Poses
    truth: Floats


def noisy_clip(config: TrainConfig, store: Store, name: str | None) -> Clip:
    """A clip of the test split with the noise of a run.

    Parameters
    ----------
    config : the run's, for its noise and seed.
    name : the clip's id; None takes the one whose keypoints move the most.

    Raises
    ------
    InvalidInputError : no such clip in the test split, or the split is empty.
    """
    rows = _rows(store, name)
    clip = int(store.read("test", "clip", rows.start, rows.start + 1)[0])
    part = {
        key: store.read("test", key, rows.start, rows.stop)
        for key in ("keypoints", "keypoints_exact", "annotated", "boxes", "frame")
    }
    noisy, detected = _noisy(config, store, part, clip, rows.start)
    raw = to_source(noisy, part["boxes"])
    raw[~detected] = np.nan
    truth = to_source(part["keypoints_exact"], part["boxes"])
    truth[~part["annotated"]] = np.nan
    names = {key: str(store.clips[key][clip]) for key in ("dataset", "id", "action")}
    action = f" ({names['action']})" if names["action"] else ""
    track = Track(
        id=names["id"],
        video=str(store.clips["video"][clip]),
        person=str(store.clips["person"][clip]),
        frame=part["frame"].astype(np.int64),
        keypoints=raw,
        score=np.full(raw.shape[:2], np.nan),
    )
    poses = Poses(names=KEYPOINTS, tracks=(track,), warnings=(), origin=None)
    return Clip(f"{names['dataset']} {names['id']}{action}", poses, truth)


def _rows(store: Store, name: str | None) -> slice:
    """The run of frames, of a clip or of all test clips, in which keypoints move the most."""
    clip, frame = store.read("test", "clip"), store.read("test", "frame")
    if not len(clip):
        raise InvalidInputError(f"{store.path} has no test frame")
    cuts = np.flatnonzero((np.diff(clip) != 0) | (np.diff(frame) != 1)) + 1
    runs = [slice(a, b) for a, b in pairwise([0, *cuts.tolist(), len(clip)])]
    if name is not None:
        ids = [str(store.clips["id"][row]) for row in np.unique(clip)]
        runs = [run for run in runs if str(store.clips["id"][clip[run.start]]) == name]
        if not runs:
            raise unknown_name("test clip", name, ids)
    exact = store.read("test", "keypoints_exact")
    travelled = np.nansum(np.linalg.norm(np.diff(exact, axis=0), axis=-1), axis=1)
    return max(runs, key=lambda run: float(travelled[run.start : run.stop - 1].sum()))


def _noisy(
    config: TrainConfig, store: Store, part: dict[str, NDArray[Any]], clip: int, first: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Positions in heatmap pixels, float64 (n, 25, 2), and where the detector has one."""
    k, is_of_thesis, _ = config.experiment.partition(".")
    # A clip has all its frames, at half the rate of training too.
    full_rate = f"{k}.1" if is_of_thesis else config.experiment
    noise = noise_config(full_rate, config.noise, config.mu_in_px, store)
    if isinstance(noise, SimulatedNoise):
        clean = to_source(part["keypoints_exact"], part["boxes"])
        clean[~part["annotated"]] = np.nan
        drawn = detected_run(clean, rng(config.seed, TEST_NOISE, 0, first), noise.detector)
        found = to_heatmap(drawn.astype(np.float64), part["boxes"]).astype(np.float64)
        return found, ~np.isnan(found[..., 0])
    keypoints = torch.from_numpy(part["keypoints"].astype(np.int64))[None]
    annotated = torch.from_numpy(part["annotated"].astype(bool))[None]
    stream = (config.seed, TEST_NOISE, 0)
    counter = torch.tensor([clip])
    if isinstance(noise, NoiseConfig):
        once = replace(noise, frozen=False, per_clip_datasets=())
        noisy, _ = noisy_input(keypoints, annotated, counter, once, *stream)
        detected = annotated
    else:
        assert isinstance(noise, DetectorNoise)  # no store on disk holds recorded detections
        noisy, detected, _ = detected_input(keypoints, annotated, counter, noise, *stream)
    return noisy[0].numpy().astype(np.float64), detected[0].numpy()
