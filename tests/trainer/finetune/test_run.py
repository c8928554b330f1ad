"""Finetuning whole: better than before on videos held out, resumable, a run like any other."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from pose_smoother.errors import Interrupted, InvalidInputError, RunError
from pose_smoother.filters import table_filters
from pose_smoother.poses.assumed import Caution
from tests.trainer.calibrate.made import as_csv, truth
from tests.trainer.fake_store import make_store
from tests.trainer.finetune.conftest import (
    N_VIDEOS,
    QUICK_SMOOTHERS,
    detector,
    write_pairs,
)
from tests.trainer.training.test_train import StopAfter, assert_same_run
from trainer import cli
from trainer.finetune.run import PairFiles, finetune, prepare
from trainer.inference.load_run import load_run
from trainer.metrics.scores import value
from trainer.report.report import report
from trainer.runs.checkpoint import BEST, read_checkpoint
from trainer.runs.results_io import load, read_json
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig
from trainer.training.final_test import evaluate_on_test
from trainer.training.loop import Training
from trainer.training.progress import Progress
from trainer.training.train import train
from trainer.training.warm_start import SUFFIX

FOLDER = f"tiny-1.1-seed0{SUFFIX}"


def prepared(pretrained, pair_files, **chosen):
    files = PairFiles(pair_files / "pred.csv", pair_files / "truth.csv")
    given = {"max_epochs": 8, "learning_rate": 3e-3, "device": "cpu", **chosen}
    return prepare(pretrained, files, **given)


@pytest.fixture(scope="module")
def finetuned(pretrained, pair_files, tmp_path_factory):
    runs = tmp_path_factory.mktemp("finetuned")
    finetune(prepared(pretrained, pair_files), runs)
    return runs / FOLDER


def test_it_is_better_than_before_on_held_out_videos(finetuned):
    table = load(finetuned.parent)
    assert set(table["model"]) == {"tiny", "tiny-pretrained", *table_filters()}
    assert set(table["split"]) == {"test"}
    assert set(table["dataset"]) == {"all", "pairs"}
    whole = table[(table["dataset"] == "all") & (table["keypoint"] == "all")]
    error = whole[whole["metric"] == "error_px"].set_index("model")["value"]
    assert error["tiny"] < 0.7 * error["tiny-pretrained"]
    assert error["tiny"] < 0.7 * error[["identity", "mean"]].min()
    assert (whole.groupby("metric")["n"].nunique() == 1).all()  # all on the same keypoints


def test_test_videos_are_neither_trained_on_nor_tuned_on(finetuned):
    data = read_json(finetuned / "data.json", "")
    assert data["shared"] == {"clips": 0, "videos": 0, "people": 0, "frames": 0}
    assert sum(data["splits"][split]["videos"] for split in data["splits"]) == N_VIDEOS
    assert not data["may_share"]


def test_the_pretrained_row_is_what_the_run_gives(finetuned, pretrained, pair_files):
    """Judged here without streams: windows of the test videos through ``LoadedRun``."""
    store = prepared(pretrained, pair_files).store
    starts = store.windows("test", 1)
    frames = starts[:, None] + np.arange(5)
    found, _ = load_run(pretrained).estimate(store.read("test", "detected")[frames])
    real = store.read("test", "keypoints_exact")[frames]
    expected = np.nanmean(np.linalg.norm(found - real, axis=-1))
    table = load(finetuned.parent)
    row = table[(table["model"] == "tiny-pretrained") & (table["metric"] == "error_px")]
    row = row[(row["dataset"] == "all") & (row["keypoint"] == "all")]
    assert row["value"].item() == pytest.approx(expected, rel=1e-4)


def test_stopped_anywhere_it_goes_on_to_the_same_end(finetuned, pretrained, pair_files, tmp_path):
    for n_looks in (5, 40):
        with pytest.raises(Interrupted) as stopped:
            finetune(prepared(pretrained, pair_files), tmp_path, interrupt=StopAfter(n_looks))
        assert stopped.value.exit_code == 75
        assert read_json(tmp_path / FOLDER / "state.json", "")["state"] == "preempted"
    finetune(prepared(pretrained, pair_files), tmp_path)
    assert_same_run(tmp_path / FOLDER, finetuned)


def test_it_begins_at_the_pretrained_weights(pretrained, pair_files, tmp_path):
    ready = prepared(pretrained, pair_files)
    training = Training(ready.config, ready.store, tmp_path, ready.start)
    before = read_checkpoint(pretrained / BEST)["model"]
    for name, tensor in training.model.state_dict().items():
        assert torch.equal(before[name], tensor)


@pytest.mark.usefixtures("quick")
def test_a_model_that_only_got_worse_is_given_back_as_it_was(pretrained, pair_files, tmp_path):
    chosen = ("--max-epochs", "2", "--learning-rate", "9")
    result = run_cli(pretrained, pair_files, tmp_path, *chosen)
    assert "no epoch was better on the validation videos" in result.stdout
    results = read_json(tmp_path / FOLDER / "results.json", "")
    assert (results["best_epoch"], results["n_epochs"]) == (0, 2)
    before = read_checkpoint(pretrained / BEST)["model"]
    for name, tensor in read_checkpoint(tmp_path / FOLDER / BEST)["model"].items():
        assert torch.equal(before[name], tensor)
    values = {
        model: [row["value"] for row in results["rows"] if row["model"] == model]
        for model in ("tiny", "tiny-pretrained")
    }
    assert values["tiny"] == values["tiny-pretrained"]


def test_what_decides_the_numbers_is_in_the_identity(finetuned, pretrained, pair_files):
    record = read_json(finetuned / "config.json", "")
    identity = record["identity"]
    for name in ("base_best_sha256", "pred_sha256", "truth_sha256", "store_sha256"):
        assert len(identity[name]) == 64
    assert identity["noise"] == "recorded"
    assert identity["learning_rate"] == 3e-3
    assert record["base"]["path"] == str(pretrained.resolve())
    with pytest.raises(RunError, match=r"another configuration \(learning_rate"):
        finetune(prepared(pretrained, pair_files, learning_rate=1e-4), finetuned.parent)


def test_other_pairs_do_not_go_on_with_a_run(finetuned, pretrained, tmp_path):
    real = truth(N_VIDEOS, 30)
    (tmp_path / "truth.csv").write_text(as_csv(real))
    (tmp_path / "pred.csv").write_text(as_csv(detector(real, seed=1)))
    with pytest.raises(RunError, match="pred_sha256"):
        finetune(prepared(pretrained, tmp_path), finetuned.parent)


@pytest.mark.usefixtures("quick")
def test_it_is_a_run_that_can_be_reported_loaded_and_finetuned_again(
    finetuned, pair_files, synthetic, tmp_path
):
    written = report(finetuned.parent, tmp_path / "report")
    numbers = (tmp_path / "report" / "numbers.csv").read_text()
    assert written.page.exists()
    assert "tiny-pretrained,1.1,all,all,error_px" in numbers
    assert "lmmse,1.1,all,all,error_px" in numbers
    assert load_run(finetuned).keypoints.any()
    evaluated = CliRunner().invoke(cli.main, ["evaluate", str(finetuned)])
    assert evaluated.exit_code == 1
    assert "was finetuned on pairs of files, which are no store" in evaluated.stderr
    again = prepared(finetuned, pair_files, max_epochs=1, extra=synthetic)
    finetune(again, tmp_path)
    identity = read_json(tmp_path / FOLDER / "config.json", "")["identity"]
    assert identity["beside_store_sha256"]


@pytest.mark.usefixtures("quick")
def test_with_a_store_in_turn_it_remembers(pretrained, pair_files, synthetic, tmp_path):
    """What it makes of the synthetic noise is asked of the weights with and without the store."""
    chosen = {"max_epochs": 6, "learning_rate": 3e-3}
    errors = {}
    for name, extra in (("alone", None), ("with store", synthetic)):
        ready = prepared(pretrained, pair_files, extra=extra, **chosen)
        finetune(ready, tmp_path / name)
        weights = read_checkpoint(tmp_path / name / FOLDER / BEST)["model"]
        errors[name] = _synthetic_error(weights, synthetic)
    assert errors["with store"] < 0.9 * errors["alone"]


def _synthetic_error(weights, store):
    config = TrainConfig("tiny", "1.1", device="cpu")
    with Progress("test", 1) as progress:
        judged = evaluate_on_test(config, store, weights, progress, Interrupt())
    return value(judged.scores, "error_px")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("model", "experiment"), [("3dconv", "1.3"), ("resmlp", "1.1")])
def test_models_of_heatmaps_and_those_with_an_uncertainty(model, experiment, tmp_path):
    pairs = write_pairs(tmp_path / "pairs", 3, 20)
    loss = "likelihood" if model == "resmlp" else "mse"
    config = TrainConfig(model, experiment, device="cpu", loss=loss, max_epochs=1, max_steps=1)
    train(config, make_store(5, 20), tmp_path / "runs")
    ready = prepared(tmp_path / "runs" / config.run_name, pairs, max_epochs=1, max_steps=2)
    results = finetune(ready, tmp_path / "out")
    models = {row["model"] for row in results["rows"]}
    assert models == {model, f"{model}-pretrained", *QUICK_SMOOTHERS}
    has_coverage = any(row["metric"] == "coverage" for row in results["rows"])
    assert has_coverage == (model == "resmlp")
    assert any("only 3 videos" in text for text in ready.warnings if isinstance(text, Caution))


def run_cli(pretrained, pairs, out, *more):
    command = ["finetune", "--run", pretrained, "--pred", pairs / "pred.csv"]
    command += ["--truth", pairs / "truth.csv", "--out", out, "--device", "cpu", *more]
    return CliRunner().invoke(cli.main, [str(part) for part in command])


@pytest.mark.usefixtures("quick")
def test_the_command_reports_splits_and_results(pretrained, pair_files, tmp_path):
    result = run_cli(pretrained, pair_files, tmp_path, "--max-epochs", "1")
    assert result.exit_code == 0, result.output
    assert "train 7 videos" in result.stdout
    assert "tiny-pretrained" in result.stdout
    assert (tmp_path / FOLDER / "results.csv").exists()
    assert json.loads((tmp_path / FOLDER / "config.json").read_text())["identity"]["seed"] == 0


def test_bad_input_is_one_line(pretrained, pair_files, tmp_path):
    few = write_pairs(tmp_path / "few", 2, 20)
    result = run_cli(pretrained, few, tmp_path / "out")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1), result.stderr
    assert "error: 2 of 2 videos have a window" in result.stderr

    unfinished = shutil.copytree(pretrained, tmp_path / pretrained.name)
    (unfinished / "results.json").unlink()
    result = run_cli(unfinished, pair_files, tmp_path / "out")
    assert result.exit_code == 1
    assert "is not finished" in result.stderr

    result = run_cli(pretrained, Path("nowhere"), tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_keypoints_that_the_run_does_not_know_are_reported(pretrained, pair_files, tmp_path):
    unaware = shutil.copytree(pretrained, tmp_path / pretrained.name)
    scores = dict(np.load(unaware / "scores.npz"))
    scores["annotated"][:, :1] = 0
    np.savez(unaware / "scores.npz", **scores)
    told = prepared(unaware, pair_files).warnings
    (ordinary,) = [text for text in told if "was not trained on nose:" in text]
    assert not isinstance(ordinary, Caution)
    scores["annotated"][:] = 0
    np.savez(unaware / "scores.npz", **scores)
    with pytest.raises(InvalidInputError, match="no keypoint that both files have"):
        prepared(unaware, pair_files)
