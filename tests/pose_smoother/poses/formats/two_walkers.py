"""Two people of five keypoints who walk about, in tables."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.tracks import Floats, Poses

N_FRAMES = 60
WIDE = ",".join(f"k{k}_{axis}" for k in range(5) for axis in "xy")


def _walk(left: float, n_keypoints: int = 5) -> Floats:
    rng = np.random.default_rng(int(left))
    time = np.arange(N_FRAMES)
    centre = np.stack([left + 40 * np.sin(time / 20), 250 + 30 * np.cos(time / 15)], axis=1)
    shape = np.array([[30 * k, 50 * (k % 3)] for k in range(n_keypoints)])
    return (centre[:, None] + shape + rng.normal(size=(N_FRAMES, n_keypoints, 2))).round(2)


PEOPLE = (_walk(300), _walk(900))
HAND = _walk(300, 21)


def read(folder: Path, title: str, rows: Iterable[Iterable[Any]], **options: Any) -> Poses:
    """What is read of a table."""
    path = folder / "a.csv"
    path.write_text("\n".join([title, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return read_poses(path, **options)


def long_rows(
    who: Callable[[int, int], list[Any]] = lambda frame, person: [], every: int = 7
) -> list[list[Any]]:
    """Rows of keypoints, one in ``every`` of the first person's left out (0: none)."""
    return [
        [frame, *who(frame, person), f"k{k}", *PEOPLE[person][frame, k]]
        for frame in range(N_FRAMES)
        for person in (0, 1)
        for k in range(5)
        if person or not every or (frame + k) % every
    ]


def wide_rows(time: Callable[[int], Any], people: Iterable[int] = (0, 1)) -> list[list[Any]]:
    """Rows of people, each with its frame's time."""
    people = list(people)
    return [[time(f), *PEOPLE[p][f].ravel()] for f in range(N_FRAMES) for p in people]


def are_the_walkers(poses: Poses, n_people: int = 2) -> bool:
    """Whether the tracks are these people, in neighbouring frames, with no part of another."""
    found = sorted(poses.tracks, key=lambda track: float(np.nanmean(track.keypoints)))
    order = np.argsort(poses.names)
    return len(found) == n_people and all(
        len(track.frame) == N_FRAMES
        and (np.diff(track.frame) == track.step).all()
        and np.nanmax(np.abs(track.keypoints[:, order] - there)) == 0
        for track, there in zip(found, PEOPLE, strict=False)
    )
