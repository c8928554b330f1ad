"""The curves of delay are of runs that never saw the clips they are judged on."""

import json
from pathlib import Path

import pytest

from benchmarks.delay import refuse_other_store
from pose_smoother.errors import RunError
from tests.trainer.fake_store import make_store
from trainer.runs.data_summary import store_hash
from trainer.runs.layout import CONFIG


def test_a_run_of_another_store_is_refused(tmp_path: Path) -> None:
    def trained_on(digest: str) -> Path:
        (tmp_path / CONFIG).write_text(json.dumps({"identity": {"store_sha256": digest}}))
        return tmp_path

    store = make_store()
    refuse_other_store(trained_on(store_hash(store)), store)
    with pytest.raises(RunError, match="trained on another store"):
        refuse_other_store(trained_on("0" * 64), store)
