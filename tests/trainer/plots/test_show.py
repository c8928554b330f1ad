"""Clips of a store and tracks of a file through a run, error by speed, and the command."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pose_smoother.boxes import to_source
from pose_smoother.errors import InvalidInputError
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.video.ffmpeg import video_info, write_mp4
from tests.pose_smoother.video.test_ffmpeg import ffmpeg_or_skip
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.inference.load_run import load_run
from trainer.plots import cli as look_cli
from trainer.plots import speed
from trainer.plots.clip import noisy_clip
from trainer.plots.overlay import write_overlay
from trainer.plots.speed import EDGES_PX, error_by_speed, speed_figure
from trainer.plots.track_data import by_filter, by_run, clip_motion, file_motion
from trainer.plots.trajectories import trajectory_figure
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


@pytest.fixture
def two_people(tmp_path):
    file = tmp_path / "in.csv"
    lines = ["person,frame,keypoint,x,y"]
    for person, n_frames in (("p", 6), ("q", 9)):
        for frame in range(n_frames):
            lines += [f"{person},{frame},{k},{10 + frame},{y}" for k, y in NAMED.items()]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_track_of_a_file_by_its_id(run, two_people):
    smooth = by_run(run)
    longest = file_motion(two_people, smooth, run.name, "q")
    assert (len(longest.frame), longest.truth) == (9, None)
    assert "q" in longest.title
    short = file_motion(two_people, smooth, run.name, "p")
    assert len(short.frame) == 6
    assert short.names == tuple(NAMED)
    with pytest.raises(InvalidInputError, match="unknown track 'x'; known:"):
        file_motion(two_people, smooth, run.name, "x")


def test_all_individuals_are_shown_together(two_people):
    motion = file_motion(two_people, by_filter(make_chain("gaussian")), "gaussian")
    assert motion.title == "in.csv"
    assert motion.raw.shape == motion.smoothed.shape == (9, 10, 2)
    assert motion.individual == ("p",) * 5 + ("q",) * 5
    assert np.isfinite(motion.raw[..., 0]).sum(axis=1).tolist() == [10] * 6 + [5] * 3
    assert {(1, 2), (6, 7)} <= {tuple(sorted(limb)) for limb in motion.limbs}
    assert all((a < 5) == (b < 5) for a, b in motion.limbs)
    [alone] = {motion.columns(("left_wrist",))[0], 3}
    assert alone == 3
    titles = [a.get_title(loc="left") for a in trajectory_figure(motion, ("nose",)).axes[::2]]
    assert titles == ["p: nose", "q: nose"]


def test_an_unknown_skeleton_has_no_limbs(tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("frame,a_x,a_y,b_x,b_y\n" + "".join(f"{t},1,2,3,{t}\n" for t in range(9)))
    motion = file_motion(file, by_filter(make_chain("median")), "median")
    assert motion.limbs == motion.trailed == ()


@pytest.fixture
def clip(tmp_path):
    """Six grey pictures of 64 x 64 px."""
    ffmpeg_or_skip()
    file = tmp_path / "clip.mp4"
    write_mp4(file, iter(np.full((6, 64, 64, 3), 90, np.uint8)), 25)
    return file


@pytest.mark.parametrize("ending", [".png", ".gif", ".mp4"])
def test_skeletons_are_drawn_over_a_clip(two_people, clip, tmp_path, ending):
    out = tmp_path / f"over{ending}"
    words = ["show", two_people, "--smoother", "median", "--video", clip, "--out", out]
    result = CliRunner().invoke(cli.main, [*map(str, words), "--first-frame", "2"])
    assert result.exit_code == 0, result.output
    if ending == ".mp4":
        info = video_info(out)
        assert (info.width, info.height, info.fps, info.n_frames) == (128, 64, 25.0, 6)
        return
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == (6 if ending == ".gif" else 1)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    coloured = np.ptp(pixels, axis=-1) > 40
    assert coloured[:, :64].any()
    assert coloured[:, -64:].any()


def test_a_clip_without_the_frames_is_reported(two_people, clip, tmp_path):
    motion = file_motion(two_people, by_filter(make_chain("median")), "median")
    with pytest.raises(
        InvalidInputError, match=r"no picture of the frames 0 \.\.\. 8: give --first"
    ):
        write_overlay(motion, clip, tmp_path / "a.gif", first_frame=100)
    with pytest.raises(InvalidInputError, match=r"must end in \.mp4, \.gif, \.png"):
        write_overlay(motion, clip, tmp_path / "a.svg")


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
    result = show(*words, "--store", "s", "--out", out)
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
        (["in.csv", "--smoother", "median"], "--smoother goes with IN, and not with --run"),
        (["--video", "a.mp4"], "--video goes with IN"),
    ],
)
def test_what_cannot_be_drawn_is_reported(show, words, told):
    result = show(*words)
    assert result.exit_code != 0
    assert told in result.stderr


def test_a_folder_without_a_run_is_one_line(tmp_path):
    result = CliRunner().invoke(cli.main, ["show", "--run", str(tmp_path)])
    assert result.exit_code == 1
    assert "not a run folder" in result.stderr


def test_nothing_to_show_is_reported():
    result = CliRunner().invoke(cli.main, ["show"])
    assert result.exit_code == 2
    assert "give IN, a file of keypoints, or --run RUN" in result.stderr
