"""The counts of a report, from which its numbers are made again without the runs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from pose_smoother.errors import RunError
from trainer.cli import main
from trainer.report.collect import StepBudget
from trainer.report.counts import add_counts, load_counts, save_counts
from trainer.report.intervals import differences, numbers
from trainer.report.report import report


@pytest.fixture(scope="module")
def counts(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("counts") / "counts.npz"
    save_counts(path, found)
    return path


def test_a_report_s_numbers_are_made_again_byte_for_byte(made_runs, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.report.report._write_figures", lambda out, found, source: {})
    report(made_runs, tmp_path / "report")
    command = ["report", str(tmp_path / "report" / "counts.npz"), "--out", str(tmp_path / "again")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "paired differences" in done.output
    for name, earlier in (
        ("numbers.csv", "numbers.csv"),
        ("differences.csv", "tables/differences.csv"),
    ):
        again = (tmp_path / "again" / name).read_bytes()
        assert again == (tmp_path / "report" / earlier).read_bytes()
    assert CliRunner().invoke(main, command).exit_code == 1  # the files are there
    assert CliRunner().invoke(main, [*command, "--overwrite"]).exit_code == 0


def test_the_same_counts_give_the_same_bytes_and_equal_arrays_are_stored_once(found, counts):
    twice = counts.with_name("twice.npz")
    save_counts(twice, found)
    assert twice.read_bytes() == counts.read_bytes()
    n_rows = sum(len(seeds) for seeds in found.scores.values())
    with np.load(counts) as archive:
        index = json.loads(str(archive["index"]))
        assert len(index["rows"]) == n_rows
        assert len(archive.files) - 1 < sum(len(row["sums"]) for row in index["rows"])


def test_clips_without_a_count_are_left_out(found, counts):
    loaded = load_counts(counts)
    assert 0 < len(loaded.data.clips) < len(found.data.clips)
    assert set(loaded.data.clips["split"]) == {"test"}
    assert differences(loaded) == differences(found)


@pytest.mark.parametrize("fault", ["absent", "cut", "foreign", "shape", "index", "run", "curve"])
def test_a_damaged_file_is_one_line(counts, tmp_path, fault):
    path = tmp_path / "counts.npz"
    raw = counts.read_bytes()
    with np.load(counts) as archive:
        arrays = dict(archive)
    if fault == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif fault == "foreign":
        np.savez(path, other=np.zeros(3))
    elif fault == "shape":
        name = next(name for name in arrays if name != "index")
        np.savez(path, **arrays | {name: arrays[name][:-1]})
    elif fault == "index":
        np.savez(path, **arrays | {"index": np.array('{"rows": [], "data": {"clips": 3}}')})
    elif fault in ("run", "curve"):
        index = json.loads(str(arrays["index"]))
        if fault == "run":
            index["runs"][0]["config"]["identity"]["seed"] = [{}]
        else:
            index["runs"][0]["history"]["epoch"].append(1)
        np.savez(path, **arrays | {"index": np.array(json.dumps(index))})
    with pytest.raises(RunError, match=r"counts\.npz is (not a readable file|damaged)"):
        load_counts(path)


def test_rows_of_another_machine_are_added_to_a_report(found, counts):
    key = ("resmlp", "1.1") if ("resmlp", "1.1") in found.scores else next(iter(found.scores))
    here = replace(found, scores={k: v for k, v in found.scores.items() if k != key}, budgets={})
    elsewhere = replace(found, budgets={key: StepBudget(1500, 4)})
    save_counts(counts.with_name("elsewhere.npz"), elsewhere)
    expected = numbers(found)
    assert len(numbers(here)) < len(expected)
    add_counts(here, counts.with_name("elsewhere.npz"))
    assert repr(sorted(numbers(here).items())) == repr(sorted(expected.items()))
    assert here.budgets == {key: (1500, 4)}


def test_a_report_in_two_parts_shows_the_runs_of_both(made_runs, tmp_path):
    whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
    for folder in made_runs.iterdir():
        is_first = folder.name.startswith(("deciwatch-1.1", "baselines-1.1"))
        shutil.copytree(folder, (first if is_first else second) / folder.name)
    shutil.copytree(first / "deciwatch-1.1-seed0", second / "begun")
    (second / "begun" / "results.json").unlink()  # finished in the other part: drawn once
    report(made_runs, whole)
    report(first, tmp_path / "of-first")
    report(second, tmp_path / "joined", counts=tmp_path / "of-first" / "counts.npz")
    names = [file.relative_to(whole) for file in whole.rglob("*") if file.is_file()]
    assert {"figure1.svg", "runs.csv", "smoothers.csv"} < {name.name for name in names}
    for name in names:
        assert (tmp_path / "joined" / name).read_bytes() == (whole / name).read_bytes(), name


def test_no_path_of_a_machine_is_kept(found, counts):
    with np.load(counts) as archive:
        index = json.loads(str(archive["index"]))
    assert found.runs[0].record["store"]["path"]
    assert len(index["runs"]) == sum(run.results is not None for run in found.runs)
    assert not any("store" in one["config"] for one in index["runs"] + index["baselines"])


def test_runs_of_other_settings_are_refused(found, counts):
    first = found.runs[0]
    record = {**first.record, "identity": {**first.record["identity"], "missing_torso": "one-side"}}
    here = replace(found, scores={}, runs=[replace(first, record=record)], baselines=[])
    with pytest.raises(RunError, match="missing_torso is"):
        add_counts(here, counts)


def test_rows_that_are_here_stay(found, counts):
    key = next(iter(found.scores))
    here = replace(found, scores=dict(found.scores))
    mine = here.scores[key] = dict(found.scores[key])
    add_counts(here, counts)
    assert here.scores[key] is mine


def test_counts_of_another_store_are_refused(found, counts):
    here = replace(found, data=replace(found.data, store_sha256="0" * 64))
    with pytest.raises(RunError, match="another store"):
        add_counts(here, counts)
