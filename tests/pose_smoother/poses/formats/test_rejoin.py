"""Blank ids in a file with ids: whose a detection clearly is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.poses.formats.rejoin import rejoined
from tests.pose_smoother.poses.formats.two_walkers import (
    N_FRAMES,
    WIDE,
    are_the_walkers,
    read,
    wide_rows,
)


@pytest.mark.parametrize(
    "is_blank",
    [lambda f, p: f % 10 == 3 and p == 0, lambda f, p: 20 < f < 35, lambda f, p: f in (0, 59)],
)
def test_a_blank_id_is_the_one_that_is_missing(
    is_blank: Callable[[int, int], bool], tmp_path: Path
) -> None:
    rows = [
        [row[0], "" if is_blank(row[0], i % 2) else i % 2, *row[1:]]
        for i, row in enumerate(wide_rows(lambda f: f))
    ]
    poses = read(tmp_path, f"frame,person,{WIDE}", rows)
    assert are_the_walkers(poses)
    assert [track.person for track in poses.tracks] == ["0", "1"]
    n_blank = sum(row[1] == "" for row in rows)
    assert poses.warnings == (
        f"{n_blank} detections without an id were taken as the individuals that are missing in "
        "their frames, by distance",
    )
    assert sum(len(track.frame) for track in poses.tracks) == 2 * N_FRAMES


def square(x: float) -> np.ndarray:
    return np.array([[x, 0.0], [x + 10, 0], [x + 10, 10], [x, 10]])


@pytest.mark.parametrize(
    ("detections", "found"),
    [
        ([(1, 0, "a"), (2, 1, None), (3, 2, "a")], {1: "a"}),
        ([(1, 0, "a"), (2, 0, "a"), (2, 1, None)], {}),  # a is there
        ([(1, 0, "a"), (2, 0, "a"), (3, 4, None)], {}),  # too far
        ([(1, 0, "a"), (2, 0, "a"), (3, 1, None), (3, 1.5, None), (4, 0, "a")], {}),  # two
        ([(1, 0, "a"), (1, 3, "b"), (2, 1.5, None), (3, 0, "a"), (3, 3, "b")], {}),  # between
        ([(1, 0, "a"), (1, 3, "b"), (2, 0.5, None), (3, 0, "a"), (3, 3, "b")], {2: "a"}),
        ([(1, 0, "a"), (2, 0, "a"), (32, 0, None), (63, 0, "a")], {2: "a"}),
        ([(1, 0, "a"), (2, 0, "a"), (33, 0, None), (64, 0, "a")], {}),  # too long ago
        ([(1, 0, "a"), (3, 4, None), (5, 8, "a")], {1: "a"}),  # on its way
        ([(1, 0, "a"), (2, 0, None), (3, 0, None)], {}),  # ids are the exception
    ],
)
def test_only_what_is_clear_is_joined(
    detections: list[tuple[int, float, str | None]], found: dict[int, str]
) -> None:
    frame = np.array([one[0] for one in detections])
    keypoints = np.stack([square(one[1]) for one in detections])
    assert rejoined(frame, keypoints, [one[2] for one in detections], 1) == found
