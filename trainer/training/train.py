"""Training one model on one experiment, to its stopping rule and its test (DESIGN section 8).

A run is a folder. Killed at any moment and started again, it ends with the same weights and
tables as if nothing had happened (bit for bit on the CPU with the same number of threads): data,
noise and dropout depend on (seed, purpose, epoch, batch) alone, and everything else is in the
checkpoint.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from pose_smoother.errors import Interrupted
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.stages import stage
from pose_smoother.store.store import Store
from trainer.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from trainer.distributed.setup import ProcessLostError, report_lost_process
from trainer.metrics.tidy_rows import COLUMNS
from trainer.models import model_module
from trainer.noise.select import save_noise_file
from trainer.runs import checkpoint
from trainer.runs.data_summary import describe, save_data, store_hash
from trainer.runs.equivalent_runs import copy_run, equivalent_run
from trainer.runs.folder import RunFolder
from trainer.runs.results_io import RESULTS_CSV, read_results, write_csv, write_results
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig, identity, run_record, with_saved_settings
from trainer.training.final_test import test_best
from trainer.training.loop import Training
from trainer.training.malloc import disable_malloc_trim
from trainer.training.progress import Progress
from trainer.training.trackers import tracking
from trainer.training.warm_start import WarmStart, folder_name

CHECKPOINT_MINUTES = 5.0

_log = logging.getLogger(__name__)


def train(
    config: TrainConfig,
    store: Store,
    runs: Path,
    *,
    start: WarmStart | None = None,
    resume: bool = True,
    replace: bool = False,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    interrupt: Interrupt | None = None,
    bars: bool | None = None,
    ranks: ProcessGroup = SINGLE_PROCESS,
    tracker: str | None = None,
) -> dict[str, Any]:
    """Train and test one model, or continue where an earlier call was stopped.

    Parameters
    ----------
    runs : the run's folder is made in it, named ``<model>-<experiment>-seed<N>``.
    start : a trained model to start from, instead of random weights; then ``-finetuned`` ends the
        folder's name, and ``rows`` also hold what is tested in addition to the model.
    resume : False starts over; what an earlier call left is kept until the new run has finished.
    replace : with ``resume`` False, a finished run may be replaced.
    checkpoint_minutes : how much work a kill may cost; each epoch's end is saved, too.
    interrupt : an entered ``Interrupt``; None makes one for the length of the call.
    bars : progress bars; None asks whether stderr is a terminal.
    ranks : the processes that all call this, each to compute its share of every batch; the first
        one holds the folder, and alone writes.
    tracker : of ``settings.TRACKERS``, to send each epoch's numbers to as well.

    Returns
    -------
    What ``results.json`` holds: ``rows`` (tidy, of the model), ``references`` (of identity and
    mean), ``test_loss``, ``best_epoch``, ``n_epochs``. Of several processes only the first gets it;
    the others get nothing.

    Raises
    ------
    Interrupted : SIGTERM or Ctrl-C came; everything is saved.
    RunError : the folder is in use or of another configuration; a number was not finite.
    ProcessLostError : one of several processes ended.
    DiskError : the disk is full, read-only or broken; names the last valid checkpoint.
    """
    with ExitStack() as held:
        if interrupt is None:
            interrupt = held.enter_context(Interrupt())
        if (threads := n_threads(config)) is not None:
            torch.set_num_threads(threads)
        prepare_memory(config)
        path = runs / folder_name(config, start)
        config = with_saved_settings(config, path) if resume else config
        held.enter_context(translate_disk_errors(path, preserved=lambda: _last_good(path)))
        held.enter_context(report_lost_process(ranks))
        folder = RunFolder(path)
        ranks.run_on_main(lambda: _hold(folder, held, resume, replace))
        with stage(_log, "read the store"):
            training = Training(config, store, folder.path, start, ranks)
        _log.debug("settings: %s; %d parameters", asdict(config), training.n_parameters)
        results = ranks.run_on_main(lambda: _claim(folder, training))
        if results is None:
            held.enter_context(_record_state(folder, ranks))
            held.enter_context(report_lost_process(ranks))  # inside, so that the state is recorded
            results = ranks.run_on_main(lambda: _prepare(training, runs, resume))
        if results is not None:
            if ranks.is_main:
                folder.drop_aside()
            return results
        return _train_and_test(training, interrupt, checkpoint_minutes, bars, tracker)


def _hold(folder: RunFolder, held: ExitStack, resume: bool, replace: bool) -> None:
    held.enter_context(folder)
    if not resume:
        folder.start_again(replace)


def _claim(folder: RunFolder, training: Training) -> dict[str, Any] | None:
    """Claim the folder for this run; its results if it is finished already."""
    config, start = training.config, training.start
    record = run_record(config, training.store, training.n_parameters)
    if start is not None:
        record = {**record, **start.metadata}
        record["identity"] = {**record["identity"], **start.identity}
    folder.claim(record)
    save_noise_file(folder.path, config.noise)
    if not folder.is_finished():
        return None
    _log.info("%s is finished already; --no-resume --replace trains it again", folder.path)
    return finished_results(folder.path)


def _prepare(training: Training, runs: Path, resume: bool) -> dict[str, Any] | None:
    """Write what precedes training; the results if another run is equivalent."""
    config, store, folder = training.config, training.store, training.folder
    save_data(folder, describe(store, store_hash(store)))
    if not resume or training.start is not None:
        return None
    equivalent = equivalent_model_run(config, store, runs)
    if equivalent is None:
        return None
    _log.info(
        "%s: %s is the same run, because %s does not read the blur: its numbers are copied "
        "(--no-resume trains again)",
        folder,
        equivalent.name,
        config.model,
    )
    return copy_run(equivalent, folder, config.experiment, asdict(config))


def equivalent_model_run(config: TrainConfig, store: Store, runs: Path) -> Path | None:
    """``equivalent_run`` of a model's run; None for models of heatmaps, which read the blur."""
    if model_module(config.model).CONSUMES != "coordinates":
        return None

    def as_of(name: str) -> tuple[str, dict[str, Any]]:
        other = replace(config, experiment=name)
        return other.run_name, identity(other, store)

    return equivalent_run(config.experiment, runs, as_of)


def _train_and_test(
    training: Training,
    interrupt: Interrupt,
    checkpoint_minutes: float,
    bars: bool | None,
    tracker: str | None,
) -> dict[str, Any]:
    config, ranks = training.config, training.ranks
    if training.restore() and ranks.is_main:
        _log.info("%s continues in epoch %d", training.folder, training.epoch)
    shown = bars if ranks.is_main else False
    settings = identity(config, training.store)
    n_done = len(training.history)
    with (
        tracking(tracker if ranks.is_main else None, training.folder, settings) as on_epoch,
        Progress(config.run_name, training.n_epochs, n_done, shown, on_epoch) as progress,
    ):
        with stage(_log, "train"):
            training.run(progress, interrupt, checkpoint_minutes)
        with stage(_log, "test"):
            results = test_best(training, progress, interrupt)
    if ranks.is_main:
        # Before the results, so that a kill here leaves a run that is tested again, and ends with
        # the same files.
        training.save_finished()
        write_results(training.folder, results)
        RunFolder(training.folder).drop_aside()
    return results


def n_threads(config: TrainConfig) -> int | None:
    """Threads to compute with; None leaves torch's choice.

    A model of coordinates gets one: its tensors are so small that a second thread only waits
    (DeciWatch, batch 16: 24 ms a step with one, 27 with two; 66 with two on a busy machine).
    """
    of_coordinates = model_module(config.model).CONSUMES == "coordinates"
    return 1 if config.threads is None and of_coordinates else config.threads


def prepare_memory(config: TrainConfig) -> None:
    """Keep freed memory where steps free much: heatmap models on the CPU."""
    if config.torch_device.type == "cpu" and model_module(config.model).CONSUMES == "heatmaps":
        disable_malloc_trim()


def finished_results(folder: Path) -> dict[str, Any]:
    """A finished run's results; ``results.csv`` is made again from them."""
    results = read_results(folder)
    write_csv(folder / RESULTS_CSV, COLUMNS, results["rows"])
    return results


@contextmanager
def _record_state(folder: RunFolder, ranks: ProcessGroup) -> Iterator[None]:
    """Write ``state.json`` before the body and after it, however it ends."""
    if not ranks.is_main:
        yield
        return
    try:
        folder.set_state("running")
        yield
        folder.set_state("finished")
    except (Interrupted, KeyboardInterrupt):
        with suppress(OSError):
            folder.set_state("preempted")
        raise
    except ProcessLostError as error:
        with suppress(OSError):
            folder.set_state("lost", error=str(error))
        raise
    except Exception as error:
        with suppress(OSError):
            folder.set_state("failed", error=f"{type(error).__name__}: {error}")
        raise


def _last_good(folder: Path) -> str:
    """The last valid checkpoint of a run, for the message of a disk error."""
    saved = checkpoint.load_last(folder)
    if saved is None:
        return "No checkpoint was saved yet."
    return f"Last good checkpoint: epoch {saved['epoch']}, batch {saved['next_batch']}, intact."
