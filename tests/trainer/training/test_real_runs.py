"""Runs of experiment ``real``: trained, tested again, reported, loaded and shown."""

import pytest

from tests.trainer.fake_store import make_store
from trainer.evaluation.baselines import BaselinesConfig, baselines
from trainer.inference.load_run import load_run
from trainer.metrics.tidy_rows import COLUMNS
from trainer.plots.clip import noisy_clip
from trainer.report.report import report
from trainer.report.tables.grid import label
from trainer.training.config import TrainConfig, run_config
from trainer.training.retest import repeat_test
from trainer.training.train import train

SMALL = {"max_epochs": 2, "max_steps": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=14)


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("1.1", "real"):
        baselines(BaselinesConfig(name, smoothers=("identity", "mean")), store, folder)
    for model, chosen in (("deciwatch", {}), ("resmlp", {"augment": "poses"})):
        train(TrainConfig(model, "real", **SMALL, **chosen), store, folder)
    return folder


def test_a_run_is_tested_again_to_the_same_numbers(store, runs):
    folder = runs / "deciwatch-real-seed0"
    config, _ = run_config(folder)
    repeated = repeat_test(folder, config, store)
    assert repeated.different == []
    assert set(repeated.rows[0]) == set(COLUMNS)
    assert {row["experiment"] for row in repeated.rows} == {"real"}


def test_models_and_filters_are_scored_on_the_same_detections(runs, store):
    results = train(TrainConfig("deciwatch", "real", **SMALL), store, runs)
    ours = baselines(BaselinesConfig("real", smoothers=("identity", "mean")), store, runs)

    def error(rows):
        wanted = {"dataset": "all", "keypoint": "all", "metric": "error_px", "model": "identity"}
        return [r["value"] for r in rows if wanted.items() <= r.items()]

    assert error(results["references"]) == error(ours["rows"])
    assert len(error(ours["rows"])) == 1


def test_the_report_has_a_table_of_its_own_and_the_chapters_without_it(runs, tmp_path):
    report(runs, tmp_path)
    table = (tmp_path / "tables" / "real.md").read_text()
    assert "Not of the thesis" in table
    assert all(name in table for name in (label("identity"), "ResMLP", "DeciWatch"))
    rows = (tmp_path / "tables" / "table1.csv").read_text()
    assert ",1.1," in rows
    assert "real" not in rows


def test_its_runs_are_loaded_and_shown(runs, store):
    loaded = load_run(runs / "resmlp-real-seed0")
    assert (loaded.n_frames, loaded.step) == (5, 1)
    clip = noisy_clip(loaded.config, store, None)
    assert clip.poses.tracks[0].keypoints.shape == clip.truth.shape
