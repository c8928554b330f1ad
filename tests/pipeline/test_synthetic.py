"""The sample annotations: readable by the sources, flawed like the real data, moving like it."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.sources import Clip, SourceOptions, brace, penn_action
from pipeline.synthetic import brace as brace_writer
from pipeline.synthetic import penn_action as penn_writer
from pipeline.synthetic import write_sample
from pipeline.synthetic.actions import PENN_ACTIONS
from pipeline.synthetic.body import JOINTS, LIMBS, keypoints_3d, proportions
from pipeline.synthetic.motion import LAG_S, between_key_poses
from pose_smoother.boxes import boxes_around, to_heatmap
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX

DEFAULT_ACTIONS = {"baseball_pitch", "bench_press", "situp"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "out"
    write_sample(out, 60, seed=3)
    return out


def digests(root: Path) -> dict[str, str]:
    files = (file for file in root.rglob("*") if file.is_file())
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def penn_clips(sample: Path) -> list[Clip]:
    items = penn_action.items(sample / "penn_action", SourceOptions())
    return [clip for item in items for clip in penn_action.parse(item)]


def brace_clips(sample: Path) -> list[Clip]:
    items = brace.items(sample / "brace", SourceOptions())
    return [clip for item in items for clip in brace.parse(item)]


@cache
def many_clips() -> list[dict]:
    return [penn_writer.clip(0, index) for index in range(150)]


def test_equal_arguments_give_equal_bytes_and_another_seed_others(sample, tmp_path):
    write_sample(tmp_path / "again", 60, seed=3)
    write_sample(tmp_path / "other", 60, seed=4)
    first = digests(sample)
    assert digests(tmp_path / "again") == first
    other = digests(tmp_path / "other")
    assert first.pop(".pose-smoother-sample") == other.pop(".pose-smoother-sample")  # the mark
    assert not set(other.values()) & set(first.values())


def test_a_clip_does_not_depend_on_how_many_there_are():
    assert penn_writer.label_file(3, 5) == penn_writer.label_file(3, 5)
    assert penn_writer.label_file(3, 5) != penn_writer.label_file(3, 6)


def test_every_file_is_read_without_complaint(sample, caplog):
    assert len(penn_clips(sample)) == 30
    assert len(list(brace.items(sample / "brace", SourceOptions()))) == 30
    assert len(brace_clips(sample)) > 30, "cuts make more clips than files"
    assert not caplog.records


def test_progress_counts_every_clip(tmp_path):
    done: list[int] = []
    write_sample(tmp_path / "s", 13, seed=0, progress=done.append)
    assert sum(done) == 13
    assert len({clip.video for clip in brace_clips(tmp_path / "s")}) == 5


def test_penn_action_has_the_real_formats_and_flaws():
    clips = many_clips()
    lengths = [len(clip["x"]) for clip in clips]
    assert min(lengths) >= 20
    assert max(lengths) <= 300
    assert 55 < np.mean(lengths) < 90
    names = [clip["action"] for clip in clips]
    assert set(names) == set(PENN_ACTIONS)
    assert len(PENN_ACTIONS) == 9
    assert sum(name in DEFAULT_ACTIONS for name in names) >= len(names) / 2
    assert {names[i] for i in range(6)} >= DEFAULT_ACTIONS
    assert {clip[axis].dtype.str for clip in clips for axis in "xy"} == {"<f8", "<u2", "|u1"}
    assert any(len(clip["bbox"]) == len(clip["x"]) - 1 for clip in clips)
    seen = np.concatenate([clip["visibility"] for clip in clips]).astype(bool)
    assert 0.68 < seen.mean() < 0.80
    assert {0, 1} <= set(seen.sum(axis=1).tolist())
    assert (seen.sum(axis=1) < 2).mean() < 0.02
    hidden_at = np.concatenate([clip["x"][clip["visibility"] == 0] for clip in clips])
    assert 0.2 < (hidden_at <= 1).mean() < 0.6, "the corner is where hidden keypoints often are"


def test_visible_keypoints_are_in_the_picture():
    for clip in many_clips():
        height, width, n_frames = (int(side) for side in clip["dimensions"][0])
        assert n_frames == len(clip["x"]) == clip["nframes"][0, 0]
        seen = clip["visibility"].astype(bool)
        assert clip["x"][seen].min() >= 1
        assert clip["x"][seen].max() <= width
        assert clip["y"][seen].min() >= 1
        assert clip["y"][seen].max() <= height


def test_limbs_keep_their_length_in_every_pose():
    generator = np.random.default_rng(0)
    angles = generator.uniform(-3, 3, (50, len(JOINTS), 3))
    names = tuple(limb.end for limb in LIMBS)
    found = keypoints_3d(angles, proportions(generator), names)
    points = {name: found[:, i] for i, name in enumerate(names)}
    points["pelvis"] = np.zeros((50, 3))
    for limb in LIMBS:
        length = np.linalg.norm(points[limb.end] - points[limb.start], axis=-1)
        assert length.min() > 0.05
        assert np.ptp(length) < 1e-12


def test_moves_reach_their_key_poses_and_rest_there():
    poses = np.random.default_rng(0).normal(size=(3, len(JOINTS), 3))
    times = np.array([0.0, 0.9, 0.999, 1.5, 9.0])
    angles = between_key_poses(
        times + LAG_S.max(), np.array([0.0, 1.0, 2.0]), poses, np.full(2, 0.8)
    )
    root = 0  # moves LAG_S.max() earlier than the limbs that follow last
    assert LAG_S[root] == 0
    last = int(LAG_S.argmax())
    assert angles[0, last] == pytest.approx(poses[0, last])
    assert angles[1, last] == pytest.approx(poses[1, last])
    assert angles[2, last] == pytest.approx(poses[1, last])
    assert angles[3, last] != pytest.approx(poses[1, last])
    assert angles[4] == pytest.approx(poses[2])


def test_brace_has_the_real_formats_and_flaws(sample):
    root = sample / "brace"
    names = [file.name for file in (root / "dataset").rglob("*.json")]
    videos = {folder.name for folder in (root / "dataset").glob("*/*")}
    assert len(videos) >= 5
    assert {len(video) for video in videos} == {11}
    assert {video[0] for video in videos} >= {"-", "_"}
    assert {name.endswith(".json.json") for name in names} == {True, False}
    assert sum(1 for _ in (root / "manual_keypoints").rglob("*.npz")) > 50
    clips = brace_clips(sample)
    left_out = {reason for clip in clips for reason in clip.left_out}
    assert left_out == {
        "keypoints: outside the image",
        "frames: shared with the previous segment",
    }
    shared = {clip.left_out.get("frames: shared with the previous segment", 0) for clip in clips}
    assert shared <= {0, 1, 2, 3}
    assert 2 in shared
    assert any((np.diff(clip.frames) > 1).any() for clip in clips)
    assert {clip.action for clip in clips} == {"toprock", "footwork", "powermove"}
    assert {clip.fps for clip in clips} == {25.0, 29.97002997}
    assert all(clip.person for clip in clips if clip.frames[0] == min(clip.frames))
    cuts = json.loads((root / "annotations" / "shot_boundaries.json").read_text())
    starts = {(clip.video, int(clip.frames[0])) for clip in clips}
    assert any((video, cut) in starts for video in cuts for cut in cuts[video])


def test_neighbouring_segments_agree_on_the_frames_they_share():
    video = brace_writer.video(0, 0, 3)
    first, second = video.segments[:2]
    assert first.end == second.start + 1
    tables = [
        json.loads(data) for name, data in brace_writer.segment_files(video) if "json" in name
    ]
    both = set(tables[0]) & set(tables[1])
    assert len(both) == 2
    assert all(tables[0][key] == tables[1][key] for key in both)


def heatmap_runs(clips: list[Clip]) -> list[np.ndarray]:
    """Positions in heatmap pixels, of runs of at least 5 frames without a gap."""
    runs = []
    for clip in clips:
        positions = to_heatmap(clip.keypoints, boxes_around(clip.keypoints)[0]).astype(float)
        parts = np.split(positions, np.flatnonzero(np.diff(clip.frames) > 1) + 1)
        runs += [part for part in parts if len(part) >= 5]
    return runs


@pytest.mark.parametrize(
    ("clips_of", "within"),
    [(penn_clips, 1.5), (brace_clips, 2.2)],  # BRACE is smoother: interpolated, not marked by hand
    ids=["penn-action", "brace"],
)
def test_keypoints_move_about_as_fast_as_real_ones(sample, clips_of, within):
    runs = heatmap_runs(clips_of(sample))
    step = np.concatenate([np.linalg.norm(np.diff(run, axis=0), axis=-1).ravel() for run in runs])
    bend = np.concatenate([np.linalg.norm(np.diff(run, 2, 0), axis=-1).ravel() for run in runs])
    # Median and 90th percentile of the real Penn Action files at hand, all actions.
    for measured, real in (
        (np.nanmedian(step), 0.66),
        (np.nanpercentile(step, 90), 3.15),
        (np.nanmedian(bend), 0.70),
        (np.nanpercentile(bend, 90), 3.52),
    ):
        assert real / within < measured < real * within


def test_averaging_over_time_helps_as_it_does_on_real_data(sample):
    generator = np.random.default_rng(0)
    sides = [("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")]
    hits, n = np.zeros(2), 0
    for run in heatmap_runs(penn_clips(sample)):
        truth = np.round(run)
        noisy = np.clip(truth + np.round(generator.normal(0, 3, run.shape)), 0, 55)
        mean = np.lib.stride_tricks.sliding_window_view(noisy, 5, axis=0).mean(axis=-1)
        truth, noisy = truth[2:-2], noisy[2:-2]
        lengths = [truth[:, INDEX[a]] - truth[:, INDEX[b]] for a, b in sides]
        limit = 0.1 * np.mean([np.linalg.norm(length, axis=-1) for length in lengths], axis=0)
        scored = np.isfinite(mean[..., 0]) & np.isfinite(limit)[:, None]
        for i, guess in enumerate((noisy, mean)):
            near = np.linalg.norm(guess - truth, axis=-1) <= limit[:, None]
            hits[i] += (near & scored).sum()
        n += scored.sum()
    identity, mean_of_5 = 100 * hits / n
    assert 20 / 1.5 < identity < 20 * 1.5, "real: 20"
    assert 58 / 1.5 < mean_of_5 < 58 * 1.5, "real: 58"


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInputError, match="not an empty folder"):
        write_sample(tmp_path, 4, seed=0)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InvalidInputError, match="at least 2 clips"):
        write_sample(tmp_path / "s", 1, seed=0)


def test_an_interrupted_sample_leaves_nothing(tmp_path):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "s", 4, seed=0, progress=stop)
    assert list(tmp_path.iterdir()) == []
