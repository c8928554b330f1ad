"""Numbers of each epoch, sent to TensorBoard, MLflow or Weights & Biases as well."""

import importlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pose_smoother.errors import PoseSmootherError
from pose_smoother.extras import extra_hint
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.plain import read_plain

#: Takes an epoch's row of ``history.csv``.
OnEpoch = Callable[[Mapping[str, Any]], None]

_log = logging.getLogger(__name__)

_PROJECT = "pose-smoother"
_MLFLOW_ID = "mlflow-run-id.txt"
_MAX_ID_BYTES = 4096


@contextmanager
def tracking(name: str | None, folder: Path, settings: Mapping[str, Any]) -> Iterator[OnEpoch]:
    """A function that sends an epoch's numbers to a tracker; None sends nothing.

    A run that goes on sends to the same tracked run as before. Where a tracker fails later, a
    warning says so and training goes on: the numbers are in ``history.csv``.

    Parameters
    ----------
    name : one of ``TRACKERS``.
    folder : the run's; its name is that of the tracked run.
    settings : the run's configuration, shown next to its numbers.

    Raises
    ------
    PoseSmootherError : the tracker's package is not installed; the text names the extra.
    """
    if name is None:
        yield lambda row: None
        return
    try:
        tracker: Any = _OPENED_BY[name](folder, settings)
    except ModuleNotFoundError as error:
        raise PoseSmootherError(extra_hint(error) or str(error)) from None

    def send(row: Mapping[str, Any]) -> None:
        with _failure_as_warning(f"epoch {row['epoch']} was not sent to {name}"):
            tracker.log(_numbers(row), int(row["epoch"]))

    try:
        yield send
    finally:
        with _failure_as_warning(f"{name} was not closed"):
            tracker.close()


@contextmanager
def _failure_as_warning(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of a package of others, a server, a network
        _log.warning("%s: %s: %s", what, type(error).__name__, error)


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """What of a row is a number, except the epoch itself."""
    return {
        key: float(value)
        for key, value in row.items()
        if key != "epoch" and isinstance(value, int | float)
    }


class _TensorBoard:
    """Event files in the run's folder ``tensorboard``."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        module = importlib.import_module("torch.utils.tensorboard")
        self._writer = module.SummaryWriter(log_dir=str(folder / "tensorboard"))
        lines = "\n".join(f"    {key}: {value}" for key, value in settings.items())
        self._writer.add_text("settings", lines)

    def log(self, numbers: Mapping[str, float], epoch: int) -> None:
        for key, value in numbers.items():
            self._writer.add_scalar(key, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _MLflow:
    """A run of MLflow, at the address that its own environment variables name.

    Without an address MLflow writes a database, for which its small package has no code: then it
    is the folder ``mlruns``, which MLflow takes only if it is allowed.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._mlflow = importlib.import_module("mlflow")
        if "MLFLOW_TRACKING_URI" not in os.environ and find_spec("sqlalchemy") is None:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            self._mlflow.set_tracking_uri(Path("mlruns").resolve().as_uri())
        note = folder / _MLFLOW_ID
        known = read_plain(note, _MAX_ID_BYTES).decode().strip() if note.exists() else None
        run = self._mlflow.start_run(run_id=known, run_name=None if known else folder.name)
        write_atomic(note, run.info.run_id.encode())
        if known is None:
            self._mlflow.log_params(dict(settings))

    def log(self, numbers: Mapping[str, float], epoch: int) -> None:
        self._mlflow.log_metrics(dict(numbers), step=epoch)

    def close(self) -> None:
        self._mlflow.end_run()


class _Wandb:
    """A run of Weights & Biases; ``WANDB_MODE=offline`` keeps it on this machine."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        wandb = importlib.import_module("wandb")
        self._run = wandb.init(
            project=_PROJECT,
            name=folder.name,
            id=folder.name,
            resume="allow",
            dir=str(folder),
            config=dict(settings),
        )

    def log(self, numbers: Mapping[str, float], epoch: int) -> None:
        self._run.log(dict(numbers), step=epoch)

    def close(self) -> None:
        self._run.finish()


_OPENED_BY = {"tensorboard": _TensorBoard, "mlflow": _MLflow, "wandb": _Wandb}
