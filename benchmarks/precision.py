"""Whether PCK moves when a trained model computes in bfloat16 instead of float32.

    python -m benchmarks.precision --store STORE RUN ... --out benchmarks/results/precision.csv

Each run's best epoch predicts the same validation windows in both; goal: no more than 0.1 apart.
"""

import argparse
import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pose_smoother.store.open import open_store
from trainer.data.batch import Batch
from trainer.data.stream import WindowStream
from trainer.evaluation.evaluate import evaluate
from trainer.metrics.scorer import ALPHAS
from trainer.metrics.scores import pck, value
from trainer.models import model_module
from trainer.training.config import open_stream, run_config
from trainer.training.losses import batch_loss_of
from trainer.training.model_setup import best_model


class FirstBatches:
    """The first batches of a stream, as ``evaluate`` reads them."""

    def __init__(self, stream: WindowStream, n_batches: int) -> None:
        self._stream, self._n = stream, n_batches
        self.clip_count, self.device = stream.clip_count, stream.device
        self.consumes = stream.consumes
        self.n_windows = min(stream.n_windows, n_batches * stream.batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Batches in stored order, which is shuffled."""
        return islice(self._stream.epoch(epoch), self._n)


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    with open_store(args.store) as store:
        for run in args.runs:
            config, _ = run_config(run, "cpu")
            model, _ = best_model(run, config)
            for precision in ("float32", "bfloat16"):
                stream = FirstBatches(open_stream(config, store, "val"), args.batches)
                judged = evaluate(
                    model,
                    stream,  # type: ignore[arg-type]
                    batch_loss_of(config.loss, model_module(config.model)),
                    config.missing_torso,
                    precision=precision,
                )
                row: dict[str, object] = {"run": run.name, "windows": stream.n_windows}
                row |= {"precision": precision}
                row |= {f"pck_{alpha}": f"{pck(judged.scores, alpha):.3f}" for alpha in ALPHAS}
                row |= {"error_px": f"{value(judged.scores, 'error_px'):.4f}"}
                rows.append(row)
                print(row, flush=True)
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
