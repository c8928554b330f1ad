"""A picture of what was measured: errors and fit by keypoint, quantiles, and correlation."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from pose_smoother.files.atomic import write_atomic
from trainer.calibrate.estimate import KeypointEstimate
from trainer.calibrate.goodness_of_fit import Nearest, error_cdf
from trainer.noise.gaussian import SHIFT_PX_PER_K

_COLUMNS = 5
_AXES = (("x", "#2a6f97"), ("y", "#d1495b"))
_GREY = "#8a9099"
_N_BINS = 41
_N_QUANTILES = 200
_SPAN = 4.0  # of the ordinary spread, each side of the histogram; the rest is in its end bins


def draw(estimates: Mapping[str, KeypointEstimate], near: Nearest, title: str, out: Path) -> None:
    """Write the picture, in the format of its ending (.png, .svg, .pdf)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fitted = [one for one in estimates.values() if one.is_fitted]
    n_panels = len(fitted) + 2
    n_rows = -(-n_panels // _COLUMNS)
    figure, axes = plt.subplots(
        n_rows, _COLUMNS, figsize=(3.1 * _COLUMNS, 2.6 * n_rows + 0.6), squeeze=False
    )
    panels = axes.ravel()
    for panel, one in zip(panels, fitted, strict=False):
        _histogram(panel, one, near.k)
    _quantiles(panels[len(fitted)], fitted)
    _correlations(panels[len(fitted) + 1], fitted)
    for panel in panels[n_panels:]:
        panel.set_axis_off()
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=out.suffix.lstrip(".") or "png", dpi=130)
    plt.close(figure)
    write_atomic(out, buffer.getvalue())


def _histogram(panel: Any, one: KeypointEstimate, k: float) -> None:
    """Errors of a keypoint on both axes, the fit as a curve, and the nearest k in grey."""
    of = {name: interval.value for name, interval in one.measures.items()}
    half = _SPAN * max(of["spread_x_px"], of["spread_y_px"])
    middle = (of["bias_x_px"] + of["bias_y_px"]) / 2
    edges = np.linspace(middle - half, middle + half, _N_BINS)
    centre, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for axis, (letter, colour) in enumerate(_AXES):
        errors = one.placed[:, axis].clip(edges[0], edges[-1])
        share = np.histogram(errors, edges)[0] / len(errors) / width
        panel.step(centre, share, where="mid", color=colour, alpha=0.55, linewidth=1.0)
        density = np.diff(error_cdf(edges, one, axis)) / width
        panel.plot(centre, density, color=colour, linewidth=1.3, label=letter)
    nearest = norm.pdf(centre, 0.0, SHIFT_PX_PER_K * k)
    panel.plot(centre, nearest, color=_GREY, linewidth=1.0, linestyle=":", label=f"k = {k:.2f}")
    panel.set_title(
        f"{one.name}, n = {one.n:,}\n{of['outliers']:.1%} outliers, {of['swapped']:.1%} swapped, "
        f"{of['missing']:.1%} missing",
        fontsize=7,
    )
    panel.set_yticks([])
    panel.tick_params(labelsize=7)
    panel.set_xlabel("error (px)", fontsize=7)
    panel.legend(fontsize=6, frameon=False)


def _quantiles(panel: Any, fitted: list[KeypointEstimate]) -> None:
    """Normal scores of the errors under the fit: on the diagonal where the fit is right."""
    share = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    expected = ndtri(share)
    for one in fitted:
        for axis, (_, colour) in enumerate(_AXES):
            found = ndtri(_inside(error_cdf(np.quantile(one.placed[:, axis], share), one, axis)))
            panel.plot(expected, found, color=colour, linewidth=0.6, alpha=0.6)
    ends = [expected[0], expected[-1]]
    panel.plot(ends, ends, color="black", linewidth=0.8, linestyle="--")
    panel.set_title("quantiles: found against fitted", fontsize=8)
    panel.set_xlabel("expected (σ)", fontsize=7)
    panel.set_ylabel("found (σ)", fontsize=7)
    panel.tick_params(labelsize=7)


def _correlations(panel: Any, fitted: list[KeypointEstimate]) -> None:
    """Autocorrelation of ordinary errors, and the powers of its first value that training draws."""
    found = np.array([one.autocorrelation for one in fitted])
    lags = np.arange(1, found.shape[1] + 1)
    for row in found:
        panel.plot(lags, row, color=_GREY, linewidth=0.7, alpha=0.7)
    if np.isfinite(found[:, 0]).any():
        first = float(np.nanmedian(found[:, 0]))
        panel.plot(lags, first**lags, color="black", linewidth=1.3, label=f"{first:.2f}^lag")
        panel.legend(fontsize=7, frameon=False)
    panel.axhline(0.0, color="#dddddd", linewidth=0.8, zorder=0)
    panel.set_title("autocorrelation of ordinary errors", fontsize=8)
    panel.set_xlabel("lag (frames)", fontsize=7)
    panel.tick_params(labelsize=7)


def _inside(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(share, 1e-6, 1 - 1e-6)
