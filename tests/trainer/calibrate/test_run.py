"""From two files to a noise file and to a model trained on it."""

import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

from pose_smoother.heatmap import render
from pose_smoother.skeleton import INDEX
from tests.trainer.calibrate.made import as_csv, detections, few, truth
from tests.trainer.fake_store import make_store
from tests.trainer.made_noise import detector
from trainer import cli
from trainer.noise.noise_file import PAIRS, read_noise
from trainer.runs.results_io import read_json

NOISE = detector(
    swapped=0.05,
    bias_px=(1.5, -1.0),
    spread_px=(2.0, 3.0),
    outliers=0.06,
    outlier_spread_px=(9.0, 12.0),
    missing=0.1,
    correlation=0.6,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A detector's output and ground truth as files, and the widths of its heatmaps."""
    folder = tmp_path_factory.mktemp("files")
    real = few(truth(30, 80))
    (folder / "truth.csv").write_text(as_csv(real))
    (folder / "pred.csv").write_text(as_csv(detections(real, NOISE)))
    maps = render(np.full((40, 2), 28), np.ones(40, bool), 2.0)
    np.savez(folder / "maps.npz", heatmaps=maps.reshape(8, 5, 56, 56))
    return folder


def calibrate(folder, out, *more):
    arguments = ["calibrate", "--pred", folder / "pred.csv", "--truth", folder / "truth.csv"]
    arguments += ["--out", out, *more]
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def measured_files(files):
    """The noise file and the picture, and what the command printed."""
    out, picture = files / "noise.toml", files / "noise.png"
    result = calibrate(files, out, "--picture", picture, "--heatmaps", files / "maps.npz")
    assert result.exit_code == 0, result.output
    return out, picture, result


def test_a_detector_is_measured_and_trained_on(measured_files, tmp_path, monkeypatch):
    out, picture, result = measured_files
    noise = read_noise(out)
    measured = noise.keypoints[INDEX["left_wrist"]]
    assert measured.bias_px == pytest.approx((1.5, -1.0), abs=0.3)
    assert measured.spread_px == pytest.approx((2.0, 3.0), rel=0.1)
    assert measured.outliers == pytest.approx(0.06, abs=0.03)
    assert measured.missing == pytest.approx(0.1, abs=0.03)
    assert measured.correlation == pytest.approx(0.6, abs=0.08)
    assert noise.swapped[PAIRS.index("hip")] == pytest.approx(0.05, abs=0.03)
    assert (noise.sigma_in_px, noise.sigma_share) == ((2.0,), (1.0,))
    assert "of 30 videos" in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    content = tomllib.loads(out.read_text())
    low, high = content["measured"]["left_hip"]["correlation"][1:]
    assert low < 0.6 < high
    assert content["measured"]["frames_compared"] == 30 * 80

    monkeypatch.setattr(cli, "open_store", lambda path: make_store(n_clips=10, n_frames=16))
    command = ["train", "--model", "deciwatch", "--exp", "1.1", "--store", "s", "--noise", str(out)]
    command += ["--out", str(tmp_path / "runs"), "--max-epochs", "1", "--max-steps", "2"]
    trained = CliRunner().invoke(cli.main, [*command, "--device", "cpu"])
    assert trained.exit_code == 0, trained.output
    run = tmp_path / "runs" / "deciwatch-1.1-seed0"
    assert read_json(run / "config.json", "")["identity"]["noise"] == f"sha256:{noise.sha256}"
    assert (run / "noise.toml").read_bytes() == out.read_bytes()


def test_the_same_files_give_the_same_bytes(files, measured_files, tmp_path):
    again = tmp_path / "noise.toml"
    assert calibrate(files, again, "--heatmaps", files / "maps.npz").exit_code == 0
    assert again.read_bytes() == measured_files[0].read_bytes()


def test_what_was_not_measured_is_marked_and_common(files, tmp_path):
    lines = (files / "pred.csv").read_text().splitlines()
    kept = [line for line in lines if "left_knee" not in line]
    (tmp_path / "pred.csv").write_text("\n".join(kept) + "\n")
    (tmp_path / "truth.csv").write_text((files / "truth.csv").read_text())
    out = tmp_path / "noise.toml"
    assert calibrate(tmp_path, out).exit_code == 0
    rows = {line.split(" ")[0]: line for line in out.read_text().splitlines() if " = {" in line}
    assert {name for name, line in rows.items() if line.endswith("# not measured")} >= {"left_knee"}
    assert not rows["right_knee"].endswith("# not measured")
    noise = read_noise(out)
    knee = noise.keypoints[INDEX["left_knee"]]
    assert knee.bias_px == (0.0, 0.0)
    assert knee.spread_px == pytest.approx((2.0, 3.0), rel=0.05)
    assert noise.swapped[PAIRS.index("knee")] == pytest.approx(0.05, abs=0.02)


def test_too_few_frames_are_refused_with_their_number(tmp_path):
    real = few(truth(2, 40))
    (tmp_path / "truth.csv").write_text(as_csv(real))
    (tmp_path / "pred.csv").write_text(as_csv(detections(real, NOISE)))
    result = calibrate(tmp_path, tmp_path / "noise.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: 80 frames have both a detection and a ground truth; at")
    assert not (tmp_path / "noise.toml").exists()


def test_few_frames_and_videos_are_warned_of(tmp_path):
    real = few(truth(5, 80))
    (tmp_path / "truth.csv").write_text(as_csv(real))
    (tmp_path / "pred.csv").write_text(as_csv(detections(real, detector())))
    result = calibrate(tmp_path, tmp_path / "noise.toml")
    assert result.exit_code == 0, result.output
    assert "warning: only 400 frames" in result.stderr
    assert "warning: only 5 videos" in result.stderr


def test_what_is_ordinary_is_a_note_and_what_is_not_a_warning(tmp_path):
    real = few(truth(12, 50))
    extra = "\nalone,0,left_hip,1.0,2.0\n"  # a video that was not detected
    (tmp_path / "truth.csv").write_text(as_csv(real).rstrip() + extra)
    (tmp_path / "pred.csv").write_text(as_csv(detections(real, detector())))
    result = calibrate(tmp_path, tmp_path / "noise.toml", "--skeleton", "coco-17")
    assert result.exit_code == 0, result.output
    assert "note: 1 videos are in the ground truth alone" in result.stderr
    assert "warning: detections: the file names its keypoints" in result.stderr


def test_one_video_has_no_intervals(tmp_path):
    real = few(truth(1, 400))
    (tmp_path / "truth.csv").write_text(as_csv(real))
    (tmp_path / "pred.csv").write_text(as_csv(detections(real, detector())))
    assert calibrate(tmp_path, tmp_path / "noise.toml").exit_code == 0
    content = tomllib.loads((tmp_path / "noise.toml").read_text())
    assert np.isnan(content["measured"]["left_hip"]["bias_x_px"][1:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--out", "noise.txt"), "a noise file ends in .toml"),
        (("--pred", "none.csv"), "none.csv: no such file"),
        (("--heatmaps", "none.npz"), "none.npz: no such file"),
    ],
)
def test_bad_input_is_one_line(files, tmp_path, change, message):
    result = calibrate(files, tmp_path / "noise.toml", *change)
    assert result.exit_code == 1
    (line,) = [
        text for text in result.stderr.splitlines() if not text.startswith(("note", "warning"))
    ]
    assert line.startswith("error: ")
    assert message in line
