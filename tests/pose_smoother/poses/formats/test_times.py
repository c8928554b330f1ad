"""Frames of tables that give times, or frame numbers of an odd step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats.plain_cells import coded
from pose_smoother.poses.formats.times import frames_of
from tests.pose_smoother.poses.formats.two_walkers import (
    N_FRAMES,
    PEOPLE,
    WIDE,
    are_the_walkers,
    long_rows,
    read,
    wide_rows,
)

NOISE = np.random.default_rng(0).normal(0, 0.002, N_FRAMES)

TIMES = {
    "seconds": ("timestamp", lambda f: round(f / 30, 4), 30),
    "jitter": ("t", lambda f: round(f / 30 + NOISE[f], 4), 30),
    "milliseconds": ("time (ms)", lambda f: round(f * 1000 / 30), 30),
    "of no unit": ("time", lambda f: round(f * 1000 / 30), None),
    "epoch": ("timestamp", lambda f: round(1.7e9 + f / 30, 3), 30),
    "clock": ("time", lambda f: f"00:00:{f / 30:06.3f}", 30),
    "date": ("timestamp", lambda f: f"2024-01-01 10:00:{f / 30:06.3f}", 30),
    "text": ("time", lambda f: f"at {f}", None),
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("n_people", [1, 2])
def test_each_different_time_is_a_frame(kind: str, n_people: int, tmp_path: Path) -> None:
    title, time, fps = TIMES[kind]
    poses = read(tmp_path, f"{title},{WIDE}", wide_rows(time, range(n_people)))
    assert are_the_walkers(poses, n_people)
    assert poses.fps == (fps and pytest.approx(fps, rel=0.01))
    told = any(f"column {title!r}" in text for text in poses.warnings)
    assert told == (fps is not None)


def test_people_with_ids_share_times(tmp_path: Path) -> None:
    rows = [[row[0], i % 2, *row[1:]] for i, row in enumerate(wide_rows(lambda f: f / 30))]
    poses = read(tmp_path, f"timestamp,person,{WIDE}", rows)
    assert are_the_walkers(poses)


def test_a_pause_is_a_gap(tmp_path: Path) -> None:
    poses = read(tmp_path, f"t,{WIDE}", wide_rows(lambda f: (f + 5 * (f > 30)) / 30, [0]))
    assert np.flatnonzero(np.diff(poses.tracks[0].frame) == 6).tolist() == [30]


@pytest.mark.parametrize(
    "time", [lambda f: f // 30, lambda f: f"2024-01-01 10:00:{f // 30:02d}", lambda f: f // 3 / 10]
)
def test_rows_count_where_several_moments_have_one_time(time: Any, tmp_path: Path) -> None:
    poses = read(tmp_path, f"time,{WIDE}", wide_rows(time, [0]))
    assert are_the_walkers(poses, 1)
    told = "several moments share a value of column 'time', which was not used"
    assert told in poses.warnings
    rows = [[time(f), f"k{k}", *PEOPLE[0][f, k]] for f in range(N_FRAMES) for k in range(5)]
    with pytest.raises(InvalidInputError, match="column 'time': several moments have one time"):
        read(tmp_path, "time,keypoint,x,y", rows)


def test_durations_are_no_times(tmp_path: Path) -> None:
    poses = read(tmp_path, f"time,{WIDE}", wide_rows(lambda f: 0.03 + abs(NOISE[f]), [0]))
    assert are_the_walkers(poses, 1)
    assert poses.warnings[0] == "there is no column frame: rows were counted from 0"


def test_a_blank_time_averages_nobody(tmp_path: Path) -> None:
    rows = wide_rows(lambda f: f / 30)
    rows[10][0] = ""
    poses = read(tmp_path, f"timestamp,{WIDE}", rows)
    assert all(np.abs(np.diff(t.keypoints, axis=0)).max() < 20 for t in poses.tracks)
    assert len(poses.tracks) == 2


def test_times_that_go_back_are_a_warning(tmp_path: Path) -> None:
    rows = [row for person in (0, 1) for row in wide_rows(lambda f: f / 30, [person])]
    poses = read(tmp_path, f"timestamp,{WIDE}", rows)
    assert are_the_walkers(poses)
    text = "times go back at line 62: rows with one time were taken as several people of one frame"
    assert [str(one) for one in poses.warnings if isinstance(one, Caution)] == [text]


@pytest.mark.parametrize(
    ("frame", "fps"),
    [
        (lambda f: round(f * 1000 / 30), None),
        (lambda f: int(5.5 * f), None),
        (lambda f: int(2.5 * f), None),
        (lambda f: round(f / 30, 4), 30),
    ],
)
def test_frames_of_an_odd_step_are_neighbours(
    frame: Callable[[int], float], fps: float | None, tmp_path: Path
) -> None:
    poses = read(tmp_path, f"frame,{WIDE}", wide_rows(frame, [0]))
    assert are_the_walkers(poses, 1)
    assert poses.fps == fps
    assert any("anew" in one or "column 'frame'" in one for one in poses.warnings)
    rows = [[frame(row[0]), *row[1:]] for row in long_rows(every=0)]
    poses = read(tmp_path, "frame,keypoint,x,y", rows)
    assert are_the_walkers(poses)
    assert poses.fps == fps


@pytest.mark.parametrize(
    ("frames", "is_counted"),
    [
        ([0, 5, 11, 16, 22, 27, 33, 38, 44], True),
        ([0, 5, 11, 16, 22, 27, 33, 38], False),  # too few to tell
        ([0, 5, 11, 16, 22, 27, 33, 38, 39, 45], False),  # two are neighbours
        ([0, 5, 13, 16, 22, 27, 35, 38, 44, 49], False),  # no step
        ([0, 5, 11, 16, 33, 38, 44, 49, 55, 60, 66], True),  # two are missing
    ],
)
def test_numbers_jitter_about_a_step(frames: list[int], is_counted: bool, tmp_path: Path) -> None:
    poses = read(tmp_path, "frame,a_x,a_y", [[frame, 5, 6] for frame in frames])
    counted = np.rint(np.array(frames) / 5.5).astype(int).tolist()
    assert poses.tracks[0].frame.tolist() == (counted if is_counted else frames)


def test_one_slip_leaves_the_step(tmp_path: Path) -> None:
    poses = read(tmp_path, f"frame,{WIDE}", wide_rows(lambda f: 2 * f + (f >= 30), [0]))
    assert poses.tracks[0].step == 2
    assert [len(range(60)[run]) for run in poses.tracks[0].runs()] == [30, 30]


def test_ids_that_take_turns_are_of_one_frame(tmp_path: Path) -> None:
    rows = [[i % 2, *row[1:]] for i, row in enumerate(wide_rows(lambda f: f))]
    poses = read(tmp_path, f"person,{WIDE}", rows)
    assert are_the_walkers(poses)
    rows = sorted(rows, key=lambda row: row[0])
    assert read(tmp_path, f"person,{WIDE}", rows).tracks[1].frame[0] == N_FRAMES


@pytest.mark.parametrize(("cell", "line"), [("", 9), ("mean", 9), ("7.5", 9)])
@pytest.mark.parametrize("title", ["frame", "Frame #"])
def test_a_cell_that_is_no_frame_is_named(cell: str, line: int, title: str, tmp_path: Path) -> None:
    text = f"line {line}, column '{title}': expected a .*; put # before a line that is of no frame"
    rows = wide_rows(lambda f: cell if f == 7 else f, [0])
    with pytest.raises(InvalidInputError, match=text):
        read(tmp_path, f"{title},{WIDE}", rows)
    rows = [[cell if row[0] == 1 else row[0], *row[1:]] for row in long_rows(every=0)]
    with pytest.raises(InvalidInputError, match=text.replace("9", "12")):
        read(tmp_path, f"{title},keypoint,x,y", rows)


def test_a_cell_of_a_long_table_that_is_no_time_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="line 3, column 't': expected a time, found 'x'"):
        read(tmp_path, "t,keypoint,x,y", [[0.1, "a", 1, 2], ["x", "a", 1, 2]])


@pytest.mark.parametrize(
    ("texts", "frames"),
    [
        (["00:00:01.000", "00:00:01.033", "00:00:01.067", "00:00:01.133"], [0, 1, 2, 4]),
        (["59:59.96", "1:00:00.00", "1:00:00.04"], [0, 1, 2]),
        (["2024-01-05T23:59:59,9Z", "2024-01-06T00:00:00,0Z"], [0, 1]),
        (["0:00:01.00", "0:00:01.10", "0:00:01.25", "0:00:01.36"], [0, 1, 2, 3]),
        (["0:00:02", "0:00:01", "0:00:03"], [1, 0, 2]),
    ],
)
def test_clocks_and_dates_in_a_column_of_frames(texts: list[str], frames: list[int]) -> None:
    found = frames_of(coded(texts), np.arange(len(texts)), "frame", None)
    assert found.number.tolist() == frames
    assert "frames are the values of column 'frame'" in found.notes[-1]


def test_names_beside_clocks_are_names() -> None:
    found = frames_of(coded(["0:00:01.00", "img_1"]), np.arange(2), "frame", None)
    assert found.number.tolist() == [0, 1]  # their last numbers
    assert len(set(found.video)) == 2


def test_which_number_of_names_is_the_frame_is_told() -> None:
    texts = [f"frame_{f:04d}_cam2.png" for f in range(12)]
    found = frames_of(coded(texts), np.arange(12), "image", None)
    assert found.number.tolist() == list(range(12))
    assert len(found.notes) == 1
