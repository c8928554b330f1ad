"""Files and arrays smoothed: the command, what it tells, and what it refuses."""

import csv
import json
import logging

import numpy as np
import pytest
from click.testing import CliRunner

import pose_smoother as ps
from pose_smoother.cli import main as library
from pose_smoother.errors import InvalidInputError
from tests.trainer.fake_store import make_store
from tests.trainer.inference.tracks import NAMES, walk
from trainer import cli
from trainer.training.config import TrainConfig
from trainer.training.train import train

#: What Penn Action labels, and so the run's test windows.
KNOWN = (
    *("nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist"),
    *("right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = TrainConfig("deciwatch", "1.3", max_epochs=1, max_steps=2, batch_size=8, device="cpu")
    runs = tmp_path_factory.mktemp("runs")
    train(config, make_store(n_clips=10, n_frames=16), runs)
    return runs / config.run_name


@pytest.fixture
def source(tmp_path):
    """Two people; one has a gap and a missing nose."""
    rows = [["person", "frame", "keypoint", "x", "y", "score", "note"]]
    for person, frames in (("a", range(8)), ("b", [2, 3, 9, 10, 11])):
        for frame, pose in zip(frames, walk(len(frames)), strict=True):
            for name, (x, y) in zip(NAMES, pose.round(3).tolist(), strict=True):
                if not (person == "b" and frame == 9 and name == "nose"):
                    rows.append([person, frame, name, x, y, 0.5, "as, it was"])
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def predict(*arguments):
    return CliRunner().invoke(cli.main, ["predict", *map(str, arguments)])


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_a_file_comes_back_smoothed_with_every_other_field(run, source, tmp_path):
    out = tmp_path / "out.csv"
    result = predict(source, "--run", run, "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        f"wrote {out}: 13 frames in 2 tracks, 13 of 26 keypoints smoothed; "
        "168 of 337 points changed"
    )
    assert "unknown keypoints pass through untouched: tail" in result.stderr
    assert "not trained on these keypoints, they pass through untouched: left_ear" in result.stderr
    assert "half the frame rate" in result.stderr
    before, after = read(source), read(out)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert old[:3] + old[5:] == new[:3] + new[5:]
        assert (old[3:5] != new[3:5]) == (old[2] in KNOWN)
    repeat = tmp_path / "again.csv"
    assert predict(source, "--run", run, "--out", repeat).exit_code == 0
    assert repeat.read_bytes() == out.read_bytes()


def test_a_classical_smoother_needs_no_run(source, tmp_path):
    out = tmp_path / "out.csv"
    result = predict(source, "--smoother", "gaussian", "--param", "sigma_frames=2", "--out", out)
    assert result.exit_code == 0, result.output
    assert "26 of 26 keypoints smoothed; 337 of 337 points changed" in result.stdout
    assert read(out) != read(source)


def test_names_are_mapped_by_a_file(run, tmp_path):
    keypoints = walk(6)[:, 3:7]
    np.savez(tmp_path / "in.npz", keypoints=keypoints, names=["a", "b", "c", "d"])
    (tmp_path / "map.json").write_text(json.dumps({"a": "left_shoulder", "b": "right_shoulder"}))
    options = ["--run", run, "--map", tmp_path / "map.json", "--out", tmp_path / "out.npz"]
    options += ["--force"]  # two of the thirteen keypoints
    result = predict(tmp_path / "in.npz", *options)
    assert result.exit_code == 0, result.output
    assert "2 of 4 keypoints smoothed" in result.stdout
    with np.load(tmp_path / "out.npz") as found:
        assert (found["keypoints"][:, 2:] == keypoints[:, 2:]).all()
        assert (found["keypoints"][:, :2] != keypoints[:, :2]).all()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ([], 2, "give --run RUN or --smoother NAME, one of them"),
        (["--run", "r", "--smoother", "mean"], 2, "one of them"),
        (["--run", "r", "--param", "a=1"], 2, "--param goes with --smoother"),
        (["--run", "none"], 1, "not a run folder"),
        (["--smoother", "mean", "--format", "xml"], 1, "unknown format 'xml'; known:"),
        (["--smoother", "kalmann"], 1, "unknown filter 'kalmann'; known: identity"),
        (["--smoother", "lmmse"], 1, "name them by --store S --exp X.Y"),
    ],
)
def test_a_wrong_request_is_one_line(source, tmp_path, options, code, text):
    result = predict(source, "--out", tmp_path / "out.csv", *options)
    assert result.exit_code == code
    assert text in result.stderr.splitlines()[-1]
    assert not (tmp_path / "out.csv").exists()


def test_the_input_is_never_written_over(source):
    before = source.read_bytes()
    result = predict(source, "--smoother", "mean", "--out", source)
    assert result.exit_code == 1
    assert "is the input" in result.stderr
    assert source.read_bytes() == before


def test_no_keypoint_in_common_names_both_sides(run, tmp_path):
    np.savez(tmp_path / "in.npz", keypoints=walk(4)[:, 1:3], names=["left_ear", "right_ear"])
    result = predict(tmp_path / "in.npz", "--run", run, "--out", tmp_path / "out.npz")
    assert result.exit_code == 1
    assert "the input has left_ear, right_ear; deciwatch-1.3-seed0 was trained on nose," in (
        " ".join(result.stderr.split())
    )


def test_an_array_is_smoothed_by_a_run(run, caplog):
    keypoints = walk(9)
    keypoints[3, 0, 1] = np.nan
    with caplog.at_level(logging.WARNING):
        found = ps.smooth(keypoints, ps.load_run(run), names=NAMES)
    assert np.isnan(found[3, 0, 1])
    assert (found[:, 25] == keypoints[:, 25]).all()
    assert (found[:, 3] != keypoints[:, 3]).all()
    assert "tail" in caplog.text
    np.testing.assert_array_equal(found, ps.smooth(keypoints, run, names=NAMES))
    np.testing.assert_array_equal(found, ps.smooth(keypoints, run=str(run), names=NAMES))
    assert ps.smooth(keypoints[:0], run, names=NAMES).shape == (0, 26, 2)
    with pytest.raises(InvalidInputError, match="a run needs the names of the 26 keypoints"):
        ps.smooth(keypoints, run)
    with pytest.raises(InvalidInputError, match="expected names of 5 keypoints, got 26"):
        ps.smooth(keypoints[:, :5], run, names=NAMES)
    with pytest.raises(InvalidInputError, match="trained on two axes"):
        ps.smooth(np.zeros((9, 26, 3)), run, names=NAMES)
    with pytest.raises(InvalidInputError, match="go with a filter"):
        ps.smooth(keypoints, run, names=NAMES, fill_gaps=3)


def test_a_file_is_smoothed_by_a_run_with_the_librarys_command(run, source, tmp_path):
    by_trainer, by_library = tmp_path / "a.csv", tmp_path / "b.csv"
    assert predict(source, "--run", run, "--out", by_trainer).exit_code == 0
    arguments = ["smooth", source, "--run", run, "--out", by_library]
    result = CliRunner().invoke(library, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert by_library.read_bytes() == by_trainer.read_bytes()
    poses = ps.smooth(ps.read_poses(source), run)
    ps.write_poses(poses, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_bytes() == by_trainer.read_bytes()
