"""Timing functions in turn, so that a busy machine slows all of them equally."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """Seconds that each function took, in the order of the rounds.

    Attributes
    ----------
    seconds : function's name -> one number per round.
    cpu_seconds : the same in processor time, of all threads of this process and of the child
        processes that ended; empty where it was not measured.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """Number of rounds."""
        return min((len(values) for values in self.seconds.values()), default=0)

    def median(self, name: str) -> float:
        """Median seconds of one function."""
        return statistics.median(self.seconds[name])

    def mean(self, name: str) -> float:
        """Mean seconds of one function, for one that does part of its work only in some rounds."""
        return statistics.fmean(self.seconds[name])

    def ratio(self, name: str, against: str, every: int = 1) -> float:
        """How many times as long one function takes as another: the median over rounds.

        Compared round by round, as both ran next to the same other processes.

        Parameters
        ----------
        every : number of rounds that are summed first, for a function that does part of its work
            once in so many rounds; with fewer rounds, all are summed.
        """
        return _ratio(self.seconds, name, against, every)

    def cpu_ratio(self, name: str, against: str, every: int = 1) -> float | None:
        """The same in processor time, independent of other processes; None where not measured."""
        if not (self.cpu_seconds.get(name) and self.cpu_seconds.get(against)):
            return None
        return _ratio(self.cpu_seconds, name, against, every)


def _ratio(clock: Mapping[str, list[float]], name: str, against: str, every: int) -> float:
    one, other = _sums(clock[name], every), _sums(clock[against], every)
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def _sums(values: list[float], every: int) -> list[float]:
    """Sums over each ``every`` rounds, or over all rounds where there are fewer."""
    starts = range(0, len(values) - every + 1, every)
    return [sum(values[at : at + every]) for at in starts] or [sum(values)]


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warmups: int = 1,
    budget_s: float | None = None,
) -> Timings:
    """Time functions in turn: A B, B A, A B, ...

    Parameters
    ----------
    sides : the functions, by name; on a GPU each waits for the device before it returns.
    repeats : number of rounds; each times every function once.
    warmups : rounds before those, not recorded.
    budget_s : seconds after which no further round starts, warm-ups included. At least one round
        is timed, after at least one warm-up where ``warmups`` is not 0.
    """
    clock: dict[str, list[float]] = {name: [] for name in sides}
    cpu_clock: dict[str, list[float]] = {name: [] for name in sides}
    started = time.perf_counter()
    number = 0
    while number < warmups + repeats:
        spent = time.perf_counter() - started
        is_over = budget_s is not None and spent > budget_s
        if is_over and number > warmups:
            break
        if is_over and 0 < number < warmups:
            number = warmups  # one warm-up is enough where it used up the budget
        timed = number >= warmups
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            begun, cpu_begun = time.perf_counter(), _cpu_s()
            sides[name]()
            if timed:
                clock[name].append(time.perf_counter() - begun)
                cpu_clock[name].append(_cpu_s() - cpu_begun)
        number += 1
    return Timings(clock, cpu_clock)


def _cpu_s() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
