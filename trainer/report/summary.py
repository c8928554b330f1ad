"""A run's main numbers as a few lines of text."""

from collections.abc import Mapping, Sequence
from typing import Any

from pose_smoother.text import one_line

#: (metric, alpha) -> heading, in the order shown.
MAIN = {
    ("pck", 0.05): "PCK@0.05",
    ("pck", 0.1): "PCK@0.1",
    ("pck", 0.2): "PCK@0.2",
    ("error_px", None): "error px",
    ("acceleration_error_px", None): "accel px",
}
_WIDTH = 10


def main_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a model: PCK in percent, both errors over everything, and how much was scored.

    Parameters
    ----------
    rows : tidy rows; those of totals (dataset and keypoint ``all``) are shown, models in order.
    """
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        heading = MAIN.get((row["metric"], row["alpha"]))
        if heading and row["dataset"] == row["keypoint"] == "all":
            key = (one_line(str(row["experiment"])), one_line(str(row["model"])))
            line = cells.setdefault(key, {})
            line[heading] = f"{row['value']:.2f}"
            if heading == "PCK@0.2":
                line["n scored"] = f"{row['n']:,}"
    headings = [*MAIN.values(), "n scored"]
    width = max([len("model"), *(len(model) for _, model in cells)])
    lines = [_line("exp", "model", width, headings)]
    for (experiment, model), line in cells.items():
        lines.append(_line(experiment, model, width, [line.get(h, "-") for h in headings]))
    return "\n".join(lines)


def _line(experiment: str, model: str, width: int, cells: Sequence[str]) -> str:
    return f"{experiment:<4} {model:<{width}}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)
