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
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """Rounds timed."""
        return min((len(values) for values in self.seconds.values()), default=0)

    def median(self, name: str) -> float:
        """Median seconds of one way."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, against: str, every: int = 1) -> float:
        """How many times as long one way takes as another: the median over rounds.

        Round by round, for both sides of a round met the same neighbours.

        Parameters
        ----------
        every : rounds that are summed first, where a way does some of its work once in as many;
            with fewer rounds than that, all are.
        """
        one, other = self._sums(name, every), self._sums(against, every)
        return statistics.median(a / b for a, b in zip(one, other, strict=True))

    def _sums(self, name: str, every: int) -> list[float]:
        """Seconds of each whole run of ``every`` rounds, or of all rounds."""
        values = self.seconds[name]
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
    budget_s : no further round is begun after as long; one is always timed.
    """
    clock: dict[str, list[float]] = {name: [] for name in sides}
    started = time.perf_counter()
    for number in range(warmups + repeats):
        timed = number >= warmups
        spent = time.perf_counter() - started
        if number > warmups and budget_s is not None and spent > budget_s:
            break
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            begun = time.perf_counter()
            sides[name]()
            if timed:
                clock[name].append(time.perf_counter() - begun)
    return Timings(clock)
