"""How well can it be done at all? Learning curves of a model over its training clips, extrapolated.

    python -m benchmarks.limit STORE --exp 1.1 --steps 3000 --out benchmarks/results/limit.csv

Trains the model for the same number of steps on nested random shares of the training clips and
judges each on all validation windows. To each measure a curve ``limit - b * n ** -c`` over the
number n of clips is fitted, for every c that is plausible; what they say at infinity, over all c
and over a bootstrap of the validation videos, is the span of the limit: of this noise, window and
family of models, with as many clips as one likes. Curves that end beyond what a measure can be are
left out. What a larger or longer-trained model would add is not in it. Resumable: shares that are
in the CSV are not trained again.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pose_smoother.seeds import rng
from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.data.stream import WindowStream
from trainer.evaluation.evaluate import evaluate
from trainer.metrics.bootstrap import interval
from trainer.metrics.scores import Scores, value
from trainer.models import model_module
from trainer.training.config import TrainConfig, open_stream, train_config
from trainer.training.loop import new_model
from trainer.training.losses import batch_loss_of
from trainer.training.schedule import new_schedule
from trainer.training.step import Stepper, make_optimizer

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
#: Exponents of learning curves as found in practice (Hestness et al. 2017, "Deep learning scaling
#: is predictable, empirically": 0.07 to 0.5 for losses).
EXPONENTS = np.linspace(0.1, 1.0, 19)
METRICS: tuple[tuple[str, float | None], ...] = (
    ("pck", 0.05),
    ("pck", 0.1),
    ("pck", 0.2),
    ("error_px", None),
)
COLUMNS = ("experiment", "model", "steps", "n_clips", "metric", "alpha", "value", "low", "high")
_CLIP_ORDER = 99  # purpose of the random stream that picks clips


def restrict(stream: WindowStream, share: float, seed: int) -> int:
    """Leave a share of the clips in a training stream; how many they are.

    Smaller shares are parts of larger ones.
    """
    frames = stream.frames
    owner = frames.clip[frames.windows]
    clips = owner.unique().cpu().numpy()
    order = rng(seed, _CLIP_ORDER).permutation(len(clips))
    kept = torch.from_numpy(clips[order[: max(1, round(share * len(clips)))]])
    windows = frames.windows[torch.isin(owner.cpu(), kept).to(owner.device)]
    stream.frames = replace(frames, windows=windows)
    stream.n_windows = len(windows)
    stream.n_batches = -(-len(windows) // stream.batch_size)
    return len(kept)


def train_on(
    config: TrainConfig, store: Store, share: float, n_steps: int
) -> tuple[torch.nn.Module, int]:
    """A model trained on a share of the clips, and how many clips those were."""
    stream = open_stream(config, store, "train")
    n_clips = restrict(stream, share, config.seed)
    model = new_model(config)
    optimizer = make_optimizer(model, config.learning_rate)
    schedule = new_schedule(config.schedule, config.learning_rate, n_steps)
    loss = batch_loss_of(config.loss, model_module(config.model))
    done, epoch = 0, 0
    model.train()
    with tqdm(total=n_steps, desc=f"{n_clips} clips", unit="step", disable=None) as bar:
        while done < n_steps:
            epoch += 1
            precision = config.resolved_precision
            stepper = Stepper(
                model, optimizer, loss, seed=config.seed, epoch=epoch, precision=precision
            )
            for index, batch in enumerate(stream.epoch(epoch)):
                if done == n_steps:
                    break
                for group in optimizer.param_groups:
                    group["lr"] = schedule.rate(done)
                stepper.step(batch, index)
                done += 1
                bar.update()
    return model, n_clips


def limits(n_clips: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The limit that each exponent's least-squares curve ``limit - b n^-c`` has at infinity.

    Parameters
    ----------
    n_clips : float64 (S,).
    values : float64 (S, R), R resamples of a measure.

    Returns
    -------
    float64 (exponents that fit, R): those whose residual is at most twice the best one's.
    """
    found, residual = [], []
    for c in EXPONENTS:
        basis = np.stack([np.ones_like(n_clips), n_clips**-c], axis=1)
        weights, *_ = np.linalg.lstsq(basis, values, rcond=None)
        found.append(weights[0])
        residual.append(np.square(basis @ weights - values).sum())
    fits = np.array(residual) <= 2 * min(residual)
    return np.array(found)[fits]


def _rows(
    config: TrainConfig, n_steps: int, n_clips: int, scores: Scores, videos: NDArray[np.str_]
) -> list[tuple[object, ...]]:
    about = (config.experiment, config.model, n_steps, n_clips)
    rows: list[tuple[object, ...]] = []
    for metric, alpha in METRICS:
        span = interval(scores, videos, metric, alpha)
        rows.append((*about, metric, alpha, value(scores, metric, alpha), span.low, span.high))
    return rows


def _tell(rows: list[dict[str, str]]) -> None:
    for metric, alpha in METRICS:
        mine = [r for r in rows if r["metric"] == metric and r["alpha"] == str(alpha or "")]
        mine.sort(key=lambda r: int(r["n_clips"]))
        if len(mine) < 3:
            continue
        n = np.array([float(r["n_clips"]) for r in mine])
        # the largest share's interval stands for the sampling of videos: shares share the videos
        centre = np.array([float(r["value"]) for r in mine])
        spread = (float(mine[-1]["high"]) - float(mine[-1]["low"])) / 2
        ends = limits(n, centre[:, None])[:, 0]
        ends = ends[(ends >= 0) & ((metric != "pck") | (ends <= 100))]
        name = metric if alpha is None else f"{metric}@{alpha}"
        print(
            f"{name}: {centre[-1]:.2f} with {n[-1]:.0f} clips; limit {np.median(ends):.2f}, by "
            f"curve {ends.min():.2f} ... {ends.max():.2f}, videos +- {spread:.2f}"
        )


def main() -> None:
    """Train what is missing from the CSV, then print the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--exp", default="1.1")
    parser.add_argument("--model", default="resmlp")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    config = train_config(args.model, args.exp, seed=args.seed)
    rows = list(csv.DictReader(args.out.open())) if args.out.exists() else []
    torch.set_num_threads(1)
    with open_store(args.store) as store:
        for share in SHARES:
            stream = open_stream(config, store, "train")
            n_clips = restrict(stream, share, config.seed)
            if any(_is_of(r, args) and r["n_clips"] == str(n_clips) for r in rows):
                continue
            model, _ = train_on(config, store, share, args.steps)
            val = open_stream(config, store, "val")
            loss = batch_loss_of(config.loss, model_module(config.model))
            scores = evaluate(model, val, loss, config.missing_torso).scores
            for row in _rows(config, args.steps, n_clips, scores, store.clips["video"]):
                texts = ("" if cell is None else str(cell) for cell in row)
                rows.append(dict(zip(COLUMNS, texts, strict=True)))
            with args.out.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
    _tell([r for r in rows if _is_of(r, args)])


def _is_of(row: dict[str, str], args: argparse.Namespace) -> bool:
    """Whether a row is of the curve that is asked for."""
    asked = {"experiment": args.exp, "model": args.model, "steps": str(args.steps)}
    return all(row[name] == value for name, value in asked.items())


if __name__ == "__main__":
    main()
