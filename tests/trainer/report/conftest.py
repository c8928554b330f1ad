"""Runs for reports: two experiments, two seeds of one network, one run that is not finished."""

from pathlib import Path

import pytest

from tests.trainer.fake_store import FakeStore, make_store
from tests.trainer.report.made_runs import make_baselines, make_run
from trainer.report.collect import Collection, collect
from trainer.report.intervals import numbers
from trainer.report.published import DEFAULT_FOLDER, read_published
from trainer.report.tables.grid import ReportData


@pytest.fixture(scope="session")
def made_store() -> FakeStore:
    return make_store(n_clips=40, n_frames=24)


@pytest.fixture(scope="session")
def made_runs(made_store: FakeStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("made") / "runs"
    for experiment in ("1.1", "2.3"):
        make_baselines(runs, made_store, experiment)
        make_run(runs, made_store, "deciwatch", experiment)
    make_run(runs, made_store, "deciwatch", "1.1", seed=1, share_of_error=0.6)
    make_run(runs, made_store, "3dconv", "1.1", share_of_error=0.9)
    make_run(runs, made_store, "biconvlstm-c", "2.3", is_finished=False)
    return runs


@pytest.fixture(scope="session")
def found(made_runs: Path) -> Collection:
    return collect(made_runs)


@pytest.fixture(scope="session")
def source(found: Collection) -> ReportData:
    return ReportData(numbers(found), read_published(DEFAULT_FOLDER))
