"""How well streamed training windows are mixed, by the shuffle's pool, beside a uniform shuffle.

    python -m benchmarks.shuffle --store STORE --out benchmarks/results/shuffle.csv

Counted: pairs of windows less than 5 frames apart in a batch of 16 (of its 120 pairs), in three
epochs; on STORE's training windows, and on as many as the thesis has, end to end. No timings.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.seeds import TRAIN_ORDER, rng
from pose_smoother.store.names import WINDOW_FRAMES
from pose_smoother.store.open import open_store
from trainer.data.stored.shuffle import plan_shuffled
from trainer.data.stream import BLOCK_FRAMES, POOL_FRAMES

BATCH = 16
FULL_SIZE = 207_072
EPOCHS = 3
POOLS = (0, 256, 2_048, 4_096, 8_192, POOL_FRAMES, 32_768, 65_536)
COLUMNS = ("windows_of", "n_windows", "pool_frames", "near_pairs_a_batch", "epochs")


def near_pairs(firsts: NDArray[np.int64]) -> float:
    """Pairs of windows less than 5 frames apart in a batch, on average."""
    batches = firsts[: len(firsts) // BATCH * BATCH].reshape(-1, BATCH)
    near = np.abs(batches[:, :, None] - batches[:, None, :]) < WINDOW_FRAMES
    return float((near.sum() - batches.size) / 2 / len(batches))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="CSV file [print]")
    args = parser.parse_args()
    with open_store(args.store) as store:
        of = {"the store": store.windows("train", 1), "full size": np.arange(FULL_SIZE)}
    rows = []
    for name, windows in of.items():
        orders = {
            "uniform": [rng(0, TRAIN_ORDER, e).permutation(len(windows)) for e in range(EPOCHS)]
        }
        for pool in POOLS:
            plans = (plan_shuffled(windows, BLOCK_FRAMES, pool, 0, e) for e in range(EPOCHS))
            orders[str(pool)] = [plan.order for plan in plans]
        for pool, some in orders.items():
            pairs = np.mean([near_pairs(windows[order]) for order in some])
            rows.append((name, len(windows), pool, f"{pairs:.4f}", EPOCHS))
    file = args.out.open("w", newline="") if args.out else sys.stdout
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)


if __name__ == "__main__":
    main()
