"""Classical filters on the noise and the windows of models: the rows to compare models with."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.files.atomic import write_atomic
from pose_smoother.filters import table_filter, table_filters
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.data.stream import WindowStream
from trainer.evaluation.evaluate import noisy_positions, true_positions
from trainer.evaluation.tune_filters import fit_and_tune
from trainer.experiments import experiment
from trainer.metrics.scorer import score
from trainer.metrics.tidy_rows import COLUMNS, rows
from trainer.noise.select import check_noise, noise_config, resolved_noise, save_noise_file
from trainer.runs.data_summary import describe, save_data, store_hash
from trainer.runs.equivalent_runs import equivalent_run, results_as_of
from trainer.runs.folder import RunFolder, versions
from trainer.runs.layout import VALIDATION_CSV
from trainer.runs.results_io import read_results, write_csv, write_results
from trainer.settings import (
    MISSING_TORSO,
    check_choice,
    check_seed,
    check_window,
    window_suffix,
    without_default_window,
)

PARAMS_CSV = "params.csv"
PARAMS_COLUMNS = ("model", "parameter", "value")
_BATCH = 1024  # windows made at once: positions only, so a few MB

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BaselinesConfig:
    """The settings that decide the numbers of one experiment's filters.

    Attributes
    ----------
    experiment : a registered name.
    seed : decides the noise, the same as a model's with this seed.
    smoothers : registered names.
    missing_torso : which frames PCK scores, "skip" or "one-side".
    mu_in_px : mean of the noise's shift.
    noise, window : as in ``TrainConfig``.
    """

    experiment: str
    seed: int = 0
    smoothers: tuple[str, ...] = tuple(table_filters())
    missing_torso: str = "skip"
    mu_in_px: float = 0.0
    noise: str = "auto"
    window: int = WINDOW_FRAMES

    def __post_init__(self) -> None:
        check_noise(self.noise, self.mu_in_px, self.experiment)
        check_window(self.window)
        experiment(self.experiment)
        for name in self.smoothers:
            table_filter(name)
        check_seed(self.seed)
        check_choice("missing_torso", self.missing_torso, MISSING_TORSO)

    @property
    def run_name(self) -> str:
        """The name of the results' folder."""
        return f"baselines{window_suffix(self.window)}-{self.experiment}-seed{self.seed}"


@dataclass(frozen=True)
class Positions:
    """A split's windows as smoothers read them.

    Attributes
    ----------
    noisy, truth : float32 (N, T, K, 2) in heatmap pixels, NaN where not annotated.
    clip : int64 (N,), row of the clips table.
    """

    noisy: NDArray[np.float32]
    truth: NDArray[np.float32]
    clip: NDArray[np.int64]


def read_positions(config: BaselinesConfig, store: Store, split: str) -> Positions:
    """Every window of a split with the noise that models see; training noise is epoch 0's.

    Models train from epoch 1 on, so what smoothers are fitted to is a draw of its own (frozen noise
    has but one draw).
    """
    step = experiment(config.experiment).step
    noise = noise_config(config.experiment, config.noise, config.mu_in_px, store)
    stream = WindowStream(
        store,
        split,
        step,
        noise,
        _BATCH,
        config.seed,
        consumes="coordinates",
        window_frames=config.window,
    )
    parts = [
        (noisy_positions(batch), true_positions(batch), batch.clip.numpy())
        for batch in stream.epoch(0)
    ]
    noisy, truth, clip = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Positions(noisy, truth, clip)


def baselines(config: BaselinesConfig, store: Store, runs: Path) -> dict[str, Any]:
    """Fit on training windows, tune on validation, score on test; write all to a run's folder.

    Returns
    -------
    What ``results.json`` holds: ``rows`` (tidy, of the test split), ``validation`` (the same of
    the validation split, to compare with training curves) and ``params`` (smoother -> what
    tuning chose).

    Raises
    ------
    LockedError : another process writes to the folder.
    RunError : the folder is of another configuration.
    """
    with RunFolder(runs / config.run_name) as folder:
        folder.claim({"identity": identity(config, store), "versions": versions()})
        save_noise_file(folder.path, config.noise)
        if folder.is_finished():
            _log.info("%s is finished already", folder.path)
            results = read_results(folder.path)
        else:
            save_data(folder.path, describe(store, store_hash(store)))
            results = _reused(config, store, runs) or _scored(config, store, folder.path)
        write_csv(folder.path / PARAMS_CSV, PARAMS_COLUMNS, _params_rows(results["params"]))
        write_csv(folder.path / VALIDATION_CSV, COLUMNS, results.get("validation", []))
        write_results(folder.path, results)
        return results


def identity(config: BaselinesConfig, store: Store) -> dict[str, Any]:
    """The settings that decide the numbers, JSON-able."""
    return {
        **without_default_window(asdict(config)),
        "smoothers": list(config.smoothers),
        "noise": resolved_noise(config.noise, store),
        "store_sha256": store_hash(store),
    }


def _reused(config: BaselinesConfig, store: Store, runs: Path) -> dict[str, Any] | None:
    """The results of the experiment that differs in the blur alone, if it is finished."""

    def as_of(name: str) -> tuple[str, dict[str, Any]]:
        other = replace(config, experiment=name)
        return other.run_name, identity(other, store)

    equivalent = equivalent_run(config.experiment, runs, as_of)
    if equivalent is None:
        return None
    _log.info("%s differs in the blur alone, which filters don't read: copied", equivalent.name)
    for scores in sorted(equivalent.glob("scores-*.npz")):
        write_atomic(runs / config.run_name / scores.name, scores.read_bytes())
    return results_as_of(equivalent, config.experiment, ("rows", "validation"))


def _scored(config: BaselinesConfig, store: Store, folder: Path) -> dict[str, Any]:
    train, val, test = (read_positions(config, store, split) for split in ("train", "val", "test"))
    fitted = fit_and_tune(
        (train.noisy, train.truth), (val.noisy, val.truth), config.smoothers, config.missing_torso
    )
    results: dict[str, Any] = {"rows": [], "validation": [], "params": {}}
    n_clips = len(store.clips["id"])
    for name, (smooth, params) in fitted.items():
        results["params"][name] = dict(params)
        for split, part, kind in (("val", val, "validation"), ("test", test, "rows")):
            scores = score(smooth(part.noisy), part.truth, part.clip, n_clips, config.missing_torso)
            if split == "test":
                scores.save(folder / f"scores-{name}.npz")
            results[kind] += rows(
                scores,
                store.clips,
                model=name + window_suffix(config.window),
                experiment=config.experiment,
                seed=config.seed,
                split=split,
            )
    return results


def _params_rows(params: Mapping[str, Mapping[str, float]]) -> Sequence[Mapping[str, Any]]:
    return [
        {"model": name, "parameter": parameter, "value": value}
        for name, chosen in params.items()
        for parameter, value in chosen.items()
    ]
