"""A loop is timed beside a bare step without being copied."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from trainer.bench.turns import BARE, WHOLE, Enough, Turns

CPU = torch.device("cpu")
LOSS = torch.zeros(())


def run(turns: Turns, before_each: Callable[[], object] = lambda: None) -> None:
    for _ in range(100):
        before_each()
        turns(LOSS)


def test_bare_steps_take_turns_with_the_loop_until_enough() -> None:
    calls: list[int] = []
    turns = Turns(lambda: calls.append(1), CPU, turns=3, warmups=2)
    with pytest.raises(Enough):
        run(turns)
    assert len(calls) == 5
    assert {len(turns.timings.seconds[side]) for side in (WHOLE, BARE)} == {3}


def test_one_turn_is_timed_whatever_the_budget() -> None:
    turns = Turns(lambda: None, CPU, turns=50, warmups=2, budget_s=0.0)
    with pytest.raises(Enough):
        run(turns)
    assert turns.timings.repeats == 1


def test_a_second_warm_up_is_left_out_where_the_first_took_all_the_time() -> None:
    calls: list[int] = []
    turns = Turns(lambda: calls.append(1), CPU, turns=50, warmups=5, budget_s=0.0)
    with pytest.raises(Enough):
        run(turns)
    assert len(calls) == 2


def test_the_bare_step_is_no_part_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("trainer.bench.turns.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("trainer.bench.turns.time.process_time", lambda: now[0] / 2)

    def pass_s(seconds: float) -> None:
        now[0] += seconds

    turns = Turns(partial(pass_s, 10.0), CPU, turns=2, warmups=0, budget_s=1e9)
    with pytest.raises(Enough):
        run(turns, partial(pass_s, 1.0))
    assert turns.timings.seconds == {WHOLE: [1.0, 1.0], BARE: [10.0, 10.0]}
    assert turns.timings.cpu_seconds == {WHOLE: [0.5, 0.5], BARE: [5.0, 5.0]}
