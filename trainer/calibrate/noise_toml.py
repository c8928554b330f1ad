"""``noise.toml`` from what was measured: what training draws, then where the numbers come from."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pose_smoother.skeleton import KEYPOINTS, POOLED
from trainer.calibrate.estimate import MEASURES, KeypointEstimate
from trainer.calibrate.goodness_of_fit import Nearest, distances
from trainer.calibrate.heatmap_width import Widths
from trainer.metrics.bootstrap import Interval
from trainer.noise.detector_profiles import DetectorProfile
from trainer.noise.noise_file import DETECTOR_NUMBERS, LARGEST_PX, PAIRS, VERSION

_LARGEST_CORRELATION = 0.999
_NOT_MEASURED = "  # not measured"

_HEAD = """\
# A detector's noise, measured against ground truth by `python -m trainer calibrate`.
# Train on it: python -m trainer train --noise {name} ...
#
# Lengths are heatmap pixels: the box around the ground truth, widened by 10 %, is 0 ... 55 on each
# axis. What training draws is version, [blur], [swapped] and [keypoints], with --exp real
# [detector]; they may be edited. The rest records where the numbers come from. In training,
# positions are rounded to whole pixels.
"""
_BLUR = """
# Standard deviation of the blur of the detector's heatmaps, and how often each width is drawn.
"""
_SWAPPED = """
# Share of frames in which the left and the right one are swapped. What was not
# measured is the mean of those that were.
"""
_KEYPOINTS = """
# bias, spread: mean and standard deviation (x, y) of ordinary errors. outliers: share of errors
# that are drawn from outlier_spread instead. missing: share that the detector does not give (absent
# from the model's input, still a target). correlation: of ordinary errors from one source frame to
# the next. What was not measured is what those that were have in common.
"""
_DETECTOR = """
# What --exp real draws near, in sizes of the body (root mean square distance of its keypoints from
# their centre). sd: of errors about a keypoint's constant offset. shares: of their variance that is
# white, and of time constants of about 2.5, 12 and 40 frames. outlier_rate: of errors beyond 5 sd,
# with their mean size and the mean length of their bursts; missing_frames: of a run of misses.
"""
_MEASURED = """
# Below: nothing that training reads. Every measure is [value, low, high] with the 95 % interval of
# a bootstrap over videos (nan: none); ks is the Kolmogorov-Smirnov distance of errors and fit: of
# n independent errors, about 0.87 / sqrt(n) is chance.
"""


@dataclass(frozen=True)
class Source:
    """The origin of the numbers.

    Attributes
    ----------
    pred, truth : names and SHA-256 of the files.
    counts : frames by their fate, and videos.
    """

    pred: tuple[str, str]
    truth: tuple[str, str]
    counts: Mapping[str, int]


def noise_toml(
    name: str,
    estimates: Mapping[str, KeypointEstimate],
    widths: Widths,
    widths_from: str,
    near: Nearest,
    source: Source,
    detector: DetectorProfile | None = None,
) -> str:
    """The text of the file.

    Parameters
    ----------
    name : of the file, for the example in it.
    widths_from : where the widths come from, for a comment.
    detector : for experiment ``real``; None where videos are too short.
    """
    lines = [_HEAD.format(name=name), f"version = {VERSION}", _BLUR + f"# {widths_from}", "[blur]"]
    lines += [f"sigma_in_px = {_list(widths.sigma_px)}", f"share = {_list(widths.share)}"]
    lines += [_SWAPPED + "[swapped]", *_swapped(estimates)]
    lines += [_KEYPOINTS + "[keypoints]", *_rows(estimates)]
    if detector is not None:
        lines += [_DETECTOR + "[detector]", f"shares = {_list(detector.shares)}"]
        lines += [f"{key} = {_number(getattr(detector, key))}" for key in DETECTOR_NUMBERS]
    lines += [_MEASURED + "[measured]", *_about(source, near)]
    for one in estimates.values():
        lines += ["", f"[measured.{one.name}]", *_measured(one)]
    return "\n".join(lines) + "\n"


def common(estimates: Mapping[str, KeypointEstimate]) -> dict[str, float]:
    """The parameters of a common keypoint: means, and for widths the root mean square."""
    fitted = [one for one in estimates.values() if one.is_fitted]
    weight = np.array([one.n for one in fitted], dtype=np.float64)
    found = {}
    for name in MEASURES:
        values = np.array([_value(one.measures[name]) for one in fitted])
        if "spread" in name:
            found[name] = float(np.sqrt(np.average(values**2, weights=weight)))
        else:
            found[name] = float(np.average(values, weights=weight))
    found["bias_x_px"] = found["bias_y_px"] = 0.0  # one keypoint's bias says nothing of another's
    sided = [one for one in fitted if POOLED.count(POOLED[KEYPOINTS.index(one.name)]) == 2]
    swaps = [_value(one.measures["swapped"]) for one in sided]
    found["swapped"] = float(np.average(swaps, weights=[one.n for one in sided])) if sided else 0.0
    return found


def _rows(estimates: Mapping[str, KeypointEstimate]) -> Iterator[str]:
    shared = common(estimates)
    longest = max(map(len, KEYPOINTS))
    for name in KEYPOINTS:
        one = estimates.get(name)
        measured = {k: _value(v) for k, v in one.measures.items()} if one else {}
        of = {**shared, **measured}
        fields = {
            "bias_px": _pair(of, "bias", -LARGEST_PX),
            "spread_px": _pair(of, "spread", 0.0),
            "outliers": _number(of["outliers"]),
            "outlier_spread_px": _pair(of, "outlier_spread", 0.0),
            "missing": _number(of["missing"]),
            "correlation": _number(
                min(max(of["correlation"], -_LARGEST_CORRELATION), _LARGEST_CORRELATION)
            ),
        }
        row = ", ".join(f"{key} = {value}" for key, value in fields.items())
        note = "" if one and one.is_fitted else _NOT_MEASURED
        yield f"{name:<{longest}} = {{ {row} }}{note}"


def _swapped(estimates: Mapping[str, KeypointEstimate]) -> Iterator[str]:
    shared = common(estimates)["swapped"]
    for pair in PAIRS:
        values = [
            _value(one.measures["swapped"])
            for name, one in estimates.items()
            if one.is_fitted and POOLED[KEYPOINTS.index(name)] == pair
        ]
        note = "" if len(values) == 2 else _NOT_MEASURED
        yield f"{pair:<8} = {_number(values[0] if len(values) == 2 else shared)}{note}"


def _about(source: Source, near: Nearest) -> Iterator[str]:
    for key, (file, digest) in (("pred", source.pred), ("truth", source.truth)):
        yield f"{key} = {_text(file)}"
        yield f"{key}_sha256 = {_text(digest)}"
    for what, count in source.counts.items():
        yield f"{what.replace(' ', '_')} = {count}"
    yield "# The thesis's noise that comes nearest; ks of it and this noise, means over keypoints"
    yield f"nearest_k = {_number(near.k)}"
    yield f"nearest_experiment = {_text(near.experiment)}"
    yield f"ks_of_nearest_k = {_number(near.distance)}"
    yield f"ks_of_fit = {_number(near.distance_of_fit)}"


def _measured(one: KeypointEstimate) -> Iterator[str]:
    yield f"detections = {one.n}"
    yield f"annotated = {one.n_annotated}"
    for name, measure in one.measures.items():
        yield f"{name} = {_list((measure.value, measure.low, measure.high))}"
    yield f"plain_spread_px = {_list(one.plain_spread_px)}"
    yield f"robust_spread_px = {_list(one.robust_spread_px)}"
    if one.is_fitted:
        yield f"ks = {_list(distances(one))}"


def _value(measure: Interval) -> float:
    """The value; a correlation without pairs of frames is none."""
    return measure.value if math.isfinite(measure.value) else 0.0


def _pair(of: Mapping[str, float], name: str, low: float) -> str:
    return _list([min(max(of[f"{name}_{axis}_px"], low), LARGEST_PX) for axis in "xy"])


def _list(values: tuple[float, ...] | list[float]) -> str:
    return f"[{', '.join(map(_number, values))}]"


def _number(value: float) -> str:
    """Four significant digits, as a TOML float."""
    if not math.isfinite(value):
        return "nan"
    text = f"{value:.4g}" if abs(value) < 1e5 else repr(float(value))
    return text if any(c in text for c in ".e") else f"{text}.0"


def _text(value: str) -> str:
    """A TOML basic string, which escapes as JSON does, and the delete character too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
