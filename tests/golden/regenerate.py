"""Write the golden file again: python -m tests.golden.regenerate

Only when a change of these numbers is meant: they make old runs and stores comparable with new
ones. Say in the changelog that results of earlier versions can't be repeated.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.splits import split_groups
from pose_smoother import seeds
from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap
from pose_smoother.heatmap import render
from pose_smoother.store.names import SPLITS
from trainer.experiments import EXPERIMENTS
from trainer.noise.gaussian import NoiseConfig, noisy_input

GOLDEN = Path(__file__).with_name("golden.json")


def noise(k: float, sigmas: tuple[float, ...]) -> dict[str, Any]:
    """Noise of three windows, two frames and four keypoints, all starting at (28, 28)."""
    keypoints = torch.full((3, 2, 4, 2), 28, dtype=torch.int64)
    annotated = torch.ones(3, 2, 4, dtype=torch.bool)
    window = torch.tensor([0, 7, 123_456])
    config = NoiseConfig(k, sigmas)
    positions, sigma = noisy_input(keypoints, annotated, window, config, 3, seeds.TEST_NOISE, 0)
    return {"positions": positions.tolist(), "sigma_index": sigma.tolist()}


def numbers() -> dict[str, Any]:
    """Everything that must stay the same from version to version."""
    rng = np.random.default_rng(11)
    keypoints = rng.uniform(0, 400, (4, 25, 2))
    keypoints[rng.random((4, 25)) < 0.3] = np.nan
    boxes, _ = boxes_around(keypoints)
    pixels = nearest_pixel(to_heatmap(keypoints, boxes))
    corner = render(np.array([[0, 0], [3, 53]]), np.ones(2, bool))
    groups = [f"video{i // 2}" for i in range(40)]
    return {
        "noise": {e.name: noise(e.k, e.sigma_in_px) for e in EXPERIMENTS},
        "pixels": pixels.tolist(),
        "heatmap_values": [round(float(v), 4) for v in (corner[0, 0, 0], corner[1, 53, 3])],
        "splits": [SPLITS[i] for i in split_groups(groups, range(40), ["brace"] * 40, seed=5)],
        "window_order": seeds.rng(0, seeds.WINDOW_ORDER, 1, 0).permutation(12).tolist(),
        "train_order": seeds.rng(0, seeds.TRAIN_ORDER, 1).permutation(12).tolist(),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(numbers(), indent=1) + "\n")
    print(f"wrote {GOLDEN}")
