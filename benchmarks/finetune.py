"""What `trainer finetune` brings for a detector that errs otherwise than a run was trained for.

    python -m benchmarks.finetune --store STORE --labels LABELS --run RUN --out FILE.csv

Clips of the store's test split, which the run was not trained or tuned on, are the truth. Two
detectors are simulated in source pixels, both with correlated errors, outliers and missed
keypoints; the second also places every keypoint off, each in its own direction, as one does that
was trained on other annotations. Each is written as CSV with its truth, and the run is finetuned on
the two files: alone, and for the second also in turn with the store's own training windows
(`--store`). A row tells of one model on the clips held out; of networks also of the run's own noise
on the store's validation windows, which tells what was forgotten.
"""

import argparse
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.predict import Clip, detected, read_clips, torso_px
from pose_smoother.skeleton import INDEX
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.retest import run_config
from trainer.finetune.run import PairFiles, finetune, prepare
from trainer.metrics.scores import value
from trainer.models import model_module
from trainer.runs import checkpoint
from trainer.runs.results_io import write_csv
from trainer.training.config import TrainConfig, open_stream
from trainer.training.loop import new_model
from trainer.training.losses import batch_loss_of
from trainer.training.warm_start import BEFORE

_METRICS = (("pck", 0.05), ("pck", 0.1), ("pck", 0.2), ("error_px", None))
_COLUMNS = (
    *("detector", "model", "pck_0.05", "pck_0.1", "pck_0.2", "error_px", "n"),
    *("error_px_on_synthetic_noise", "epochs", "best_epoch"),
)
_OFF_TORSO = 0.12  # how far the biased detector places keypoints


def biased(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """The detections, each keypoint off by a share of the torso in a direction of its own."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(INDEX))
    off = _OFF_TORSO * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return [replace(clip, noisy=clip.noisy + torso_px(clip.truth) * off) for clip in clips]


def write_long(path: Path, clips: Sequence[Clip], which: str) -> None:
    """Write the clips' ``truth`` or ``noisy`` as a long CSV file."""
    rows: list[dict[str, Any]] = []
    for clip in clips:
        keypoints = getattr(clip, which)
        for frame, pose in zip(clip.frame.tolist(), keypoints, strict=True):
            for name, column in INDEX.items():
                x, y = pose[column].tolist()
                if np.isfinite(x):
                    where = {"video": f"clip{clip.id}", "frame": frame, "keypoint": name}
                    rows.append({**where, "x": x, "y": y})
    write_csv(path, ("video", "frame", "keypoint", "x", "y"), rows)


def on_synthetic_noise(config: TrainConfig, store: Store, weights: dict[str, Any]) -> float:
    """Mean error in px on the store's validation windows, with the run's own noise."""
    model = new_model(config)
    model.load_state_dict(weights)
    loss = batch_loss_of(config.loss, model_module(config.model))
    stream = open_stream(replace(config, batch_size=512), store, "val")
    judged = evaluate(model, stream, loss, config.missing_torso)
    return value(judged.scores, "error_px")


def rows_of(
    detector: str,
    clips: Sequence[Clip],
    store: Store,
    options: argparse.Namespace,
    *,
    with_store: bool,
) -> Iterator[dict[str, object]]:
    """The rows of one detector."""
    config, _ = run_config(options.run, "cpu")
    before = checkpoint.read_checkpoint(options.run / checkpoint.BEST)["model"]
    synthetic = {f"{config.model}{BEFORE}": on_synthetic_noise(config, store, before)}
    with tempfile.TemporaryDirectory() as folder:
        files = PairFiles(Path(folder) / "pred.csv", Path(folder) / "truth.csv")
        write_long(files.pred, clips, "noisy")
        write_long(files.truth, clips, "truth")
        ways = {" finetuned": None} | ({" finetuned, --store": store} if with_store else {})
        for suffix, beside in ways.items():
            chosen = {"device": "cpu", "max_epochs": options.max_epochs}
            prepared = prepare(options.run, files, beside=beside, **chosen)
            runs = Path(folder) / suffix.strip()
            found = finetune(prepared, runs)
            print(f"{detector}: {prepared.split_told}", flush=True)
            after = checkpoint.read_checkpoint(runs / prepared.folder_name / checkpoint.BEST)
            name = config.model + suffix
            synthetic[name] = on_synthetic_noise(config, store, after["model"])
            epochs = {"epochs": found["n_epochs"], "best_epoch": found["best_epoch"]}
            rows = [
                {**r, "model": name} if r["model"] == config.model else r for r in found["rows"]
            ]
            for row in table(detector, rows):
                if row["model"] == name:
                    yield {**row, "error_px_on_synthetic_noise": synthetic[name], **epochs}
                elif beside is None:
                    yield {**row, "error_px_on_synthetic_noise": synthetic.get(row["model"])}


def table(detector: str, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tidy rows of totals as one row a model."""
    whole = [r for r in rows if r["dataset"] == r["keypoint"] == "all"]
    for model in dict.fromkeys(row["model"] for row in whole):
        of = {(r["metric"], r["alpha"]): r for r in whole if r["model"] == model}
        cells = {
            metric if alpha is None else f"{metric}_{alpha}": of[metric, alpha]["value"]
            for metric, alpha in _METRICS
        }
        n = of["error_px", None]["n"]
        yield {**dict.fromkeys(_COLUMNS), "detector": detector, "model": model, **cells, "n": n}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="the run's")
    parser.add_argument("--labels", type=Path, required=True, help="Penn Action's labels folder")
    parser.add_argument("--run", type=Path, required=True, help="a finished run on that store")
    parser.add_argument("--clips", type=int, default=40, help="at most (default 40)")
    parser.add_argument("--noise", type=float, default=0.08, help="spread, in torsos")
    parser.add_argument("--max-epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="CSV file to write besides printing")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    truth = list(read_clips(options.store, options.labels, "test", options.clips))
    plain = detected(truth, options.noise, options.seed)
    rows = []
    with open_store(options.store) as store:
        for name, clips, with_store in (
            ("jittery and off", biased(plain, options.seed), True),
            ("jittery", plain, False),
        ):
            for row in rows_of(name, clips, store, options, with_store=with_store):
                cells = [f"{v:.3f}" if isinstance(v, float) else v for v in row.values()]
                print("  ".join(str("" if cell is None else cell) for cell in cells), flush=True)
                rows.append({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
    if options.out:
        write_csv(options.out, _COLUMNS, rows)


if __name__ == "__main__":
    main()
