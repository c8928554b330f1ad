"""Linear interpolation between a window's first and last frame, from clean and from noisy ends.

    python -m benchmarks.clean_ends STORE --out benchmarks/results/clean_ends.csv

DeciWatch sees these two frames alone. What interpolation scores where both are the ground truth is
compared with the thesis's rows of DeciWatch (docs/results/deciwatch.md). Test windows of the store;
keypoints that both ends have.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.store.open import open_store
from pose_smoother.store.store import Store
from trainer.evaluation.baselines import BaselinesConfig, read_positions
from trainer.metrics.scorer import ALPHAS, score
from trainer.metrics.scores import pck, value

COLUMNS = (
    *("ends", "experiment", "pck_0.05", "pck_0.1", "pck_0.2", "error_px"),
    *("mean_threshold_px_0.2", "n"),
)
EXPERIMENTS = ("1.1", "1.3", "2.1", "2.3")


def interpolated(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every frame on the line between the first and the last one.

    Parameters
    ----------
    windows : float32 (N, T, K, 2); NaN in the result where an end is missing.
    """
    share = np.linspace(0, 1, windows.shape[1], dtype=np.float32)[:, None, None]
    line: NDArray[np.float32] = (1 - share) * windows[:, :1] + share * windows[:, -1:]
    return line


def row(store: Store, experiment: str, ends: str, missing_torso: str = "skip") -> dict[str, object]:
    """What interpolation scores on the test windows.

    Parameters
    ----------
    ends : "clean", the ground truth, or "noisy".
    """
    test = read_positions(BaselinesConfig(experiment), store, "test")
    found = interpolated(test.truth if ends == "clean" else test.noisy)
    truth = np.where(np.isfinite(found), test.truth, np.float32(np.nan))
    scores = score(np.nan_to_num(found), truth, test.clip, len(store.clips["id"]), missing_torso)
    return {
        "ends": ends,
        "experiment": experiment,
        **{f"pck_{alpha}": round(pck(scores, alpha), 2) for alpha in ALPHAS},
        "error_px": round(value(scores, "error_px"), 3),
        "mean_threshold_px_0.2": round(value(scores, "mean_threshold_px", 0.2), 2),
        "n": int(scores.sums["scored"][:, 0].sum()),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with open_store(options.store) as store:
        rows = [row(store, e, ends) for ends in ("clean", "noisy") for e in EXPERIMENTS]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
