"""Runs that are the same run: a model of coordinates reads no smear, and only that differs.

Experiments k.1 and k.2 differ in the widths of the smears and share every shift
(``trainer.input.noise``). To a model of coordinates they are one experiment: the same weights, bit
for bit (a test trains both). So when one of the two is finished, the other takes its numbers over
instead of spending the time again, and says so: ``same_as`` in its results.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline.contract.errors import PoseError
from pipeline.contract.files import write_atomic
from pipeline.contract.store import Store
from trainer import checkpoint
from trainer.experiments import EXPERIMENTS, experiment
from trainer.models import model_module
from trainer.results.runs import RESULTS_JSON, read_results, write_results
from trainer.run.config import TrainConfig, identity
from trainer.run.folder import HISTORY, REGIONS, SCORES, TIMING, check_identity


def finished_twin(config: TrainConfig, store: Store, runs: Path) -> Path | None:
    """The folder of a finished run that is the same run as this one, if there is one.

    Parameters
    ----------
    runs : where the runs of a sweep lie side by side.
    """
    if model_module(config.model).CONSUMES != "coordinates":
        return None
    mine = experiment(config.experiment)
    for other in EXPERIMENTS:
        same = (other.k, other.step) == (mine.k, mine.step)
        if other.name != mine.name and same:
            twin = replace(config, experiment=other.name)
            folder = runs / twin.run_name
            if (folder / RESULTS_JSON).exists() and _is_of(folder, identity(twin, store)):
                return folder
    return None


def take_over(twin: Path, folder: Path, config: TrainConfig) -> dict[str, Any]:
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
    results = {**read_results(twin), "same_as": twin.name}
    for part in ("rows", "references"):
        results[part] = [{**row, "experiment": config.experiment} for row in results[part]]
    write_results(folder, results)
    return results


def _is_of(folder: Path, wanted: dict[str, Any]) -> bool:
    try:
        check_identity(folder, wanted)
    except PoseError:
        return False
    return True
