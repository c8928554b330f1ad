"""From a trained run and two files to a finetuned run, tested on videos that it has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import sha256_file
from pose_smoother.poses.assumed import Caution, about
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.skeleton import KEYPOINTS
from pose_smoother.store.names import SPLITS
from pose_smoother.store.store import Store
from trainer.calibrate.pairs import Pairs, pair_up
from trainer.calibrate.run import FEW_VIDEOS, digest
from trainer.evaluation.baselines import BaselinesConfig, read_positions
from trainer.evaluation.evaluate import Smooth
from trainer.evaluation.tune_filters import fit_and_tune
from trainer.finetune import LEARNING_RATE, MAX_EPOCHS
from trainer.finetune.heatmap_file import HeatmapPairs, pair_heatmaps, read_heatmaps
from trainer.finetune.pair_store import PairStore
from trainer.inference.load_run import LoadedRun, load_run
from trainer.noise.recorded import RECORDED
from trainer.runs import checkpoint
from trainer.runs.data_summary import store_hash
from trainer.runs.signals import Interrupt
from trainer.training.config import TrainConfig, open_stream
from trainer.training.train import CHECKPOINT_MINUTES, train
from trainer.training.warm_start import WarmStart, folder_name


@dataclass(frozen=True)
class PairFiles:
    """The files of pairs, and how their names are read.

    Attributes
    ----------
    pred, truth : files of keypoints of any format that ``predict`` reads.
    pred_heatmaps : instead of ``pred``, the detector's own heatmaps (``heatmap_file``).
    names_map, truth_map : files that map the detections' or the truth's keypoint names to ours.
    format, truth_format : of the two files; None finds them out.
    skeleton, truth_skeleton : name the keypoints of files that don't.
    min_score : keypoints with a lower score count as missed.
    """

    pred: Path | None
    truth: Path
    pred_heatmaps: Path | None = None
    names_map: Path | None = None
    truth_map: Path | None = None
    format: str | None = None
    truth_format: str | None = None
    skeleton: str | None = None
    truth_skeleton: str | None = None
    min_score: float | None = None

    @property
    def detections(self) -> Path:
        """The detector's output, whichever it is.

        Raises
        ------
        InvalidInputError : both, or none of the two.
        """
        given = [path for path in (self.pred, self.pred_heatmaps) if path is not None]
        if len(given) != 1:
            raise InvalidInputError(
                "give the detector's output by --pred or --pred-heatmaps, one of them"
            )
        return given[0]


@dataclass(frozen=True)
class Prepared:
    """All that is decided before the first step.

    Attributes
    ----------
    config : of the finetuning.
    store : the pairs, split.
    start : the pretrained model, and what is tested next to it.
    warnings : what was assumed or left out, a sentence each.
    """

    config: TrainConfig
    store: PairStore
    start: WarmStart
    warnings: tuple[str, ...]

    @property
    def folder_name(self) -> str:
        """The name of the run's folder."""
        return folder_name(self.config, self.start)

    @property
    def split_summary(self) -> str:
        """The number of videos and windows of each split, in a line."""
        of_clip = self.store.clips["split"].tolist()
        windows = self.start.metadata["pairs"]["windows"]
        parts = [f"{s} {of_clip.count(s)} videos, {windows[s]:,} windows" for s in SPLITS]
        return "; ".join(parts)


def prepare(
    run: Path,
    files: PairFiles,
    *,
    extra: Store | None = None,
    device: str = "auto",
    missing_torso: str | None = None,
    **chosen: Any,
) -> Prepared:
    """Read everything and split it by video.

    Parameters
    ----------
    run : the folder of a finished run; its best epoch is gone on from.
    extra : a store whose training windows, with the noise that the run was trained on, are trained
        on in turn with the pairs.
    missing_torso : None is the run's.
    chosen : ``seed``, ``learning_rate``, ``max_epochs``, and others of ``TrainConfig``.

    Raises
    ------
    InvalidInputError : a file can't be used, the two have nothing in common, or too few videos.
    RunError : the run is not finished, or damaged.
    """
    loaded = load_run(run, device)
    pairs, heatmaps, warnings = read_pairs(files, loaded)
    settings: dict[str, Any] = {
        "learning_rate": LEARNING_RATE,
        "max_epochs": MAX_EPOCHS,
        "max_steps": None,
        "schedule": "plateau",
        # What the detector does is in the pairs; what it would do with others is not.
        "noise": RECORDED,
        "mu_in_px": 0.0,
        "augment": "none",
        "targets": "auto",
        "missing_torso": missing_torso or loaded.config.missing_torso,
        **chosen,
    }
    config = replace(loaded.config, **settings)
    store = PairStore(
        pairs,
        loaded.step,
        config.seed,
        files.detections,
        expand=loaded.expand,
        keep_aspect=loaded.keep_aspect,
        heatmaps=heatmaps,
    )
    warnings = (*warnings, *_warnings_about(store, pairs, loaded))
    return Prepared(config, store, _start(loaded, config, store, files, extra), warnings)


def finetune(
    prepared: Prepared,
    runs: Path,
    *,
    resume: bool = True,
    replace: bool = False,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    interrupt: Interrupt | None = None,
) -> dict[str, Any]:
    """Train on the pairs and test, or continue where an earlier call was stopped; as ``train``.

    Returns
    -------
    What ``results.json`` holds; ``rows`` are of the finetuned model (under the model's name), of
    the pretrained one (``<model>-pretrained``) and of the classical smoothers, all on the test
    videos.
    """
    return train(
        prepared.config,
        prepared.store,
        runs,
        start=prepared.start,
        resume=resume,
        replace=replace,
        checkpoint_minutes=checkpoint_minutes,
        interrupt=interrupt,
    )


def read_pairs(
    files: PairFiles, loaded: LoadedRun
) -> tuple[Pairs, HeatmapPairs | None, tuple[str, ...]]:
    """Pairs, the detector's heatmaps if given, and warnings about them.

    Boxes are cut around the ground truth as the run's were; heatmaps have the detector's own.
    """
    real = read_poses(files.truth, format=files.truth_format, skeleton=files.truth_skeleton)
    of_real = mapping(real.names, files.truth_map)
    warnings = about("ground truth", (*real.warnings, *of_real.assumed))
    detections = files.detections
    if files.pred_heatmaps is not None:
        maps = read_heatmaps(detections)
        of_maps = mapping(maps.names, files.names_map)
        paired = pair_heatmaps(maps, real, of_maps, of_real, files.min_score, loaded.sigma_in_px)
        warnings += about("heatmaps", of_maps.assumed)
        return paired.pairs, paired, tuple(warnings)
    found = read_poses(detections, format=files.format, skeleton=files.skeleton)
    of_found = mapping(found.names, files.names_map)
    pairs = pair_up(
        found,
        real,
        of_found,
        of_real,
        files.min_score,
        expand=loaded.expand,
        keep_aspect=loaded.keep_aspect,
    )
    warnings += about("detections", (*found.warnings, *of_found.assumed))
    return pairs, None, (*warnings, *pairs.warnings)


def _warnings_about(store: PairStore, pairs: Pairs, loaded: LoadedRun) -> list[str]:
    warnings: list[str] = []
    unknown = _names(pairs.known & ~loaded.keypoints)
    if len(unknown) == pairs.known.sum():
        raise InvalidInputError(
            f"no keypoint that both files have is one that {loaded.name} was trained on: it knows "
            f"{', '.join(_names(loaded.keypoints))}"
        )
    if unknown:
        warnings.append(
            f"{loaded.name} was not trained on {', '.join(unknown)}: there the pretrained model "
            "guesses, and finetuning starts without training"
        )
    if n_without := pairs.counts["frames without a detection"]:
        warnings.append(f"{n_without} frames without any detection: windows end there")
    if store.n_unused:
        warnings.append(f"{store.n_unused} videos have no window of frames in a row: left out")
    n_videos = len(pairs.videos) - store.n_unused
    if n_videos < FEW_VIDEOS:
        warnings.append(
            Caution(f"only {n_videos} videos: the test's are too few to trust its numbers")
        )
    return warnings


def _names(keypoints: NDArray[np.bool_]) -> list[str]:
    return [name for name, is_in in zip(KEYPOINTS, keypoints.tolist(), strict=True) if is_in]


def _start(
    loaded: LoadedRun, config: TrainConfig, store: PairStore, files: PairFiles, extra: Store | None
) -> WarmStart:
    best_sha256 = sha256_file(loaded.folder / checkpoint.BEST)
    identity: dict[str, Any] = {
        "base_best_sha256": best_sha256,
        "pred_sha256": digest(files.detections),
        "truth_sha256": digest(files.truth),
    }
    stream = None
    if extra is not None:
        # A run that was finetuned before has no noise of its own to draw for a store.
        noise = "auto" if loaded.config.noise == RECORDED else loaded.config.noise
        before = replace(loaded.config, seed=config.seed, noise=noise)
        stream = open_stream(before, extra, "train")
        identity["beside_store_sha256"] = store_hash(extra)
    pairs = {split: len(store.windows(split, loaded.step)) for split in SPLITS}
    return WarmStart(
        weights=loaded.model.state_dict(),
        identity=identity,
        metadata={
            "base": {"path": str(loaded.folder.resolve()), "experiment": config.experiment},
            "pairs": {"pred": files.detections.name, "truth": files.truth.name, "windows": pairs},
        },
        references=lambda: _fitted(config, store),
        extra_stream=stream,
    )


def _fitted(config: TrainConfig, store: PairStore) -> Mapping[str, Smooth]:
    """Every classical smoother, fitted on the training pairs and tuned on the validation pairs."""
    of = BaselinesConfig(config.experiment, config.seed, missing_torso=config.missing_torso)
    train_part, val = (read_positions(of, store, split) for split in ("train", "val"))
    fitted = fit_and_tune(
        (train_part.noisy, train_part.truth), (val.noisy, val.truth), None, config.missing_torso
    )
    return {name: smooth for name, (smooth, _) in fitted.items()}
