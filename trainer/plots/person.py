"""Whom to look at: a clip of a store, or a track of a user's file, with what a run makes of it."""

import logging
from pathlib import Path

from pose_smoother.errors import unknown_name
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.store.store import Store
from trainer.inference.load_run import LoadedRun
from trainer.inference.sliding_window import smooth_poses
from trainer.plots.clip import noisy_clip
from trainer.plots.motion import Motion, motion_of

_log = logging.getLogger(__name__)


def person_in_store(run: LoadedRun, store: Store, name: str | None = None) -> Motion:
    """A test clip with the run's noise, smoothed, beside its ground truth.

    Parameters
    ----------
    name : the clip's id; None takes the one whose keypoints move the most.

    Raises
    ------
    InvalidInputError : no such clip in the test split.
    """
    clip = noisy_clip(run.config, store, name)
    found = mapping(KEYPOINTS)
    [smoothed] = smooth_poses(clip.poses, found, run.smoother(), progress=True)
    [track] = clip.poses.tracks
    return motion_of(track, KEYPOINTS, found, smoothed, run.name, clip.title, clip.truth)


def person_in_file(
    run: LoadedRun,
    source: Path,
    name: str | None = None,
    *,
    format: str | None = None,
    skeleton: str | None = None,
    names_map: Path | None = None,
) -> Motion:
    """A track of a file, smoothed.

    Parameters
    ----------
    name : the track's id; None takes the longest.
    format, skeleton, names_map : as in ``predict``.

    Raises
    ------
    InvalidInputError : the file can't be used, has no keypoint of ours, or no such track.
    """
    poses = read_poses(source, format=format, skeleton=skeleton)
    for text in poses.warnings:
        _log.warning("%s: %s", source, text)
    if name is None:
        track = max(poses.tracks, key=lambda one: len(one.frame))
        if len(poses.tracks) > 1:
            _log.info("%s: the longest of %d tracks, %s", source, len(poses.tracks), track.id)
    else:
        by_id = {one.id: one for one in poses.tracks}
        if name not in by_id:
            raise unknown_name("track", name, list(by_id))
        track = by_id[name]
    found = mapping(poses.names, names_map)
    alone = Poses(poses.names, (track,), (), None)
    [smoothed] = smooth_poses(alone, found, run.smoother(), progress=True)
    title = f"{source.name}, {track.id}" if len(poses.tracks) > 1 else source.name
    return motion_of(track, poses.names, found, smoothed, run.name, title)
