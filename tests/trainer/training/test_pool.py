"""Over how many frames streamed windows are shuffled: a run keeps what it was begun with."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.fake_store import make_store
from trainer.data.stream import FILLED_POOL_FRAMES, POOL_FRAMES, WindowStream
from trainer.training.config import (
    TrainConfig,
    identity,
    open_stream,
    run_record,
    with_saved_settings,
)

CONFIG = TrainConfig("3dconv", "1.1", targets="stored", device="cpu", batch_size=2)


@pytest.fixture(scope="module")
def store() -> Any:
    return make_store()


def test_a_new_run_has_the_long_pool_and_reports_it(store: Any, tmp_path: Path) -> None:
    config = with_saved_settings(CONFIG, tmp_path)
    assert open_stream(config, store, "train").pool_frames == POOL_FRAMES == 16_384
    assert run_record(config, store, 0)["pool_frames"] == POOL_FRAMES


@pytest.mark.parametrize(("told", "expected"), [({}, 2_048), ({"pool_frames": 77}, 77)])
def test_a_run_goes_on_as_it_was_begun(
    store: Any, tmp_path: Path, told: dict[str, int], expected: int
) -> None:
    """Also one begun before the record told: those had 2,048."""
    record = run_record(CONFIG, store, 0)
    del record["pool_frames"]
    (tmp_path / "config.json").write_text(json.dumps({**record, **told}))
    resumed = with_saved_settings(CONFIG, tmp_path)
    assert open_stream(resumed, store, "train").pool_frames == expected
    assert identity(resumed, store) == record["identity"]


def test_filled_heatmaps_have_a_short_pool() -> None:
    config = make_store(heatmaps="detector")
    assert open_stream(CONFIG, config, "train").pool_frames == FILLED_POOL_FRAMES
    stream = open_stream(TrainConfig("3dconv", "1.1", device="cpu", pool_frames=50), config, "val")
    assert isinstance(stream, WindowStream)
    assert stream.pool_frames == 50
