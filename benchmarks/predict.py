"""What `trainer predict` does for a detector's output, on real Penn Action clips.

    python -m benchmarks.predict --store STORE --labels LABELS --runs RUN... --out FOLDER

Clips of the store's test split, which nothing was trained or tuned on, are noised in source pixels
as by a detector: errors correlated over time, outliers, missed keypoints. Every smoother of the
results table and every run given smooths them; ``predict.csv`` has a row for each, scored in
heatmap pixels of the ground truth's boxes, as the results table is. ``predict_formats.csv`` has a
row for each file format: the clips are written, predicted, read back, and compared.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.pose_files import NAMES, WRITERS, changed_fields
from pipeline.sources import Item, penn_action
from pose_smoother import seeds
from pose_smoother.boxes import boxes_around, to_heatmap
from pose_smoother.filters import table_filters
from pose_smoother.poses.formats import read_poses
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.poses.tracks import Poses, Track
from pose_smoother.skeleton import INDEX, N_KEYPOINTS, TORSO_SIDES
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.store.open import open_store
from trainer.calibrate.simulate import simulate
from trainer.inference.classical import FitData, linear_estimator, parameters, tuned
from trainer.inference.load_run import load_run
from trainer.inference.predict import Method, predict, smooth_tracks
from trainer.metrics.ground_truth import GroundTruth
from trainer.metrics.scorer import ALPHAS, Scorer
from trainer.metrics.scores import value
from trainer.noise.noise_file import PAIRS, DetectorNoise, KeypointNoise
from trainer.runs.results_io import write_csv

Floats = NDArray[np.float64]

_UNITS_PER_TORSO = 100.0
_CORRELATION = 0.6  # of a keypoint's error from one frame to the next
_OUTLIERS, _OUTLIER_TORSOS = 0.02, 0.5
_MISSING = 0.03
_COLUMNS = (
    *("noise_torso", "smoother", *(f"pck_{alpha}" for alpha in ALPHAS)),
    *("error_px", "error_source_px", "acceleration_error_px", "lag_frames"),
    *("n", "frames_per_s", "frames_per_cpu_s"),
)
_FORMAT_COLUMNS = (
    *("format", "smoother", "clips", "frames", "changed_fields", "largest_difference_px"),
    *("pck_0.2_read_back", "pck_0.2_in_memory", "frames_per_s"),
)


@dataclass(frozen=True)
class Clip:
    """One clip: ground truth and detections, float64 (n, 25, 2) source pixels, NaN: missing."""

    id: str
    frame: NDArray[np.int64]
    truth: Floats
    noisy: Floats


def read_clips(store: Path, labels: Path, split: str, at_most: int | None) -> Iterator[Clip]:
    """The ground truth of a split's clips, in the order of the store's table; not noised yet."""
    with open_store(store) as opened:
        table = opened.clips
    ids = [i for i, of in zip(table["id"], table["split"], strict=True) if of == split]
    for name in ids[:at_most]:
        (clip,) = penn_action.parse(Item(name, (labels / f"{name}.mat").read_bytes()))
        yield Clip(name, clip.frames.astype(np.int64), clip.keypoints, clip.keypoints)


def detected(clips: Sequence[Clip], noise_torso: float, seed: int) -> list[Clip]:
    """The clips as a detector gives them, whose errors are ``noise_torso`` of the torso."""
    spread = noise_torso * _UNITS_PER_TORSO
    wide = _OUTLIER_TORSOS * _UNITS_PER_TORSO
    row = KeypointNoise(
        (0.0, 0.0), (spread, spread), _OUTLIERS, (wide, wide), _MISSING, _CORRELATION
    )
    noise = DetectorNoise((row,) * N_KEYPOINTS, (0.0,) * len(PAIRS), (1.0,), (1.0,))
    out = []
    for i, clip in enumerate(clips):
        unit = torso_px(clip.truth) / _UNITS_PER_TORSO
        follows = np.diff(clip.frame, prepend=clip.frame[0] - 1) == 1
        drawn = simulate(clip.truth / unit, follows, noise, seeds.rng(seed, seeds.TEST_NOISE, 0, i))
        out.append(Clip(clip.id, clip.frame, clip.truth, drawn * unit))
    return out


def torso_px(truth: Floats) -> float:
    """A clip's median shoulder-hip distance; a third of the box's diagonal where none is seen."""
    sides = [np.linalg.norm(truth[:, a] - truth[:, b], axis=-1) for a, b in TORSO_SIDES]
    lengths = np.concatenate(sides)
    if np.isfinite(lengths).any():
        return float(np.nanmedian(lengths))
    boxes, _ = boxes_around(truth)
    return float(np.nanmedian(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)) / 3)


def as_poses(clips: Sequence[Clip]) -> Poses:
    """The detections as a file with the 13 keypoints would be read."""
    columns = [INDEX[name] for name in NAMES]
    tracks = [
        Track(c.id, c.id, "", c.frame, c.noisy[:, columns], np.full((len(c.frame), 13), np.nan))
        for c in clips
    ]
    return Poses(NAMES, tuple(tracks), (), None)


def judged(clips: Sequence[Clip], found: Sequence[Floats]) -> dict[str, float]:
    """Scores of (n, 13, 2) keypoints where a keypoint is annotated and was detected."""
    scorer, distances = Scorer(1), []
    columns = [INDEX[name] for name in NAMES]
    for clip, keypoints in zip(clips, found, strict=True):
        full = np.full_like(clip.truth, np.nan)
        full[:, columns] = keypoints
        boxes, _ = boxes_around(clip.truth)
        scored = np.isfinite(clip.truth[..., 0]) & np.isfinite(clip.noisy[..., 0])
        scored &= np.isfinite(boxes[:, :1])
        scorer.update(
            torch.from_numpy(np.nan_to_num(to_heatmap(full, boxes)))[None],
            GroundTruth(
                torch.from_numpy(np.nan_to_num(to_heatmap(clip.truth, boxes)))[None],
                torch.from_numpy(scored)[None],
            ),
            torch.zeros(1, dtype=torch.int64),
        )
        distances.append(np.linalg.norm(full - clip.truth, axis=-1)[scored])
    scores = scorer.scores()
    return {
        **{f"pck_{alpha}": round(value(scores, "pck", alpha), 2) for alpha in ALPHAS},
        "error_px": round(value(scores, "error_px"), 3),
        "error_source_px": round(float(np.concatenate(distances).mean()), 3),
        "acceleration_error_px": round(value(scores, "acceleration_error_px"), 3),
        "lag_frames": round(value(scores, "lag_frames"), 3),
        "n": sum(map(len, distances)),
    }


def timed(
    smoother: Method, poses: Poses, repeats: int
) -> tuple[list[Floats], dict[str, int | None]]:
    """What a smoother gives, and its median frames a second of the clock and of CPU time."""
    found, rates = [], []
    n_frames = sum(len(track.frame) for track in poses.tracks)
    for _ in range(repeats):
        start = np.array([time.perf_counter(), time.process_time()])
        found = smooth_tracks(poses, smoother)
        rates.append(n_frames / (np.array([time.perf_counter(), time.process_time()]) - start))
    by_clock, by_cpu = np.median(rates, axis=0)
    return found, {"frames_per_s": round(by_clock), "frames_per_cpu_s": round(by_cpu)}


def accuracy_rows(
    truth: Sequence[Clip],
    smoothers: Sequence[Method],
    options: argparse.Namespace,
) -> Iterator[dict[str, object]]:
    """A row for raw detections and each smoother, at each noise."""
    for i, noise in enumerate(options.noise):
        clips = detected(truth, noise, options.seed)
        poses = as_poses(clips)
        raw = [track.keypoints for track in poses.tracks]
        untimed = dict.fromkeys(("frames_per_s", "frames_per_cpu_s"))
        yield {"noise_torso": noise, "smoother": "raw", **judged(clips, raw), **untimed}
        for smoother in smoothers:
            found, rates = timed(smoother, poses, options.repeats if i == 0 else 1)
            row = {"noise_torso": noise, "smoother": smoother.name, **judged(clips, found)}
            yield {**row, **(rates if i == 0 else untimed)}


def format_rows(clips: Sequence[Clip], smoother: Method) -> Iterator[dict[str, object]]:
    """A row for each format: its files predicted and read back, beside the same in memory."""
    poses = as_poses(clips)
    expected = smooth_tracks(poses, smoother)
    n_frames = sum(len(clip.frame) for clip in clips)
    for name, (ending, write) in WRITERS.items():
        changed, largest, found, seconds = 0, 0.0, [], 0.0
        with tempfile.TemporaryDirectory() as folder:
            for clip, track, want in zip(clips, poses.tracks, expected, strict=True):
                before, after = (Path(folder) / f"{w}{clip.id}{ending}" for w in ("in", "out"))
                score = np.random.default_rng(1).uniform(0.1, 1, track.score.shape).round(3)
                write(before, clip.id, clip.frame, track.keypoints, score)
                start = time.perf_counter()
                predict(before, after, smoother, format=name)
                seconds += time.perf_counter() - start
                changed += len(changed_fields(name, before, after))
                again = read_back(after, name)
                found.append(again)
                largest = max(largest, float(np.nanmax(np.abs(again - want), initial=0.0)))
                if not np.array_equal(np.isnan(again), np.isnan(want)):
                    changed += 1
        yield {
            "format": name,
            "smoother": smoother.name,
            "clips": len(clips),
            "frames": n_frames,
            "changed_fields": changed,
            "largest_difference_px": float(f"{largest:.2g}"),
            "pck_0.2_read_back": judged(clips, found)["pck_0.2"],
            "pck_0.2_in_memory": judged(clips, expected)["pck_0.2"],
            "frames_per_s": round(n_frames / seconds),
        }


def read_back(path: Path, format: str) -> Floats:
    """The one track of a file, float64 (n, 13, 2) in the order of ``NAMES``."""
    poses = read_poses(path, format=format)
    (track,) = poses.tracks
    index = mapping(poses.names).index
    return track.keypoints[:, index[[INDEX[name] for name in NAMES]]]


def smoothers_for(options: argparse.Namespace) -> list[Method]:
    """Every classical smoother, then the runs given."""
    found: list[Method] = []
    with open_store(options.store) as store:
        for name, module in table_filters().items():
            baselines = options.baselines if module.PARAMETERS else None
            if name == "lmmse":
                chosen = parameters(name, baselines)
                found.append(linear_estimator(chosen, FitData(store, options.exp)))
            else:
                found.append(make_chain(name, tuned(name, baselines)))
    return found + [load_run(run).smoother() for run in options.runs]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True, help="whose test clips are used")
    parser.add_argument("--labels", type=Path, required=True, help="Penn Action's labels folder")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="trained runs")
    parser.add_argument("--baselines", type=Path, help="tuned parameters of the smoothers")
    parser.add_argument("--exp", default="1.1", help="what lmmse is fitted on")
    parser.add_argument("--noise", type=float, nargs="*", default=[0.05, 0.1, 0.16])
    parser.add_argument("--clips", type=int, help="at most; all of the split")
    parser.add_argument("--format-clips", type=int, default=6, help="clips a format")
    parser.add_argument("--repeats", type=int, default=3, help="timings, at the first noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the two CSV files")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    truth = list(read_clips(options.store, options.labels, "test", options.clips))
    smoothers = smoothers_for(options)
    n_rows = len(options.noise) * (1 + len(smoothers))
    rows = _shown(accuracy_rows(truth, smoothers, options), n_rows, _COLUMNS)
    clips = detected(truth[: options.format_clips], options.noise[-1], options.seed)
    told = _shown(format_rows(clips, smoothers[-1]), len(WRITERS), _FORMAT_COLUMNS)
    if options.out:
        write_csv(options.out / "predict.csv", _COLUMNS, rows)
        write_csv(options.out / "predict_formats.csv", _FORMAT_COLUMNS, told)


def _shown(
    rows: Iterator[dict[str, object]], n_rows: int, columns: Sequence[str]
) -> list[dict[str, object]]:
    """Rows, printed as they come."""
    tqdm.write("  ".join(columns))
    kept = []
    for row in tqdm(rows, total=n_rows, unit="row", disable=None):
        tqdm.write("  ".join(f"{row[column]}" for column in columns))
        kept.append(row)
    return kept


if __name__ == "__main__":
    main()
