"""Trained runs: loaded by the trainer, which is imported only here and only when asked for."""

import importlib
import os
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError, PoseSmootherError
from pose_smoother.extras import extra_hint
from pose_smoother.poses.tracks import Floats, Poses


def trainer_module(name: str) -> Any:
    """A module of the trainer.

    Raises
    ------
    PoseSmootherError : a package that it needs is not installed; the text names the extra.
    """
    try:
        return importlib.import_module(f"trainer.{name}")
    except ModuleNotFoundError as error:
        hint = extra_hint(error)
        if hint is None:
            raise
        raise PoseSmootherError(hint) from None


def load_run(folder: str | os.PathLike[str], device: str = "auto") -> Any:
    """A finished run, ready to smooth; torch is imported here, not before.

    Parameters
    ----------
    folder : a run's folder, as ``trainer train`` made it.
    device : where to compute: auto, cpu or cuda.

    Raises
    ------
    RunError : the folder is no finished run.
    PoseSmootherError : torch is not installed.
    """
    return trainer_module("inference.load_run").load_run(Path(folder), device)


def load_results(runs: str | os.PathLike[str]) -> Any:
    """The rows of every finished run below a folder: a pandas ``DataFrame``.

    Raises
    ------
    InvalidInputError : there is no such folder.
    RunError : a run's results are damaged.
    """
    folder = Path(runs)
    if not folder.is_dir():
        raise InvalidInputError(f"{folder}: no such folder")
    return trainer_module("runs.results_io").load(folder)


def is_run(method: object) -> bool:
    """Whether a method is a loaded run."""
    return callable(getattr(method, "smoother", None))


def smooth_with_run(poses: Poses, run: Any, names_map: Path | None = None) -> list[Floats]:
    """Every track through a trained run: float64 (n, K, 2) each, in the file's unit.

    Keypoints that the run does not know pass through untouched; a warning is logged.

    Raises
    ------
    InvalidInputError : no keypoint is known to the run.
    """
    found: list[Floats] = trainer_module("inference.predict").smooth_tracks(
        poses, run.smoother(), names_map
    )
    return found
