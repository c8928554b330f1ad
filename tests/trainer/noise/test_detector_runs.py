"""Runs on a detector's noise: trained, resumed, judged again without the file; holes scored."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from pose_smoother.errors import InvalidInputError, RunError
from tests.trainer.fake_store import make_store
from tests.trainer.made_noise import detector, write
from trainer import cli
from trainer.evaluation.baselines import BaselinesConfig, baselines, read_positions
from trainer.evaluation.evaluate import noisy_positions
from trainer.models.codec import model_input, model_target
from trainer.noise.select import noise_config, resolved_noise
from trainer.runs.results_io import read_json
from trainer.training.config import TrainConfig, identity, open_stream, run_config
from trainer.training.retest import repeat_test
from trainer.training.train import train

NOISE = detector(
    swapped=0.1,
    missing=0.4,
    outliers=0.05,
    correlation=0.6,
    sigmas=((1.0, 0.5), (2.0, 0.5)),
)
SMALL = {"max_epochs": 2, "max_steps": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=14)


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "noise.toml", NOISE)


def test_a_run_needs_nothing_outside_its_folder(store, file, tmp_path):
    config = TrainConfig("deciwatch", "1.1", **SMALL, noise=str(file))
    results = train(config, store, tmp_path / "runs")
    assert len(results["rows"]) > 100
    folder = tmp_path / "runs" / "deciwatch-1.1-seed0"
    assert read_json(folder / "config.json", "")["identity"]["noise"] == f"sha256:{NOISE.sha256}"
    copy = folder / "noise.toml"
    assert copy.read_bytes() == file.read_bytes()
    file.unlink()
    again, _ = run_config(folder)
    assert again.noise == str(copy)
    assert repeat_test(folder, again, store).different == []
    assert train(again, store, tmp_path / "runs") == results  # finished: found by its own copy
    assert train(again, store, tmp_path / "runs", resume=False, replace=True) == results
    copy.write_text(copy.read_text().replace("missing = 0.4", "missing = 0.3", 1))
    with pytest.raises(RunError, match="is no longer the noise that"):
        run_config(folder)
    copy.unlink()
    with pytest.raises(RunError, match="was made with a noise file, but its copy: no noise file"):
        run_config(folder)


def test_another_noise_is_another_run(store, file, tmp_path):
    config = TrainConfig("deciwatch", "1.1", **SMALL, noise=str(file))
    train(config, store, tmp_path)
    with pytest.raises(RunError, match=r"noise: here 'sha256:.*asked 'fresh'"):
        train(TrainConfig("deciwatch", "1.1", **SMALL), store, tmp_path)
    write(file, detector())
    with pytest.raises(RunError, match=r"noise: here 'sha256:.*asked 'sha256:"):
        train(config, store, tmp_path)


@pytest.mark.parametrize("model", ["deciwatch", "3dconv"])
def test_missed_keypoints_are_unseen_and_still_targets(store, file, model):
    config = TrainConfig(model, "1.1", **SMALL, noise=str(file))
    stream = open_stream(config, store, "train")
    batch = next(iter(stream.epoch(1)))
    missed = batch.annotated & ~batch.detected
    assert missed.sum() > 100
    seen = model_input(batch, stream.consumes)
    target, has_target = model_target(batch, stream.consumes)
    if stream.consumes == "coordinates":
        assert not seen.unflatten(2, (-1, 2))[missed].any()
        assert has_target.unflatten(2, (-1, 2))[missed].all()
    else:
        assert not seen[missed].any()
        assert target[missed].flatten(1).sum(dim=1).min() > 200
        assert has_target.expand_as(target)[missed].all()
    positions = torch.from_numpy(noisy_positions(batch))
    assert torch.equal(positions.isfinite().all(dim=-1), batch.annotated)
    assert torch.equal(positions[batch.detected], batch.noisy[batch.detected].float())


def test_smoothers_see_what_models_see_and_score_every_keypoint(store, file, tmp_path):
    config = BaselinesConfig("1.1", smoothers=("identity", "mean"), noise=str(file))
    results = baselines(config, store, tmp_path)
    truth = read_positions(config, store, "test").truth
    counted = [r for r in results["rows"] if r["metric"] == "error_px" and r["keypoint"] == "all"]
    assert {r["n"] for r in counted if r["dataset"] == "all"} == {int(np.isfinite(truth).sum() / 2)}
    assert (tmp_path / config.run_name / "noise.toml").read_bytes() == file.read_bytes()


def test_at_half_the_frame_rate_the_correlation_is_of_two_frames(store, file):
    whole, half = (noise_config(e, str(file), 0.0, store) for e in ("1.1", "2.3"))
    assert whole == NOISE
    assert half.keypoints[0].correlation == pytest.approx(0.36)
    assert half.swapped == NOISE.swapped


def test_a_mean_shift_and_a_lost_file_are_refused(store, file):
    with pytest.raises(InvalidInputError, match="mu-in does not go with"):
        TrainConfig("deciwatch", "1.1", noise=str(file), mu_in_px=1.0)
    with pytest.raises(InvalidInputError, match=r"no noise file none\.toml"):
        BaselinesConfig("1.1", noise="none.toml")
    assert (
        resolved_noise(str(file), store)
        == identity(TrainConfig("deciwatch", "1.1", noise=str(file)), store)["noise"]
    )


def test_the_command_takes_a_file_and_names_a_wrong_one(store, file, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "open_store", lambda path: store)
    command = ["train", "--model", "deciwatch", "--exp", "1.1", "--store", "s"]
    command += ["--out", str(tmp_path), "--max-epochs", "1", "--max-steps", "1", "--device", "cpu"]
    good = CliRunner().invoke(cli.main, [*command, "--noise", str(file)])
    assert good.exit_code == 0, good.output
    bad = CliRunner().invoke(cli.main, [*command, "--noise", "loud"])
    assert bad.exit_code == 1
    assert "unknown noise 'loud'; known: auto, fresh, frozen, or a file *.toml" in bad.stderr
