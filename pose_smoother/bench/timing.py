"""Timing two or more ways of doing one thing, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """Seconds that each way took, in the order of the rounds.

    Attributes
    ----------
    seconds : way -> a number a round; every way has as many.
    cpu_seconds : the same in processor time, of all threads of this process; empty where it was
        not taken.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """Rounds timed."""
        return min((len(values) for values in self.seconds.values()), default=0)

    def median(self, name: str) -> float:
        """Median seconds of one way."""
        return statistics.median(self.seconds[name])

    def mean(self, name: str) -> float:
        """Mean seconds of one way, for one that does some of its work once in several rounds."""
        return statistics.fmean(self.seconds[name])

    def ratio(self, name: str, against: str, every: int = 1) -> float:
        """How many times as long one way takes as another: the median over rounds.

        Round by round, for both sides of a round met the same neighbours.

        Parameters
        ----------
        every : rounds that are summed first, where a way does some of its work once in as many;
            with fewer rounds than that, all are.
        """
        return _ratio(self.seconds, name, against, every)

    def cpu_ratio(self, name: str, against: str, every: int = 1) -> float | None:
        """The same in processor time, which neighbours can't take; None where it was not taken."""
        if not (self.cpu_seconds.get(name) and self.cpu_seconds.get(against)):
            return None
        return _ratio(self.cpu_seconds, name, against, every)


def _ratio(clock: Mapping[str, list[float]], name: str, against: str, every: int) -> float:
    one, other = _sums(clock[name], every), _sums(clock[against], every)
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def _sums(values: list[float], every: int) -> list[float]:
    """Seconds of each whole run of ``every`` rounds, or of all rounds."""
    starts = range(0, len(values) - every + 1, every)
    return [sum(values[at : at + every]) for at in starts] or [sum(values)]


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warmups: int = 1,
    budget_s: float | None = None,
) -> Timings:
    """Time ways in turn: A B, B A, A B, ...

    Parameters
    ----------
    sides : what to time, by name; on a GPU each waits for the device before it returns.
    repeats : rounds, each of which times every way once.
    warmups : rounds before those, not kept.
    budget_s : no further round is begun after as long, warm-ups included; one is always timed,
        after one warm-up at least, if any was asked for.
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
            number = warmups  # one warm-up is enough where it took all the time there is
        timed = number >= warmups
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            begun, cpu_begun = time.perf_counter(), time.process_time()
            sides[name]()
            if timed:
                clock[name].append(time.perf_counter() - begun)
                cpu_clock[name].append(time.process_time() - cpu_begun)
        number += 1
    return Timings(clock, cpu_clock)
