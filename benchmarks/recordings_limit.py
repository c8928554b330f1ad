"""How far smoothing of real recordings can go: bounds that know the reference, beside ``auto``.

    python -m benchmarks.recordings_limit FOLDER --out recordings_limit.csv

FOLDER as for ``benchmarks.recordings``. A row for each recording and bound, as ratios to the raw
detections; the geometric means are printed. The bounds see the reference, so they are no smoothers:

wiener               the best linear filter of each keypoint that is the same at all times: it knows
                     the spectra of the recording's own reference motion and residual
wiener, no outliers  the same, and it knows which points are beyond 5 robust standard deviations:
                     they are interpolated, and in neither spectrum
wiener, fast         the same for what is fast: the slow part of the residual (its running median
                     over 31 frames) counts as motion
causal, fast         the same without delay: weights of a frame and the seven before it,
                     of each keypoint, fitted to what is fast
all that is fast     the slow part of the residual stays, all else is gone
auto                 the smoother that ships
auto, own noise      ``auto`` on the reference with the recording's own residuals, shifted by half
                     of the recording: the same noise, but independent of the motion
"""

import argparse
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

import pose_smoother as ps
from benchmarks.recordings import load_score, scored, summary
from trainer.runs.results_io import write_csv

Floats = NDArray[np.float64]

SPECTRUM_BINS = 2.0  # standard deviation of the window that smooths a spectrum, bins
OUTLIER_SD = 5.0
TAPS = 8


def interpolated(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """(T, K, 2) with points that are not known on the line between those around them."""
    out = np.zeros_like(values)
    frames = np.arange(len(values))
    for k in np.flatnonzero(known.any(axis=0)):
        at = known[:, k]
        for axis in range(values.shape[-1]):
            out[:, k, axis] = np.interp(frames, frames[at], values[at, k, axis])
    return out


def spectrum(values: Floats) -> Floats:
    """Smoothed power of the cosine transform of (T, K, 2) over time, the same for both axes."""
    power = (dct(values, axis=0, norm="ortho") ** 2).mean(axis=-1, keepdims=True)
    smooth: Floats = gaussian_filter1d(power, SPECTRUM_BINS, axis=0, mode="reflect")
    return smooth


def wiener(raw: Floats, reference: Floats, known: NDArray[np.bool_]) -> Floats:
    """Raw detections through the Wiener filter of each keypoint, made from `known` points.

    The spectra are smoothed over a few bins: those of one recording as they are would be an answer,
    not a statistic.
    """
    truth = interpolated(reference, known)
    noise = interpolated(raw - reference, known)
    noise -= noise.mean(axis=0)
    middle = truth.mean(axis=0)
    signal = spectrum(truth - middle)
    gain = signal / np.maximum(signal + spectrum(noise), 1e-300)
    gain[0] = 1.0
    found: Floats = idct(
        gain * dct(interpolated(raw, known), axis=0, norm="ortho"), axis=0, norm="ortho"
    )
    return found


def causal(raw: Floats, target: Floats, known: NDArray[np.bool_]) -> Floats:
    """Each keypoint through the weights of its present and past frames that fit the target best.

    Least squares on the recording itself, the same weights for both axes, summing to 1.
    """
    now, wanted = interpolated(raw, known), interpolated(target, known)
    frames = np.arange(len(raw))
    past = [now[np.maximum(frames - lag, 0)] - now for lag in range(1, TAPS)]
    out = now.copy()
    for k in np.flatnonzero(known.any(axis=0)):
        use = known[:, k]
        away = (wanted - now)[:, k] - (wanted - now)[use, k].mean(axis=0)
        table = np.stack([one[:, k] for one in past], axis=-1)  # (T, 2, taps - 1)
        equations = table[use].reshape(-1, TAPS - 1)
        weights, *_ = np.linalg.lstsq(equations, away[use].ravel(), rcond=None)
        out[:, k] += table @ weights
    return out


def outliers(raw: Floats, reference: Floats, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Points whose residual is beyond 5 robust standard deviations of its keypoint."""
    residual = np.where(known[..., None], raw - reference, np.nan)
    apart = np.abs(residual - np.nanmedian(residual, axis=0))
    sd = 1.4826 * np.nanmedian(apart, axis=0)
    return np.asarray(known & (np.linalg.norm(apart / np.maximum(sd, 1e-12), axis=-1) > OUTLIER_SD))


def measure(score: ModuleType, file: Path) -> list[dict[str, Any]]:
    """The rows of one recording."""
    with np.load(file) as stored:
        raw = stored["keypoints"].astype(np.float64)
        scores, reference = stored["scores"].astype(np.float64), stored["reference"].astype(float)
    known = scored(raw, reference)
    base = score.measures(raw, raw, reference)
    truth = score.measures(reference, raw, reference)[2]
    residual = np.where(known[..., None], raw - reference, np.nan)
    slow = score._median(score.filled(residual), 31).reshape(raw.shape)
    good = known & ~outliers(raw, reference, known)
    outputs = {
        "wiener": wiener(raw, reference, known),
        "wiener, no outliers": wiener(raw, reference, good),
        "wiener, fast": wiener(raw, reference + slow, known),
        "causal, fast": causal(raw, reference + slow, known),
        "all that is fast": reference + slow,
        "auto": ps.smooth(raw, scores=scores),
    }
    rows = []
    for name, out in outputs.items():
        error, fast, second = score.measures(np.where(known[..., None], out, raw), raw, reference)
        rows.append(_row(file, name, error / base[0], fast / base[1], second / truth))
    half = len(raw) // 2
    noisy = interpolated(reference, known) + np.roll(residual, half, axis=0)
    moved = score.measures(ps.smooth(noisy, scores=np.roll(scores, half, axis=0)), noisy, reference)
    own = score.measures(noisy, noisy, reference)
    rows.append(
        _row(file, "auto, own noise", moved[0] / own[0], moved[1] / own[1], moved[2] / truth)
    )
    total = np.nanmean(np.linalg.norm(residual, axis=-1))
    rows[0]["offset"] = 1.0 - base[0] / total
    return rows


def _row(file: Path, name: str, error: float, fast: float, jitter: float) -> dict[str, Any]:
    ratios = {"error": error, "fast": fast, "jitter": jitter}
    floored = {key: max(value, 1e-6) for key, value in ratios.items()}  # their logarithms are taken
    return {"recording": file.stem, "method": name, **floored}


def main() -> None:
    """Measure, write the rows, print the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the recordings and their score.py")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--half", choices=("a", "b", "all"), default="all")
    options = parser.parse_args()
    score = load_score(options.folder)
    files = sorted(options.folder.glob("*.npz"))
    files = {"a": files[::2], "b": files[1::2], "all": files}[options.half]
    rows: list[dict[str, Any]] = []
    for file in tqdm(files, unit="recording"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # keypoints never seen
            rows += measure(score, file)
    columns = ("recording", "method", "error", "fast", "jitter", "offset")
    write_csv(options.out, columns, [{key: row.get(key, "") for key in columns} for row in rows])
    print("\n".join(summary(rows)))
    offsets = [row["offset"] for row in rows if "offset" in row]
    print(f"share of the raw error that is a constant offset: median {np.median(offsets):.2f}")


if __name__ == "__main__":
    main()
