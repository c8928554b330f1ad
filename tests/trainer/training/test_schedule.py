"""The plateau rule on sequences made by hand."""

import math

import pytest
import torch

from pose_smoother.errors import InvalidInputError
from trainer.training.schedule import (
    FIRST_RATE,
    LAST_RATE,
    RISE,
    Decision,
    OneCycle,
    PlateauSchedule,
    new_schedule,
)


def play(losses, learning_rate=1e-3):
    """(learning rate of every epoch, epochs after which it fell, epoch after which it stopped)."""
    schedule = PlateauSchedule(learning_rate)
    rates, reduced = [], []
    for epoch, loss in enumerate(losses, start=1):
        rates.append(schedule.learning_rate)
        decision = schedule.after_epoch(loss)
        if decision.reduce:
            reduced.append(epoch)
        if decision.stop:
            return rates, reduced, epoch
    return rates, reduced, None


def test_a_falling_loss_changes_nothing():
    rates, reduced, stopped = play([1 / n for n in range(1, 51)])
    assert rates == [1e-3] * 50
    assert reduced == []
    assert stopped is None


def test_the_fifth_epoch_without_lowers_the_rate_and_the_tenth_stops():
    rates, reduced, stopped = play([1.0] + [2.0] * 20)
    assert reduced == [6]  # epochs 2 ... 6 are the five without
    assert stopped == 11
    assert rates == pytest.approx([1e-3] * 6 + [1e-4] * 5)


def test_a_tie_does_not_beat():
    assert play([1.0] * 11)[1:] == ([6], 11)


def test_four_without_and_a_beat_start_the_count_again():
    losses = [1.0, 2.0, 2.0, 2.0, 2.0, 0.9, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert play(losses)[1:] == ([11], None)


def test_each_plateau_lowers_the_rate_once():
    losses = [1.0] + [2.0] * 9 + [0.5] + [2.0] * 10
    rates, reduced, stopped = play(losses)
    assert reduced == [6, 16]
    assert stopped == 21
    assert rates[-1] == pytest.approx(1e-5)


def test_a_lower_loss_than_the_last_but_not_than_the_lowest_does_not_beat():
    assert play([1.0, 5.0, 4.0, 3.0, 2.0, 1.5])[1] == [6]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_never_beats(odd):
    schedule = PlateauSchedule(1e-3)
    schedule.after_epoch(odd)
    assert schedule.lowest_loss == math.inf
    assert schedule.n_epochs_without == 1


def test_one_cycle_is_that_of_torch():
    n_steps, highest = 200, 3e-3
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        highest,
        total_steps=n_steps,
        pct_start=RISE,
        div_factor=1 / FIRST_RATE,
        final_div_factor=FIRST_RATE / LAST_RATE,
    )
    ours = OneCycle(highest, n_steps)
    for step in range(n_steps):
        assert ours.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9), step
        optimizer.step()
        if step < n_steps - 1:
            theirs.step()


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10])
def test_one_cycle_of_few_steps_stays_between_its_bounds(n_steps):
    rates = [OneCycle(1e-3, n_steps).rate(step) for step in range(n_steps)]
    assert all(0 < rate <= 1e-3 for rate in rates)


def test_one_cycle_never_stops_early():
    schedule = OneCycle(1e-3, 100)
    assert [schedule.after_epoch(math.inf) for _ in range(30)] == [Decision(False, False)] * 30


def test_schedules_by_name():
    assert new_schedule("plateau", 0.1, 7) == PlateauSchedule(0.1)
    assert new_schedule("one-cycle", 0.1, 7) == OneCycle(0.1, 7)
    with pytest.raises(
        InvalidInputError, match="unknown schedule 'cosine'; known: plateau, one-cycle"
    ):
        new_schedule("cosine", 0.1, 7)
