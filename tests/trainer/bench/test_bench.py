"""The command ``bench``: its parts on a small store, its table, CSV and picture."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from pose_smoother.bench.goals import Goal, read_goals
from pose_smoother.bench.timing import Timings
from pose_smoother.errors import RunError
from pose_smoother.store.open import open_store
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.bench import cli as bench_cli
from trainer.bench import table
from trainer.bench.passes import pass_timings
from trainer.bench.recurrent import recurrent_timings
from trainer.bench.sample_store import make_sample_store
from trainer.bench.start import start_timings
from trainer.bench.steps import bare_step, resident_batch, step_timings
from trainer.models.deciwatch import DeciWatch
from trainer.training.config import train_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store() -> Any:
    return make_store(n_clips=10, n_frames=20)


def test_bench_prints_and_writes_a_row_a_goal(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_cli, "open_store", lambda path: store)
    monkeypatch.setattr(table, "start_timings", lambda *_: Timings({"start": [2.0]}))
    arguments = ["bench", "--store", "s", "--models", "deciwatch", "--device", "cpu"]
    result = CliRunner().invoke(cli.main, [*arguments, "--minutes", "0", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for what in ("training step", "validation", "test with two references", "start of training"):
        assert any(line.startswith(what) for line in result.stdout.splitlines()), what
    rows = read_goals(tmp_path / "goals_trainer.csv")
    assert rows[0]["goal"] == "1.25"
    assert rows[0]["note"] == "batch 16, 1 thread, float32, cpu"
    assert float(rows[0]["measured"]) > 0.5
    assert float(rows[0]["cpu_ratio"]) > 0.5
    judged = [row["against"] for row in rows if row["what"] == "validation, deciwatch"]
    assert judged == [f"forward pass alone, {n} windows at a time" for n in (16, 256)]
    assert (tmp_path / "goals_trainer.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_model_is_one_line_that_lists_the_known(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_cli, "open_store", lambda path: store)
    result = CliRunner().invoke(cli.main, ["bench", "--store", "s", "--models", "lstm"])
    assert result.exit_code == 1
    assert "error: unknown model 'lstm'" in result.stderr
    assert "deciwatch" in result.stderr


def test_the_bare_step_trains(store: Any) -> None:
    config = train_config("deciwatch", "1.1", device="cpu")
    batch = resident_batch(config, store)
    step = bare_step(config, batch)
    losses = [float(step()) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_a_resident_batch_outlives_the_streams_next_one(store: Any) -> None:
    config = train_config("3dconv", "1.1", device="cpu", batch_size=2)
    kept = resident_batch(config, store)
    assert kept.input is not None
    before = kept.input.clone()
    resident_batch(config, store)
    assert torch.equal(kept.input, before)
    assert kept.input.shape[0] == 2


def test_steps_alone_are_timed_in_a_training_that_also_validates(store: Any) -> None:
    config = train_config("deciwatch", "1.1", device="cpu", max_steps=1)
    timings = step_timings(config, store, turns=3)  # an epoch is one step: five epochs
    assert timings.repeats == 3


def test_parts_share_the_time_by_weight_and_keep_their_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "time", SimpleNamespace(perf_counter=iter(range(4)).__next__))
    shares: dict[str, float] = {}

    def part(name: str, weight: float) -> table.Part:
        def run(budget_s: float) -> list[Goal]:
            shares[name] = budget_s
            return [Goal(name, "", 1.0, True, 1.0)]

        return table.Part(name, run, weight)

    goals = table.measured([part("heavy", 3.0), part("light", 1.0)], minutes=1.0)
    assert [goal.what for goal in goals] == ["heavy", "light"]
    assert list(shares) == ["light", "heavy"]
    assert shares["light"] == 15.0
    assert shares["heavy"] == 59.0  # what the light one left, too: it took a second


def test_a_forward_pass_of_many_windows_is_made_once_in_as_many_batches(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = train_config("deciwatch", "1.1", device="cpu")
    seen: list[int] = []
    forward = DeciWatch.forward

    def told(self: DeciWatch, coordinates: torch.Tensor) -> torch.Tensor:
        seen.append(len(coordinates))
        return forward(self, coordinates)

    monkeypatch.setattr(DeciWatch, "forward", told)
    monkeypatch.setattr("trainer.bench.passes.evaluate", lambda *_, on_batch, **__: tell(on_batch))

    def tell(on_batch: Any) -> None:
        for _ in range(5):
            on_batch(torch.zeros(()))

    timings = pass_timings(config, store, "val", 6, 60.0, 64)
    assert timings.repeats == 6
    assert seen == [64, 64]  # 2 warm-ups and 6 turns, 4 of 16 windows for each


def test_both_sides_of_the_recurrent_row_are_timed() -> None:
    timings = recurrent_timings("biconvlstm-s", CPU, n_batch=1, repeats=1, budget_s=0.0)
    assert set(timings.seconds) == {"fast", "plain"}
    assert timings.repeats == 1


def test_a_start_that_fails_reports_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"did not start .exit 1.: error: "):
        start_timings(tmp_path / "nothing", "deciwatch", "1.1", "cpu", 1, 0.0)


@pytest.mark.slow
def test_a_start_is_timed_on_a_store_made_for_it(tmp_path: Path) -> None:
    path = make_sample_store(tmp_path, clips=12)
    with open_store(path) as opened:
        assert opened.n_frames("train") > 100
    timings = start_timings(path, "deciwatch", "1.1", "cpu", 1, 0.0)
    assert 0.5 < timings.median("start") < 300
