"""Launchers of a sweep's runs: processes of this machine, or jobs of a queue."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from trainer.runs.layout import RunState
from trainer.sweep.job import Job

#: Processes of this machine, or jobs of a queue.
LAUNCHERS = ("local", "submitit")
#: Of submitit.
CLUSTERS = ("auto", "slurm", "local")


class Handle(Protocol):
    """A run that was started.

    Attributes
    ----------
    minutes : since it was started.
    """

    @property
    def minutes(self) -> float:
        """Minutes since it was started."""

    def stop(self) -> None:
        """Ask it to save and stop."""

    def kill(self) -> None:
        """End it at once."""

    def outcome(self) -> tuple[RunState, str] | None:
        """(state, reason) of a run that has ended; None before."""


class Launcher(AbstractContextManager["Launcher"], Protocol):
    """Starts runs; entered for the length of a sweep.

    Attributes
    ----------
    runs_per_job : how many runs are started together.
    """

    runs_per_job: int

    def begin(self, jobs: Sequence[Job]) -> Mapping[str, Handle]:
        """Start some runs, at most ``runs_per_job``; their handles by name."""
