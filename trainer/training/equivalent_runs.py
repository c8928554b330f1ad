"""Runs that are the same run: what works on coordinates reads no smear, and only that differs.

Experiments k.1 and k.2 differ in the widths of the smears and share every shift
(``trainer.noise.gaussian``). To models of coordinates and to smoothers they are one experiment: the
same numbers, bit for bit (a test makes both). So when one of the two is finished, the other takes
its numbers over instead of spending the time again, and says so: ``same_as`` in its results.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.store.store import Store
from trainer.experiments import EXPERIMENTS, experiment
from trainer.models import model_module
from trainer.runs import checkpoint
from trainer.runs.folder import HISTORY, REGIONS, SCORES, TIMING, check_identity
from trainer.runs.results_io import RESULTS_JSON, read_results, write_results
from trainer.training.config import TrainConfig, identity


def finished_twin(
    experiment_name: str, runs: Path, as_of: Callable[[str], tuple[str, dict[str, Any]]]
) -> Path | None:
    """The folder of a finished run that is the same run as one that reads no smear.

    Parameters
    ----------
    experiment_name : of the run that is to be made.
    runs : where the runs of a sweep lie side by side.
    as_of : another experiment's name -> the run's folder name and identity if it were of that one.
    """
    mine = experiment(experiment_name)
    for other in EXPERIMENTS:
        if other.name != mine.name and (other.k, other.step) == (mine.k, mine.step):
            name, identity = as_of(other.name)
            folder = runs / name
            if (folder / RESULTS_JSON).exists() and _is_of(folder, identity):
                return folder
    return None


def twin_of_model(config: TrainConfig, store: Store, runs: Path) -> Path | None:
    """``finished_twin`` of a model's run; None for models that read heatmaps, and so smears."""
    if model_module(config.model).CONSUMES != "coordinates":
        return None

    def as_of(name: str) -> tuple[str, dict[str, Any]]:
        other = replace(config, experiment=name)
        return other.run_name, identity(other, store)

    return finished_twin(config.experiment, runs, as_of)


def reuse_results(twin: Path, folder: Path, config: TrainConfig) -> dict[str, Any]:
    """Make a run's folder from its finished twin's; the results come last.

    Returns
    -------
    What ``results.json`` holds, with ``same_as``, the name of the twin.

    Raises
    ------
    RunError : a file of the twin is damaged.
    """
    checkpoint.remove_checkpoints(folder)
    best = checkpoint.read_checkpoint(twin / checkpoint.BEST)
    checkpoint.write_checkpoint(folder / checkpoint.BEST, {**best, "config": asdict(config)})
    for name in (HISTORY, TIMING, SCORES, REGIONS):
        if (twin / name).exists():
            write_atomic(folder / name, (twin / name).read_bytes())
    results = results_as_of(twin, config.experiment, ("rows", "references"))
    write_results(folder, results)
    return results


def results_as_of(twin: Path, experiment_name: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """A twin's results under another experiment's name, and whose they are.

    Parameters
    ----------
    parts : the keys of ``results.json`` that hold tidy rows.
    """
    results = {**read_results(twin), "same_as": twin.name}
    for part in parts:
        results[part] = [{**row, "experiment": experiment_name} for row in results[part]]
    return results


def _is_of(folder: Path, wanted: dict[str, Any]) -> bool:
    try:
        check_identity(folder, wanted)
    except PoseSmootherError:
        return False
    return True
