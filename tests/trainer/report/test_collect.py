"""A folder of runs is read whole, and nothing that can't be compared stands in one table."""

import json
import shutil

import pytest

from pose_smoother.errors import RunError, StoreError
from tests.trainer.report.made_runs import make_run
from trainer.report import collect as module
from trainer.report.collect import collect, network_order, row_order
from trainer.report.intervals import numbers
from trainer.report.published import Published
from trainer.report.tables.grid import ReportData
from trainer.report.tables.metadata_tables import run_table
from trainer.report.tables.thesis import pck_table


@pytest.fixture
def runs(made_runs, tmp_path):
    """A copy to damage."""
    return shutil.copytree(made_runs, tmp_path / "runs")


def change(file, **changed):
    record = json.loads(file.read_text())
    record["identity"] |= changed
    file.write_text(json.dumps(record))


def test_finished_runs_and_smoothers_are_read(found):
    assert sorted(found.scores[("deciwatch", "1.1")]) == [0, 1]
    assert ("gaussian", "2.3") in found.scores
    assert ("biconvlstm-c", "2.3") not in found.scores
    assert len(found.data.clips) == 40
    assert found.notes == []


def test_what_is_missing_is_reported_with_its_state(found):
    assert found.n_grid == 24
    assert len(found.missing) == 21
    assert found.missing["biconvlstm-c", "2.3"] == "preempted, 7 epochs so far"
    assert found.missing["3dconv", "1.2"] == "not begun"
    assert ("deciwatch", "1.1") not in found.missing


def test_identity_comes_first_and_networks_last_in_the_thesiss_order():
    assert row_order()[:2] == ["identity", "mean"]
    assert network_order()[:4] == ["3dconv", "deciwatch", "biconvlstm-s", "biconvlstm-c"]
    assert row_order()[-len(network_order()) :] == network_order()


def test_a_folder_without_finished_runs_says_what_to_do(tmp_path, made_store):
    with pytest.raises(RunError, match="train a model or compute baselines first"):
        collect(tmp_path)
    make_run(tmp_path, made_store, "deciwatch", "1.1", is_finished=False)
    with pytest.raises(RunError, match="no finished run"):
        collect(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("store_sha256", "other"), ("missing_torso", "one-side"), ("noise", "x")]
)
def test_runs_of_other_data_or_settings_are_refused(runs, name, value):
    change(runs / "3dconv-1.1-seed0" / "config.json", **{name: value})
    with pytest.raises(RunError, match=f"can't be in one table: {name} is"):
        collect(runs)


def test_a_shorter_training_may_be_next_to_the_others(runs):
    change(runs / "3dconv-1.1-seed0" / "config.json", max_epochs=3)
    assert ("3dconv", "1.1") in collect(runs).scores


def test_a_budget_is_reported_with_its_row(runs, made_store):
    make_run(runs, made_store, "biconvlstm-s", "1.1", budget_steps=1500)
    make_run(runs, made_store, "biconvlstm-s", "1.1", seed=1, budget_steps=900)
    make_run(runs, made_store, "3dconv", "1.1", budget_steps=1500)
    found = collect(runs)
    assert list(found.scores["biconvlstm-s", "1.1"]) == [0]
    assert found.budgets == {("biconvlstm-s", "1.1"): (1500, None)}
    assert found.notes == [
        "3dconv-b1500-1.1-seed0 is not in the tables: a longer training of its row is",
        "biconvlstm-s-b900-1.1-seed1 is not in the tables: a longer training of its row is",
    ]
    source = ReportData(numbers(found), Published(), found.budgets)
    table = pck_table(source, "1")
    names = [row.label for row in table.rows if row.kind == "value"]
    assert "bi-ConvLSTM Model S, 1,500 steps" in names
    assert "3DConv" in names
    steps = {r["model"]: r["budget_steps"] for r in table.records if r["value"] is not None}
    assert steps["biconvlstm-s"] == 1500
    assert steps["3dconv"] is None
    listed = {r["run"]: r for r in run_table(found, Published()).records}
    assert listed["biconvlstm-s-b1500-1.1-seed0"]["changed_settings"] == "budget_steps 1500"
    assert listed["3dconv-1.1-seed0"]["tested_steps"] is None


def test_a_budget_names_batches_of_another_size_and_the_steps_that_were_tested(runs, made_store):
    folder = make_run(runs, made_store, "biconvlstm-s", "1.1", budget_steps=1500)
    change(folder / "config.json", batch_size=4)
    found = collect(runs)
    assert found.budgets == {("biconvlstm-s", "1.1"): (1500, 4)}
    table = pck_table(ReportData(numbers(found), Published(), found.budgets), "1")
    assert "bi-ConvLSTM Model S, 1,500 steps of 4" in [row.label for row in table.rows]
    (run,) = (r for r in run_table(found, Published()).records if "b1500" in r["run"])
    # Windows that share no frame: a fifth of them.
    share = found.data.splits["train"]["windows_step1"] // 5
    assert run["tested_steps"] == run["best_epoch"] * -(-share // 4) < 1500


def test_windows_of_another_length_are_refused(runs):
    """Runs of the usual length do not name it."""
    change(runs / "3dconv-1.1-seed0" / "config.json", window=9)
    with pytest.raises(RunError, match="can't be in one table: window is"):
        collect(runs)


def test_results_without_scores_are_left_out_and_named(runs):
    (runs / "3dconv-1.1-seed0" / "scores.npz").unlink()
    found = collect(runs)
    assert ("3dconv", "1.1") not in found.scores
    assert found.notes == ["3dconv-1.1-seed0 has results but no scores.npz: not in the tables"]


def test_scores_of_another_clips_table_are_left_out(runs, found):
    one = found.scores["3dconv", "1.1"][0]
    one.subset(slice(0, 5)).save(runs / "3dconv-1.1-seed0" / "scores.npz")
    left = collect(runs)
    assert "counts 5 clips, expected the 40" in left.notes[-1]
    assert ("3dconv", "1.1") not in left.scores
    assert len(left.scores) == len(found.scores) - 1


def test_runs_without_their_data_are_looked_up_in_the_store(runs, made_store, monkeypatch):
    for file in runs.glob("*/data.json"):
        file.unlink()
    with pytest.raises(RunError, match="name the runs' store with --store"):
        collect(runs)
    monkeypatch.setattr(module, "open_store", lambda path: made_store)
    assert len(collect(runs).data.clips) == 40
    monkeypatch.setattr(module, "store_hash", lambda store: "other")
    with pytest.raises(RunError, match="is another store"):
        collect(runs, made_store.path)

    def absent(path):
        raise StoreError(f"no store at {path}")

    monkeypatch.setattr(module, "open_store", absent)
    with pytest.raises(RunError, match="no store at moved"):
        collect(runs, "moved")


@pytest.mark.parametrize("what", ["model", "experiment"])
def test_a_run_that_no_table_has_room_for_is_left_out_and_named(runs, what):
    change(runs / "deciwatch-1.1-seed0" / "config.json", **{what: "<b>\x1b[2K"})
    found = collect(runs)
    (note,) = found.notes
    assert note.startswith("deciwatch-1.1-seed0 is left out: ")
    assert f"unknown {what}" in note
    assert "\x1b" not in note
    assert list(found.scores["deciwatch", "1.1"]) == [1]
