"""Clips of a store and tracks of a file through a run, error by speed, and the command."""

import numpy as np
import pytest
from click.testing import CliRunner

from pose_smoother.boxes import to_source
from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.inference.load_run import load_run
from trainer.plots import cli as look_cli
from trainer.plots import speed
from trainer.plots.clip import noisy_clip
from trainer.plots.speed import EDGES_PX, error_by_speed, speed_figure
from trainer.plots.track_data import clip_motion, track_motion
from trainer.training.config import TrainConfig
from trainer.training.train import train


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=60)


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    config = TrainConfig("deciwatch", "1.1", max_epochs=1, max_steps=1, device="cpu")
    runs = tmp_path_factory.mktemp("runs")
    train(config, store, runs)
    return runs / config.run_name


@pytest.fixture(scope="module")
def run(folder):
    return load_run(folder)


@pytest.fixture
def show(folder, store, monkeypatch):
    monkeypatch.setattr(look_cli, "open_store", lambda path: store)

    def call(*words):
        return CliRunner().invoke(cli.main, ["show", "--run", str(folder), *map(str, words)])

    return call


def test_a_clip_is_the_truth_made_noisy_once_in_source_pixels(run, store):
    ids = store.clips["id"][np.unique(store.read("test", "clip"))]
    clip = noisy_clip(run.config, store, str(ids[-1]))
    [track] = clip.poses.tracks
    of_clip = store.clips["id"][store.read("test", "clip")] == ids[-1]
    rows = of_clip & np.isin(store.read("test", "frame"), track.frame)
    assert rows.sum() == len(track.frame) > 20  # the longer side of the clip's gap
    assert (np.diff(track.frame) == 1).all()
    box = store.read("test", "boxes")[rows]
    truth = to_source(store.read("test", "keypoints_exact")[rows], box)
    np.testing.assert_allclose(clip.truth, truth)
    annotated = store.read("test", "annotated")[rows]
    assert (np.isfinite(track.keypoints).all(axis=-1) == annotated).all()
    scale = (box[:, None, 2:] - box[:, None, :2]) / 55
    shift_px = ((track.keypoints - clip.truth) / scale)[annotated]
    # sigma is 3 px, less what is clipped at the heatmap's edge; neighbours in time don't share it
    assert 2.0 < shift_px.std() < 3.3
    again = noisy_clip(run.config, store, str(ids[-1]))
    np.testing.assert_array_equal(track.keypoints, again.poses.tracks[0].keypoints)


def test_an_unknown_clip_lists_those_of_the_test_split(run, store):
    known = str(store.clips["id"][store.read("test", "clip")[0]])
    with pytest.raises(InvalidInputError, match=f"unknown test clip 'none'; known: {known}"):
        noisy_clip(run.config, store, "none")


def test_the_clip_that_moves_the_most_is_shown(run, store):
    parts = [store.read("test", name) for name in ("clip", "frame", "keypoints_exact")]
    clip, frame, exact = parts
    moved = np.nansum(np.linalg.norm(np.diff(exact, axis=0), axis=-1), axis=1)
    best, run_of, so_far = 0.0, 0, 0.0
    for i in range(1, len(clip)):  # the longest way within one run
        so_far = so_far + moved[i - 1] if frame[i] == frame[i - 1] + 1 else 0.0
        if so_far > best:
            best, run_of = so_far, int(clip[i])
    motion = clip_motion(run, store)
    assert f" {store.clips['id'][run_of]}" in motion.title
    assert motion.truth.shape == motion.raw.shape == motion.smoothed.shape
    moved = np.isfinite(motion.raw) & (motion.raw != motion.smoothed)
    assert moved.any()


def test_a_track_of_a_file_by_its_id(run, tmp_path):
    file = tmp_path / "in.csv"
    lines = ["person,frame,keypoint,x,y"]
    for person, n_frames in (("p", 6), ("q", 9)):
        for frame in range(n_frames):
            lines += [f"{person},{frame},{k},{10 + frame},{y}" for k, y in NAMED.items()]
    file.write_text("\n".join(lines) + "\n")
    longest = track_motion(run, file)
    assert (len(longest.frame), longest.truth) == (9, None)
    assert "q" in longest.title
    short = track_motion(run, file, longest.title.rpartition(" ")[2].replace("q", "p"))
    assert len(short.frame) == 6
    assert short.names == tuple(NAMED)
    with pytest.raises(InvalidInputError, match="unknown track 'x'; known:"):
        track_motion(run, file, "x")


NAMED = {"nose": 5, "left_shoulder": 20, "left_elbow": 30, "left_wrist": 45, "left_hip": 50}


def test_error_by_speed_adds_up_to_the_error_of_all(run, store, monkeypatch):
    found = error_by_speed(run, store)
    assert (np.diff(found.speed_px) > 0).all()
    assert (found.speed_px >= 0).all()
    noisy = found.curves["as detected"].error_px
    assert (noisy[1] <= noisy[0] + 1e-9).all()
    assert (noisy[0] <= noisy[2] + 1e-9).all()
    assert list(found.curves) == ["as detected", "5-frame mean", run.name]
    # Rounded N(0, 3^2) shifts have a mean length of 3.76 px, a little less for being clipped.
    assert 3.2 < np.average(noisy[0], weights=found.n) < 3.9
    assert error_by_speed(run, store, max_windows=64).n.sum() < found.n.sum()
    monkeypatch.setattr(speed, "_LEAST_KEYPOINTS", 10**6)
    with pytest.raises(InvalidInputError, match="too few test windows"):
        error_by_speed(run, store, max_windows=1)
    figure = speed_figure(found, "title")
    assert len(figure.axes) == 4
    assert len(found.n) <= len(EDGES_PX)


def test_a_mean_is_behind_what_moves_and_the_input_is_not(run, store):
    found = error_by_speed(run, store)
    fast = found.speed_px > 1
    assert fast.any()
    mean, noisy = found.curves["5-frame mean"], found.curves["as detected"]
    assert (mean.behind_px[0, fast] > 1).all()
    assert (np.abs(noisy.behind_px[0]) < 0.5).all()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--frames", ":6"], "a.png"),
        (["--frames", "2:3"], "a.gif"),
        (["--trajectories", "nose"], "a.svg"),
        (["--windows", "1"], "a.pdf"),
        (["--by-speed", "--max-windows", "64"], "a.png"),
    ],
)
def test_every_picture_is_one_command(show, tmp_path, words, name):
    out = tmp_path / name
    result = show(*words, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"wrote {out}\n"
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--windows", "1", "--by-speed"], "different pictures"),
        (["in.csv", "--by-speed"], "go without IN"),
        (["--by-speed", "--out", "a.gif"], "must end in .png, .svg, .pdf"),
        (["--out", "a.bmp"], "must end in .png, .svg, .pdf, .gif, .mp4"),
        (["--frames", "7"], "expected frame numbers as A:B, got '7'"),
        (["none.csv"], "none.csv: no such file"),
    ],
)
def test_what_cannot_be_drawn_is_told(show, words, told):
    result = show(*words)
    assert result.exit_code != 0
    assert told in result.stderr


def test_a_folder_without_a_run_is_one_line(tmp_path):
    result = CliRunner().invoke(cli.main, ["show", "--run", str(tmp_path)])
    assert result.exit_code == 1
    assert "not a run folder" in result.stderr
