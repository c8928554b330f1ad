"""The style of all figures; equal figures give equal files."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1f2328"
PAPER = "#ffffff"
_SETTINGS: Any = {
    "svg.hashsalt": "pose",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
    "grid.color": INK,
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for figures of this project, for as long as it is entered."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def png(figure: "Figure") -> bytes:
    """A figure as PNG bytes, without date or program name."""
    return _saved(figure, format="png", dpi=150, metadata={"Software": None})


def svg(figure: "Figure") -> bytes:
    """A figure as SVG bytes, without date."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


def pdf(figure: "Figure") -> bytes:
    """A figure as PDF bytes, without date."""
    return _saved(figure, format="pdf", metadata={"CreationDate": None})


def _saved(figure: "Figure", **options: Any) -> bytes:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, **options)
    return buffer.getvalue()
