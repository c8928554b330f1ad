"""A folder of runs as a report reads it: what is finished, what is not, and what was counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pose_smoother.errors import PoseSmootherError, RunError
from pose_smoother.filters import table_filters
from pose_smoother.remote.path import PathOrUrl, as_path_or_url, local_path
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.open import open_store
from trainer.experiments import EXPERIMENTS, KNOWN, THESIS_MODELS
from trainer.metrics.scores import Scores
from trainer.models import models
from trainer.runs.data_summary import DATA_JSON, Data, describe, load_data, store_hash
from trainer.runs.layout import (
    BEFORE,
    CONFIG,
    HISTORY,
    HISTORY_KINDS,
    SCORES,
    STATE,
    TIMING,
    TIMING_KINDS,
    VALIDATION_CSV,
)
from trainer.runs.results_io import (
    RESULTS_JSON,
    TIDY_KINDS,
    damage_reported,
    read_csv,
    read_json,
    read_results,
)
from trainer.runs.schema import CONFIG_SCHEMA, STATE_SCHEMA
from trainer.training.config import train_config

#: Rows of one table may differ in these; everything else in a run's identity must agree.
FREE_TO_DIFFER = frozenset(
    {
        "model",
        "experiment",
        "seed",
        "smoothers",
        "batch_size",
        "max_epochs",
        "max_steps",
        "budget_steps",
        "validation_share",
        "learning_rate",
        "targets",
        "loss",
        "schedule",
        "augment",
        "precision",
    }
)


class StepBudget(NamedTuple):
    """How long a row trained, where that was limited: steps, and windows a step.

    ``batch_size`` is None where it is the model's own.
    """

    steps: int
    batch_size: int | None = None

    def __str__(self) -> str:
        return f"{self.steps:,} steps" + (f" of {self.batch_size}" if self.batch_size else "")


@dataclass(frozen=True)
class Run:
    """One network's run, finished or not.

    Attributes
    ----------
    name : of its folder.
    record : what ``config.json`` holds.
    history, timing : a row for each finished epoch; empty before the first.
    results : what ``results.json`` holds; None before the end.
    state : text for the report, for those that are not finished.
    """

    name: str
    model: str
    experiment: str
    seed: int
    record: dict[str, Any]
    history: pd.DataFrame
    timing: pd.DataFrame
    results: dict[str, Any] | None
    state: str

    @property
    def budget(self) -> StepBudget | None:
        """What training was limited to; None where the usual rule ended it."""
        identity = self.record["identity"]
        if identity.get("budget_steps") is None:
            return None
        own = train_config(self.model, self.experiment).batch_size
        batch = int(identity.get("batch_size", own))
        return StepBudget(int(identity["budget_steps"]), None if batch == own else batch)

    @property
    def steps(self) -> float:
        """Steps of the budget; infinite where the usual rule ended training."""
        return self.budget.steps if self.budget else math.inf

    @property
    def also_tested(self) -> list[str]:
        """Names of what else a finetuned run tested on the same windows, with scores of its own."""
        return list((self.results or {}).get("beside", []))


@dataclass(frozen=True)
class Baselines:
    """One experiment's smoothers.

    Attributes
    ----------
    params : smoother -> what tuning chose.
    validation : tidy rows on the validation split; None if an older version made the folder.
    """

    name: str
    experiment: str
    seed: int
    record: dict[str, Any]
    params: dict[str, dict[str, Any]]
    validation: pd.DataFrame | None


@dataclass
class Collection:
    """Everything of a folder of runs.

    Attributes
    ----------
    data : what the runs were scored on; all of them on the same.
    scores : (model, experiment) -> seed -> what was counted on the test split.
    budgets : (model, experiment) -> of rows whose training had a budget.
    notes : what was left out, and why.
    """

    data: Data
    runs: list[Run]
    baselines: list[Baselines]
    scores: dict[tuple[str, str], dict[int, Scores]] = field(default_factory=dict)
    budgets: dict[tuple[str, str], StepBudget] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> dict[tuple[str, str], str]:
        """(model, experiment) of the grid without results -> what is known of it."""
        states = {(run.model, run.experiment): run.state for run in self.runs}
        grid = [(model, e.name) for model in self._wanted() for e in EXPERIMENTS]
        return {key: states.get(key, "not begun") for key in grid if key not in self.scores}

    @property
    def n_grid(self) -> int:
        """The number of (network, experiment) pairs: 24 with the thesis's four."""
        return len(self._wanted()) * len(EXPERIMENTS)

    def _wanted(self) -> list[str]:
        """The thesis's networks, and of the others those with a run."""
        here = {run.model for run in self.runs}
        return [m for m in network_order() if m in THESIS_MODELS or m in here]


def network_order() -> list[str]:
    """Registered networks: the thesis's in its order, then the others."""
    return sorted(models(), key=lambda m: (*THESIS_MODELS, m).index(m))


def row_order() -> list[str]:
    """Every row of a table: identity first, then the smoothers, then the networks.

    A finetuned network has its own name, and the pretrained one is before it.
    """
    return [*table_filters(), *(name + BEFORE for name in network_order()), *network_order()]


def collect(folder: Path, store: PathOrUrl | None = None) -> Collection:
    """Read a folder of runs.

    Parameters
    ----------
    store : where the runs' store is, for runs that keep no ``data.json``; None looks where it was.

    Raises
    ------
    RunError : nothing is finished; runs of several stores or settings; a file is damaged; nothing
        names the clips that the scores are of.
    """
    notes: list[str] = []
    runs, baselines = _read_folders(folder, notes)
    done, left_out = _longest([run for run in runs if run.results is not None])
    notes += left_out
    finished: list[Run | Baselines] = [*done, *baselines]
    if not finished:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise RunError(
            f"no finished run in {folder}{why}: train a model or compute baselines first"
        )
    check_same_settings(finished)
    data = _find_data(folder, finished, store)
    budgets = {(run.model, run.experiment): run.budget for run in done if run.budget}
    found = Collection(data, runs, baselines, budgets=budgets, notes=notes)
    for one in finished:
        files = (
            {one.model: SCORES} | {name: f"scores-{name}.npz" for name in one.also_tested}
            if isinstance(one, Run)
            else {name: f"scores-{name}.npz" for name in one.params}
        )
        for model, file in files.items():
            _add_scores(found, folder / one.name / file, (model, one.experiment), one.seed)
    return found


def _longest(done: list[Run]) -> tuple[list[Run], list[str]]:
    """For each row the runs of the longest training, and a note of each run that is left out.

    A training to its stopping rule is longer than any budget: seeds of different trainings must not
    be pooled.
    """
    longest: dict[tuple[str, str], float] = {}
    for run in done:
        key = (run.model, run.experiment)
        longest[key] = max(longest.get(key, 0), run.steps)
    kept, notes = [], []
    for run in done:
        if run.steps == longest[run.model, run.experiment]:
            kept.append(run)
        else:
            notes.append(f"{run.name} is not in the tables: a longer training of its row is")
    return kept, notes


def _add_scores(found: Collection, file: Path, key: tuple[str, str], seed: int) -> None:
    if not file.exists():
        found.notes.append(f"{file.parent.name} has results but no {file.name}: not in the tables")
        return
    try:
        scores = Scores.load(file)
        if len(scores.annotated) != len(found.data.clips):
            raise RunError(
                f"{file} counts {len(scores.annotated)} clips, expected the "
                f"{len(found.data.clips)} of its store: train again"
            )
    except RunError as error:
        found.notes.append(f"{error}: not in the tables")
        return
    found.scores.setdefault(key, {})[seed] = scores


def _read_folders(folder: Path, notes: list[str]) -> tuple[list[Run], list[Baselines]]:
    """Runs and baselines; one that is damaged is left out, and ``notes`` gets why."""
    runs: list[Run] = []
    baselines: list[Baselines] = []
    for file in sorted(folder.glob(f"*/{CONFIG}")):
        try:
            with damage_reported(file):
                record = read_json(file, "not a run folder", CONFIG_SCHEMA)
                identity = record["identity"]
                _check_known(file.parent, identity)
                if {"model", "experiment", "seed"} <= set(identity):
                    runs.append(_read_run(file.parent, record))
                elif "smoothers" in identity and (file.parent / RESULTS_JSON).exists():
                    baselines.append(_read_baselines(file.parent, record))
        except RunError as error:
            notes.append(f"{file.parent.name} is left out: {error}")
    return runs, baselines


def _check_known(folder: Path, identity: dict[str, Any]) -> None:
    """Raise RunError where no table has a row or column for a run."""
    for what, known in (("model", [*models()]), ("experiment", [e.name for e in KNOWN])):
        if what in identity and identity[what] not in known:
            raise RunError(
                f"{folder / CONFIG}: unknown {what} {str(identity[what])[:40]!r}; known: "
                f"{', '.join(known)}"
            )


def _read_run(folder: Path, record: dict[str, Any]) -> Run:
    identity = record["identity"]
    history, timing = (
        read_csv(folder / name, kinds)
        if (folder / name).exists()
        else pd.DataFrame(columns=list(kinds))
        for name, kinds in ((HISTORY, HISTORY_KINDS), (TIMING, TIMING_KINDS))
    )
    results = None
    state = "finished"
    if (folder / RESULTS_JSON).exists():
        results = read_results(folder)
    else:
        file = folder / STATE
        word = read_json(file, "", STATE_SCHEMA)["state"] if file.exists() else "begun"
        state = f"{word}, {len(history)} epochs so far"
    return Run(
        folder.name,
        str(identity["model"]),
        str(identity["experiment"]),
        int(identity["seed"]),
        record,
        history,
        timing,
        results,
        state,
    )


def _read_baselines(folder: Path, record: dict[str, Any]) -> Baselines:
    identity = record["identity"]
    validation = folder / VALIDATION_CSV
    return Baselines(
        folder.name,
        identity["experiment"],
        int(identity["seed"]),
        record,
        read_results(folder)["params"],
        read_csv(validation, TIDY_KINDS) if validation.exists() else None,
    )


def check_same_settings(finished: Sequence[Run | Baselines]) -> None:
    """Raise RunError unless the rows of one table were counted on one store in the same way."""
    for other in finished[1:]:
        first = finished[0]
        wanted, found = (
            {"window": WINDOW_FRAMES, **one.record["identity"]} for one in (first, other)
        )
        for name in sorted((set(wanted) & set(found)) - FREE_TO_DIFFER):
            if wanted[name] != found[name]:
                raise RunError(
                    f"{first.name} and {other.name} can't be in one table: {name} is "
                    f"{wanted[name]!r} and {found[name]!r}; use a folder of its own for such runs"
                )


def _find_data(folder: Path, finished: list[Run | Baselines], store: PathOrUrl | None) -> Data:
    reasons = ["no run holds data.json"]
    for one in finished:
        if (folder / one.name / DATA_JSON).exists():
            try:
                return load_data(folder / one.name)
            except RunError as error:
                reasons.append(str(error))
    wanted = finished[0].record["identity"].get("store_sha256")
    paths = [one.record["store"]["path"] for one in finished if "store" in one.record]
    for path in [store] if store is not None else dict.fromkeys(map(as_path_or_url, paths)):
        try:
            if store is None and local_path(path) is None:
                reasons.append("their store is at an address, which only --store has opened")
                continue
            with open_store(path) as opened:
                if store_hash(opened) == wanted:
                    return describe(opened, wanted)
                reasons.append(f"{path} is another store")
        except PoseSmootherError as error:
            reasons.append(str(error))
    raise RunError(
        f"the videos of the scores are unknown ({'; '.join(reasons)}): name the runs' store "
        "with --store"
    )
