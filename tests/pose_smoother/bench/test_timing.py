"""The helper that times two ways in turn."""

import time

from pose_smoother.bench.timing import Timings, interleaved


def test_every_round_times_every_way_and_turns_the_order() -> None:
    calls: list[str] = []
    sides = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    timings = interleaved(sides, 3, warmups=1)
    assert "".join(calls) == "abbaabba"
    assert timings.repeats == 3
    assert all(second >= 0 for values in timings.seconds.values() for second in values)


def test_a_spent_budget_ends_it_after_one_warm_up_and_one_round() -> None:
    calls: list[str] = []
    timings = interleaved({"a": lambda: calls.append("a")}, 50, warmups=3, budget_s=0.0)
    assert len(calls) == 2
    assert timings.repeats == 1


def test_without_a_warm_up_the_first_round_counts() -> None:
    calls: list[str] = []
    timings = interleaved({"a": lambda: calls.append("a")}, 50, warmups=0, budget_s=0.0)
    assert len(calls) == timings.repeats == 1


def test_sleeping_takes_no_processor_time() -> None:
    timings = interleaved({"rest": lambda: time.sleep(0.2)}, 1, warmups=0)
    assert timings.seconds["rest"][0] >= 0.2
    assert timings.cpu_seconds["rest"][0] < timings.seconds["rest"][0] / 2


def test_a_ratio_in_processor_time_where_it_was_taken() -> None:
    both = Timings({"a": [8.0], "b": [1.0]}, {"a": [2.0], "b": [1.0]})
    assert (both.ratio("a", "b"), both.cpu_ratio("a", "b")) == (8.0, 2.0)
    assert Timings({"a": [8.0], "b": [1.0]}).cpu_ratio("a", "b") is None


def test_ratio_is_of_rounds_not_of_medians() -> None:
    # A neighbour slowed rounds 2 and 3 of both: each round still says 2.
    timings = Timings({"slow": [2.0, 20.0, 8.0], "fast": [1.0, 10.0, 4.0]})
    assert timings.ratio("slow", "fast") == 2.0
    skewed = Timings({"slow": [2.0, 2.0, 100.0], "fast": [1.0, 8.0, 10.0]})
    assert skewed.ratio("slow", "fast") == 2.0
    assert skewed.median("slow") / skewed.median("fast") == 0.25


def test_work_done_once_in_several_rounds_is_not_missed_by_the_median() -> None:
    rare = Timings({"whole": [1.0, 1.0, 1.0, 5.0] * 3 + [1.0], "bare": [1.0] * 13})
    assert rare.ratio("whole", "bare") == 1.0
    assert rare.ratio("whole", "bare", every=4) == 2.0
    assert rare.ratio("whole", "bare", every=100) == 25 / 13
