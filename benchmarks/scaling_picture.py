"""Draw ``docs/pictures/scaling.png``: the model of ``scaling.csv``, with what was measured.

    python -m benchmarks.scaling_picture docs/pictures/scaling.png

Processor seconds are compared with processor seconds: the builds were measured on a machine that
other work shared, so their seconds of the wall are not those of the model.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pose_smoother.files.atomic import write_atomic
from trainer.report.style import INK, png, style

_RESULTS = Path(__file__).parent / "results"
_COLOURS = {1: "#d55e00", 2: "#e69f00", 16: "#009e73", 512: "#0072b2"}


def lines(model: pd.DataFrame, workers: int) -> tuple[float, float]:
    """Seconds at the start and seconds a frame: the model is a line for each number of workers."""
    rows = model[model["workers"] == workers].sort_values("frames")
    first, last = rows.iloc[0], rows.iloc[-1]
    slope = 3600 * (last["hours"] - first["hours"]) / (last["frames"] - first["frames"])
    return float(3600 * first["hours"] - slope * first["frames"]), float(slope)


def ratios(model: pd.DataFrame, builds: pd.DataFrame) -> list[float]:
    """Measured processor seconds over the model's, build by build."""
    _, slope = lines(model, 1)
    return (builds["cpu_s"] / (slope * builds["frames"])).tolist()


def main(out: Path) -> None:
    """Draw the picture, and print the ratios for its caption."""
    model, builds, memory = (
        pd.read_csv(_RESULTS / f"scaling{name}.csv") for name in ("", "_builds", "_memory")
    )
    frames = np.geomspace(1e4, 1e9, 60)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(13, 4.2), layout="constrained")
        work, time, space = figure.subplots(1, 3)
        work.plot(frames, lines(model, 1)[1] * frames, color=INK, label="model")
        work.plot(builds["frames"], builds["cpu_s"], "o", color=_COLOURS[2], label="built here")
        work.set_ylabel("processor seconds, all processes")
        for workers, colour in _COLOURS.items():
            start, slope = lines(model, workers)
            label = f"{workers} worker{'s' * (workers > 1)}"
            time.plot(frames, (start + slope * frames) / 3600, color=colour, label=label)
        time.set_ylabel("hours (model)")
        by_frames = model[model["workers"] == 512].sort_values("frames")
        for column, colour, label in (
            ("client_gib", INK, "client"),
            ("store_gib", _COLOURS[2], "store, on disk"),
        ):
            slope, start = np.polyfit(by_frames["frames"], by_frames[column], 1)
            start = by_frames[column].iloc[0] - slope * by_frames["frames"].iloc[0]
            space.plot(frames, start + slope * frames, color=colour, label=label)
        peak = builds["client_peak_mib"] / 1024
        space.plot(builds["frames"], peak, "o", color=INK, label="client, built here")
        planned = memory["close_peak_mib"] / 1024
        space.plot(memory["frames"], planned, "x", color=INK, label="client, tiny clips planned")
        space.set_ylabel("GiB")
        for axis in (work, time, space):
            axis.set(xscale="log", yscale="log", xlabel="frames")
            axis.legend()
        write_atomic(out, png(figure))
    print("measured / model:", ", ".join(f"{r:.2f}" for r in ratios(model, builds)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
