"""The measured noise as a table for the terminal."""

from collections.abc import Iterator

from pose_smoother.text import one_line
from trainer.calibrate.estimate import KeypointEstimate
from trainer.calibrate.run import Calibration

_HEADS = (
    "keypoint",
    "n",
    "bias x, y",
    "spread x, y",
    "outliers",
    "their spread",
    "swapped",
    "missing",
    "correlation",
)


def summary(measured: Calibration) -> str:
    """A line a keypoint, then the frames and the nearest of the thesis's settings."""
    rows = [_HEADS, *(tuple(_cells(one)) for one in measured.estimates.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    near, counts = measured.nearest, measured.pairs.counts
    lines.append(
        f"{counts['frames compared']:,} frames of {len(measured.pairs.videos)} videos; in "
        f"{counts['frames without a detection']:,} more nothing was detected"
    )
    lines.append(
        f"nearest: k = {near.k:.2f}, experiment {near.experiment} (Kolmogorov-Smirnov distance "
        f"{near.distance:.3f}; of this noise {near.distance_of_fit:.3f})"
    )
    return "\n".join(lines)


def _cells(one: KeypointEstimate) -> Iterator[str]:
    of = {name: interval.value for name, interval in one.measures.items()}
    yield one_line(one.name)
    yield f"{one.n:,}"
    if one.is_fitted:
        yield f"{of['bias_x_px']:+.2f} {of['bias_y_px']:+.2f}"
        yield f"{of['spread_x_px']:.2f} {of['spread_y_px']:.2f}"
        yield f"{of['outliers']:.1%}"
        wide = f"{of['outlier_spread_x_px']:.1f} {of['outlier_spread_y_px']:.1f}"
        yield wide if of["outliers"] else "-"
        yield f"{of['swapped']:.1%}"
    else:
        yield from ["-"] * 5
    yield f"{of['missing']:.1%}"
    yield f"{of['correlation']:.2f}" if one.is_fitted else "-"
