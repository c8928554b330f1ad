"""The model of training's cost counts what the trainer really does."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.preempted_queue import small_store
from benchmarks.scaling.model import put_into
from benchmarks.scaling.resident import measure
from benchmarks.scaling.training import (
    Held,
    Step,
    exchange_s,
    held,
    limits,
    predict,
    step_s,
    steps,
    tables,
)
from pose_smoother.store.open import open_store
from trainer.models import models
from trainer.training.config import open_stream, train_config

STEP = Step("deciwatch", 16, (1.0, 2.0, 9.0), 0.5, 0.25, 100.0, 1e-3, 10, 1)
HOLDS = Held(100.0, 200.0, 0.9, 1e-6)


def test_every_model_s_step_is_read_from_the_tables() -> None:
    found = steps()
    assert set(found) == set(models())
    for name, step in found.items():
        assert step.batch == train_config(name, "1.1").batch_size
        assert 0 < step.fixed_share < 1
        assert min(step.core_s) > step.gpu_floor_s > 0
        assert name in tables(found)
        assert held(name).bytes_a_frame > 100
    assert min(value for _, value, unit in limits(found) if unit == "workers") == 16


def test_steps_and_memory_are_those_of_a_stream(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    with open_store(store) as opened:
        stream = open_stream(train_config("deciwatch", "1.1", batch_size=3), opened, "train")
        n_frames = sum(opened.n_frames(split) for split in ("train", "val", "test"))
    whole = replace(HOLDS, windows_a_frame=stream.n_windows / (0.6 * n_frames))
    counted = predict(replace(STEP, batch=3), whole, n_frames, 1)["steps_an_epoch"]
    assert counted == stream.n_batches
    rows = {model: measure(store, model) for model in ("deciwatch", "resmlp")}
    kept = {model: int(str(row["resident_bytes"])) for model, row in rows.items()}
    n_train = int(str(rows["resmlp"]["frames"]))
    assert kept["resmlp"] - kept["deciwatch"] == n_train * (25 * 2 + 4) * 4  # exact, and boxes


def test_workers_share_a_step_but_not_all_of_it() -> None:
    assert STEP.median_core_s == 2.0
    assert step_s(STEP, 1) == 2.0
    assert step_s(STEP, 4) == pytest.approx(2 * (0.25 + 0.75 / 4) + exchange_s(STEP, 4))
    assert step_s(STEP, 512) == step_s(STEP, 16)  # a batch of 16 has 16 windows
    assert exchange_s(STEP, 2) == pytest.approx(0.1 / 1.25 + 1e-4)
    one, many = (predict(STEP, HOLDS, 1e6, n) for n in (1, 512))
    assert one["hours"] > many["hours"]
    assert one["core_hours"] < many["core_hours"]
    assert one["gib_a_worker"] == many["gib_a_worker"]


def test_a_page_s_part_is_replaced_and_no_other(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n")
    put_into(page, "x", "new")
    assert page.read_text() == "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n"
    with pytest.raises(SystemExit, match="no marks of y"):
        put_into(page, "y", "new")
