"""The configuration of a run, which decides its numbers and is saved with it."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from pose_smoother.errors import InvalidInputError, RunError
from pose_smoother.heatmap import SIZE
from pose_smoother.remote.path import PathOrUrl, as_path_or_url, local_path
from pose_smoother.store.names import CONTRACT_VERSION, WINDOW_FRAMES
from pose_smoother.store.store import Store
from trainer.data.stream import POOL_FRAMES, WindowStream
from trainer.experiments import experiment
from trainer.models import model_module, preset
from trainer.models.precision import resolved_precision
from trainer.noise.select import check_noise, load_noise_file, noise_config, resolved_noise
from trainer.runs.data_summary import store_hash
from trainer.runs.folder import CONFIG, UNRECORDED, versions
from trainer.runs.results_io import damage_reported, read_json
from trainer.runs.schema import CONFIG_SCHEMA
from trainer.settings import (
    MISSING_TORSO,
    PRECISIONS,
    SCHEDULES,
    TARGETS,
    augmentation,
    budget_suffix,
    check_choice,
    check_seed,
    check_window,
    window_suffix,
    without_default_budget,
    without_default_window,
)
from trainer.training.losses import batch_loss_of

#: What a run may ask for at most: its settings may come from a file.
_MOST = {
    "batch_size": 1 << 20,
    "max_epochs": 1_000_000,
    "max_steps": 1 << 40,
    "budget_steps": 1 << 40,
    "threads": 4_096,
    "pool_frames": 1 << 26,
}
_MOST_LEARNING_RATE = 1_000.0
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "int | None": (int, type(None)),
}
_NOT_IDENTITY = ("device", "threads", "pool_frames")
_POOL_FRAMES_BEFORE = 2_048  # of runs that were begun before it was recorded


@dataclass(frozen=True)
class TrainConfig:
    """The settings that decide a run's numbers, and the device and threads it computes with.

    Attributes
    ----------
    model, experiment : registered names.
    seed : decides initial weights, order, noise and dropout.
    batch_size : windows a step.
    max_epochs, max_steps : epochs at most, and training batches of each (None: all).
    budget_steps : steps of the whole training, instead of ``max_epochs`` and the stopping rule. An
        epoch is then a fresh share of the training windows, of which no two share a frame.
    validation_share : share of the validation windows that epochs are compared on.
    learning_rate : Adam's, before it falls.
    targets : "auto", "stored" or "rendered" ground-truth heatmaps.
    missing_torso : which frames PCK scores, "skip" or "one-side".
    loss : "mse", or a model's own: "official" (DeciWatch), "likelihood" (with an uncertainty).
    schedule : "plateau", the thesis's rule, or "one-cycle" over all epochs.
    augment : of training windows, by name (``trainer.settings.AUGMENTATIONS``).
    precision : of the matrix products in training: "float32", "bfloat16", or "auto".
    mu_in_px : mean of the noise's shift.
    noise : "fresh" in every epoch, "frozen" once for all as in the thesis, or "auto": frozen for
        stores of the thesis's protocol. Or the path of a noise file, a detector's own.
    window : frames in a window, at least the 5 of the thesis.
    pool_frames : over how many frames windows are shuffled where heatmaps are streamed. A run keeps
        what it was begun with (``with_saved_settings``); it does not belong to a run's identity.
    device : "auto", "cpu" or "cuda"; does not belong to a run's identity.
    threads : torch's threads on the CPU; None leaves the choice to
        ``trainer.training.train.n_threads``.
    """

    model: str
    experiment: str
    seed: int = 0
    batch_size: int = 16
    max_epochs: int = 50
    max_steps: int | None = None
    budget_steps: int | None = None
    validation_share: float = 1.0
    learning_rate: float = 1e-3
    targets: str = "auto"
    missing_torso: str = "skip"
    loss: str = "mse"
    schedule: str = "plateau"
    augment: str = "none"
    precision: str = "float32"
    mu_in_px: float = 0.0
    noise: str = "auto"
    window: int = WINDOW_FRAMES
    pool_frames: int = POOL_FRAMES
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            kind = getattr(field.type, "__name__", str(field.type))
            if type(getattr(self, field.name)) not in _KINDS[kind]:
                raise InvalidInputError(f"{field.name} must be of the type {kind}")
        for name, most in _MOST.items():
            number = getattr(self, name)
            if number is not None and not 1 <= number <= most:
                raise InvalidInputError(f"{name} must be from 1 to {most:,}, got {number}")
        check_seed(self.seed)
        check_window(self.window)
        if not 0 < self.learning_rate <= _MOST_LEARNING_RATE:
            raise InvalidInputError(
                f"learning_rate must be above 0 and at most {_MOST_LEARNING_RATE:g}, got "
                f"{self.learning_rate}"
            )
        if not abs(self.mu_in_px) <= SIZE:
            raise InvalidInputError(f"mu_in_px must be at most {SIZE}, got {self.mu_in_px}")
        if not 0 < self.validation_share <= 1:
            raise InvalidInputError(
                f"validation_share must be above 0 and at most 1, got {self.validation_share:g}"
            )
        for kind, known in (
            ("missing_torso", MISSING_TORSO),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("targets", TARGETS),
        ):
            check_choice(kind, getattr(self, kind), known)
        augmentation(self.augment)
        check_noise(self.noise, self.mu_in_px, self.experiment)
        batch_loss_of(self.loss, model_module(self.model))
        experiment(self.experiment)

    @property
    def run_name(self) -> str:
        """The name of the run's folder."""
        return f"{self.row_name}-{self.experiment}-seed{self.seed}"

    @property
    def row_name(self) -> str:
        """The model's name in tables: with longer windows or a budget it is a row of its own."""
        return self.model + window_suffix(self.window) + budget_suffix(self.budget_steps)

    @property
    def torch_device(self) -> torch.device:
        """The device: the one asked for, or what "auto" selects."""
        has_gpu = torch.cuda.is_available()
        if self.device == "cuda" and not has_gpu:
            raise InvalidInputError("no CUDA device here; use --device cpu")
        return torch.device("cuda" if self.device != "cpu" and has_gpu else "cpu")

    @property
    def resolved_precision(self) -> str:
        """The precision: the one asked for, or what "auto" selects for this run's device."""
        return resolved_precision(self.precision, self.torch_device)


def train_config(model: str, experiment: str, **chosen: Any) -> TrainConfig:
    """A model's own settings, and those chosen; None leaves the choice to the model.

    Raises
    ------
    InvalidInputError : an unknown name, or a value out of range.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    return TrainConfig(model=model, experiment=experiment, **{**preset(model), **given})


def with_saved_settings(config: TrainConfig, folder: Path) -> TrainConfig:
    """The config with which a run continues: windows are shuffled over as many frames as before."""
    if not (folder / CONFIG).exists():
        return config
    begun = read_json(folder / CONFIG, "not a run folder", CONFIG_SCHEMA)
    return replace(config, pool_frames=begun.get("pool_frames", _POOL_FRAMES_BEFORE))


def identity(config: TrainConfig, store: Store) -> dict[str, Any]:
    """The settings that decide a run's numbers: two runs of one identity are the same run."""
    chosen = {name: v for name, v in asdict(config).items() if name not in _NOT_IDENTITY}
    chosen["noise"] = resolved_noise(config.noise, store)
    chosen["precision"] = config.resolved_precision
    named = without_default_budget(without_default_window(chosen))
    return {**named, "store_sha256": store_hash(store)}


def run_record(config: TrainConfig, store: Store, n_parameters: int) -> dict[str, Any]:
    """The content of ``config.json``: ``identity`` decides the numbers, the rest is for readers."""
    return {
        "contract": CONTRACT_VERSION,
        "identity": identity(config, store),
        "machine": {
            "threads": config.threads,
            "device": str(config.torch_device),
            "torch_threads": torch.get_num_threads(),
        },
        "n_parameters": n_parameters,
        "pool_frames": config.pool_frames,
        "store": {
            "path": str(store.path.resolve()),
            "config": store.attrs.get("config", {}),
            "provenance": store.attrs.get("provenance", {}),
        },
        "versions": versions(),
    }


def run_config(folder: Path, device: str | None = None) -> tuple[TrainConfig, PathOrUrl]:
    """The configuration a run was made with, and where its store was.

    Parameters
    ----------
    device : replaces the device of then.

    Raises
    ------
    RunError : not a run folder, or one of another version of this program.
    """
    record = read_json(folder / CONFIG, "not a run folder", CONFIG_SCHEMA)
    with damage_reported(folder / CONFIG):
        known = {f.name for f in fields(TrainConfig)}
        saved = {**UNRECORDED, **record["identity"], **record["machine"]}
        chosen: dict[str, Any] = {name: v for name, v in saved.items() if name in known}
        chosen["noise"] = load_noise_file(folder, chosen["noise"])
        if device is not None:
            chosen["device"] = device
        config, recorded = TrainConfig(**chosen), as_path_or_url(record["store"]["path"])
    return config, recorded


def chosen_store(folder: Path, recorded: PathOrUrl, given: PathOrUrl | None) -> PathOrUrl:
    """The store to open for a run: the one that the user named, or where it was.

    A run may come from a stranger: an address in it is not followed.

    Raises
    ------
    RunError : none is named, and the run has an address, or a path where there is nothing now.
    """
    if given is not None:
        return given
    local = local_path(recorded)
    if local is not None and not local.exists():
        raise RunError(
            f"{folder} was trained on the store {recorded}, which is not there: --store says where "
            "it is now"
        )
    if local is None:
        raise RunError(
            f"{folder} was trained on a store at an address, which is not opened unless you name "
            f"it: give --store {recorded} if you trust that"
        )
    return recorded


def open_stream(config: TrainConfig, store: Store, split: str) -> WindowStream:
    """The windows of a split as a run's model reads them."""
    return WindowStream(
        store,
        split,
        experiment(config.experiment).step,
        noise_config(config.experiment, config.noise, config.mu_in_px, store),
        batch_size=config.batch_size,
        seed=config.seed,
        consumes=model_module(config.model).CONSUMES,
        targets=config.targets,
        device=config.torch_device,
        augment=augmentation(config.augment),
        pool_frames=config.pool_frames,
        window_frames=config.window,
        without_neighbours=config.budget_steps is not None,
        validation_share=config.validation_share,
    )
