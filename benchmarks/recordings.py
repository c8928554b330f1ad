"""Smoothers on real recordings with an independent reference: error, fast error, jitter, intervals.

    python -m benchmarks.recordings FOLDER --out recordings.csv

FOLDER holds the recordings (``*.npz``: keypoints, scores, fps, reference) and their ``score.py``,
whose measures are used; neither is part of this repository. Error and fast error are ratios to the
raw detections, jitter is one to the reference's. A row for each recording and method; the geometric
means are printed. ``--half a`` takes every second recording, to choose on; ``b`` the others.

Fast error takes the running median of the raw residual for slow bias that nobody can see. In a
burst of more than 15 frames that median is the burst, so putting it back counts as an error.
``fast_near`` has the median of the points that are within half a body of the reference instead.
"""

import argparse
import csv
import importlib.util
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import pose_smoother as ps
from pose_smoother.pretrained import smooth_pretrained
from pose_smoother.pretrained.features import body_size
from trainer.runs.results_io import write_csv

Floats = NDArray[np.float64]
Method = Callable[[Floats, Floats, list[str]], Floats]

FILTERS = ("gaussian", "median", "savgol", "kalman", "hampel,kalman", "median,kalman", "gcv-spline")
DELAYS = (0, 1, 2, 4, 8)
#: Recordings whose reference is motion capture or rendered: only there jitter is known.
EXACT = ("vicon", "avatar")
ANIMALS = ("eks", "sleap")
BOOTSTRAPS = 2000
RATIOS = ("error", "fast", "jitter", "fast_near")


def methods(runs: Sequence[Path] = ()) -> dict[str, Method]:
    """Every smoother by name; none sees the reference. Runs know people alone, by their names."""
    found: dict[str, Method] = {"auto": lambda xy, s, _: ps.smooth(xy, scores=s)}
    for name in FILTERS:
        found[name] = lambda xy, s, _, name=name: ps.smooth(xy, name)
    for delay in DELAYS:
        found[f"auto, delay {delay}"] = lambda xy, s, _, d=delay: ps.smooth(
            xy, scores=s, delay_frames=d
        )
    for folder in runs:
        run = ps.load_run(folder)
        found[f"run {folder.name}"] = lambda xy, s, names, run=run: ps.smooth(
            xy, scores=s, names=names, run=run
        )
    return found


def measure(score: ModuleType, file: Path, chosen: Mapping[str, Method]) -> list[dict[str, Any]]:
    """The rows of one recording."""
    with np.load(file) as stored:
        raw = stored["keypoints"].astype(np.float64)
        scores, reference = stored["scores"].astype(np.float64), stored["reference"].astype(float)
        names = [str(name) for name in stored["names"]]
    base = score.measures(raw, raw, reference)
    both = scored(raw, reference)
    slow = bias_near(score, raw, reference, both)

    def fast_near(out: Floats) -> float:
        return float(np.linalg.norm(out - reference - slow, axis=-1)[both].mean())

    jitter = score.measures(reference, raw, reference)[2]
    if file.stem.startswith(ANIMALS):
        chosen = {name: chosen[name] for name in chosen if not name.startswith("run ")}
    outputs = {name: method(raw, scores, names) for name, method in chosen.items()}
    outputs["One-Euro, tuned with the reference"] = min(
        one_euro_outputs(raw), key=lambda out: score.measures(out, raw, reference)[1]
    )
    rows = []
    for name, out in outputs.items():
        error, fast, second = score.measures(out, raw, reference)
        ratios = {"error": error / base[0], "fast": fast / base[1], "jitter": second / jitter}
        ratios["fast_near"] = fast_near(out) / fast_near(raw)
        rows.append({"recording": file.stem, "method": name, **ratios})
    if "auto" in outputs:
        held = coverage(raw, scores, reference)
        rows[0].update({"held_50": held[0], "held_90": held[1]})
    return rows


def scored(raw: Floats, reference: Floats) -> NDArray[np.bool_]:
    """The points (T, K) that ``score.py`` counts: detected, and with a reference."""
    both = np.isfinite(raw).all(axis=-1) & np.isfinite(reference).all(axis=-1)
    both[:, both.sum(axis=0) <= 10] = False
    return both


def bias_near(score: ModuleType, raw: Floats, reference: Floats, both: NDArray[np.bool_]) -> Floats:
    """The slow bias (T, K, 2) of the points that are within half a body of the reference."""
    residual = np.where(both[..., None], raw - reference, np.nan)
    away = np.linalg.norm(residual - np.nanmedian(residual, 0, keepdims=True), axis=-1)
    near = away <= 0.5 * body_size(score.filled(raw).reshape(raw.shape))
    near[:, near.sum(0) <= 10] = True
    filled = score.filled(np.where(near[..., None], residual, np.nan))
    slow: Floats = score._median(filled, 31).reshape(raw.shape)
    return slow


def one_euro_outputs(raw: Floats) -> list[Floats]:
    """The One-Euro filter over a grid of its two parameters."""
    grid = itertools.product((0.01, 0.02, 0.05, 0.1, 0.2, 0.4), (0, 0.01, 0.03, 0.1, 0.3, 1.0))
    return [
        ps.smooth(raw, "one-euro", min_cutoff_per_frame=cutoff, beta_per_px=beta)
        for cutoff, beta in grid
    ]


def coverage(raw: Floats, scores: Floats, reference: Floats) -> tuple[float, float]:
    """Shares of points inside the intervals of 50 and 90 %, the keypoint's own offset removed."""
    smooth, info = smooth_pretrained(raw, scores)
    both = scored(raw, reference)
    residual = np.where(both[..., None], smooth - reference, np.nan)
    residual -= np.nanmean(residual, axis=0, keepdims=True)
    distance = np.linalg.norm(residual, axis=-1)[both]
    held_50, held_90 = (float((distance <= info.radius(p)[both]).mean()) for p in (0.5, 0.9))
    return held_50, held_90


def load_score(folder: Path) -> ModuleType:
    """The recordings' own ``score.py``."""
    spec = importlib.util.spec_from_file_location("score", folder / "score.py")
    assert spec is not None
    assert spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    return score


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Geometric means over recordings, with 95 % intervals from bootstraps, as lines of text."""
    lines = []
    rng = np.random.default_rng(0)
    for name in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == name]
        animal = np.array([row["recording"].startswith(ANIMALS) for row in own])
        exact = np.array([row["recording"].startswith(EXACT) for row in own])
        measured = [key for key in RATIOS if key in own[0]]
        logs = {key: np.log([row[key] for row in own]) for key in measured}
        parts = []
        groups = (("human", "error", ~animal), ("animal", "error", animal))
        everyone = animal | ~animal
        fast = [(key.replace("_", " "), key, everyone) for key in measured if "fast" in key]
        for label, key, use in (*groups, *fast):
            values = logs[key][use]
            if not len(values):
                continue
            means = values[rng.integers(len(values), size=(BOOTSTRAPS, len(values)))].mean(axis=1)
            low, high = np.exp(np.quantile(means, [0.025, 0.975]))
            parts.append(f"{label} {np.exp(values.mean()):.3f} ({low:.3f}-{high:.3f})")
        errors = np.exp(logs["error"])
        parts.append(f"jitter {np.exp(logs['jitter'][exact].mean()):.2f}")
        parts.append(f"worse {(errors > 1.005).sum()} of {len(errors)}, worst {errors.max():.3f}")
        if "held_50" in own[0]:
            held = [np.mean([row[f"held_{p}"] for row in own]) for p in (50, 90)]
            parts.append(f"intervals of 50 and 90 % hold {held[0]:.1%} and {held[1]:.1%}")
        lines.append(f"{name:36s} {'  '.join(parts)}")
    return lines


def main() -> None:
    """Measure, write the rows, print the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the recordings and their score.py")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--half", choices=("a", "b", "all"), default="all")
    parser.add_argument(
        "--only",
        action="append",
        help="a method; several times for several; other rows of --out stay",
    )
    parser.add_argument(
        "--run", action="append", type=Path, default=[], help="a trained run's folder, for people"
    )
    options = parser.parse_args()
    score = load_score(options.folder)
    files = sorted(options.folder.glob("*.npz"))
    files = {"a": files[::2], "b": files[1::2], "all": files}[options.half]
    known = methods(options.run)
    chosen = {name: known[name] for name in options.only or known}
    chosen |= {name: known[name] for name in known if name.startswith("run ")}
    rows = []
    for file in tqdm(files, unit="recording"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # score.py: keypoints never seen
            rows += measure(score, file, chosen)
    columns = ("recording", "method", *RATIOS, "held_50", "held_90")
    fresh = {(str(row["recording"]), str(row["method"])): row for row in rows}
    kept = []
    if options.only and options.out.exists():
        with options.out.open() as file:
            kept = list(csv.DictReader(file))
    table = [fresh.pop((row["recording"], row["method"]), row) for row in kept] + [*fresh.values()]
    write_csv(options.out, columns, [{key: row.get(key, "") for key in columns} for row in table])
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
