"""Runs that are the same run: models of coordinates and filters do not read the blur.

Experiments k.1 and k.2 differ in the blur of the input and share every shift
(``trainer.noise.gaussian``). For models of coordinates and for filters they are one experiment: the
same numbers, bit for bit (a test makes both). So when one of the two is finished, the other copies
its numbers instead of computing them again, and records that: ``same_as`` in its results.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.plain import read_plain
from trainer.experiments import EXPERIMENTS, experiment
from trainer.runs import checkpoint
from trainer.runs.folder import check_identity
from trainer.runs.layout import HISTORY, MAX_FILE_BYTES, REGIONS, SCORES, TIMING
from trainer.runs.results_io import RESULTS_JSON, read_results, write_results


def equivalent_run(
    experiment_name: str, runs: Path, as_of: Callable[[str], tuple[str, dict[str, Any]]]
) -> Path | None:
    """The folder of a finished run that differs from another one in the blur alone; None without.

    Parameters
    ----------
    experiment_name : of the run that is to be made, which does not read the blur.
    runs : the folder that holds the folders of runs.
    as_of : another experiment's name -> the run's folder name and identity if it were of that one.
    """
    wanted = experiment(experiment_name)
    for other in EXPERIMENTS:
        if other.name != wanted.name and (other.k, other.step) == (wanted.k, wanted.step):
            name, identity = as_of(other.name)
            folder = runs / name
            if (folder / RESULTS_JSON).exists() and _has_identity(folder, identity):
                return folder
    return None


def copy_run(
    equivalent: Path, folder: Path, experiment_name: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a run's folder from that of an equivalent run; the results come last.

    Parameters
    ----------
    equivalent, folder : of the finished run, and of the new one.
    experiment_name, config : of the new run; ``config`` is what its checkpoint holds.

    Returns
    -------
    What ``results.json`` holds, with ``same_as``, the name of the equivalent run.

    Raises
    ------
    RunError : a file of the equivalent run is damaged.
    """
    checkpoint.remove_checkpoints(folder)
    best = checkpoint.read_checkpoint(equivalent / checkpoint.BEST)
    checkpoint.write_checkpoint(folder / checkpoint.BEST, {**best, "config": dict(config)})
    for name in (HISTORY, TIMING, SCORES, REGIONS):
        if (equivalent / name).exists():
            write_atomic(folder / name, read_plain(equivalent / name, MAX_FILE_BYTES))
    results = results_as_of(equivalent, experiment_name, ("rows", "references"))
    write_results(folder, results)
    return results


def results_as_of(equivalent: Path, experiment_name: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """An equivalent run's results under another experiment's name, and its name as ``same_as``.

    Parameters
    ----------
    parts : the keys of ``results.json`` that hold tidy rows.
    """
    results = {**read_results(equivalent), "same_as": equivalent.name}
    for part in parts:
        results[part] = [{**row, "experiment": experiment_name} for row in results[part]]
    return results


def _has_identity(folder: Path, wanted: dict[str, Any]) -> bool:
    try:
        check_identity(folder, wanted)
    except PoseSmootherError:
        return False
    return True
