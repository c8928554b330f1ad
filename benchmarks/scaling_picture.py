"""Draw ``docs/pictures/scaling.png``: the model of a build's costs, with what was measured.

    python -m benchmarks.scaling_picture docs/pictures/scaling.png

Processor seconds are compared with processor seconds: the builds were measured on a machine that
other work shared, so their seconds of the wall are not those of the model.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scaling_model import RESULTS, costs
from pose_smoother.files.atomic import write_atomic
from trainer.report.style import INK, png, style

_COLOURS = {1: "#d55e00", 2: "#e69f00", 16: "#009e73", 512: "#0072b2"}


def main(out: Path) -> None:
    """Draw the picture."""
    cost = costs()
    builds, memory = (pd.read_csv(RESULTS / f"scaling_{n}.csv") for n in ("builds", "memory"))
    few, many = np.geomspace(4e3, 1e6, 60), np.geomspace(1e4, 1e9, 60)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(13, 4.2), layout="constrained")
        work, time, space = figure.subplots(1, 3)
        for workers, rows in builds.groupby("workers"):
            colour, label = _COLOURS[int(workers)], f"{workers} worker{'s' * (workers > 1)}"
            work.plot(few, cost.cpu_s(few, workers), color=colour, label=f"model, {label}")
            spent_s = rows["client_cpu_s"] + rows["workers_cpu_s"]
            work.plot(rows["frames"], spent_s, "o", color=colour, label=f"measured, {label}")
        work.set_ylabel("processor seconds, all processes")
        for workers, colour in _COLOURS.items():
            hours = [cost.predict(n, workers)["hours"] for n in many]
            time.plot(many, hours, color=colour, label=f"{workers} worker{'s' * (workers > 1)}")
        time.set_ylabel("hours on a cluster (model)")
        points = pd.DataFrame([cost.predict(n, 1) for n in many])
        space.plot(many, points["client_gib"], color=INK, label="client (model)")
        space.plot(many, points["store_gib"], color=_COLOURS[2], label="store, on disk (model)")
        peak = builds["client_peak_mib"] / 1024
        space.plot(builds["frames"], peak, "o", color=INK, label="client, measured")
        stored = builds["store_bytes"] / 2**30
        space.plot(builds["frames"], stored, "o", color=_COLOURS[2], label="store, measured")
        planned = memory["close_peak_mib"] / 1024
        space.plot(memory["frames"], planned, "x", color=INK, label="client, tiny clips planned")
        space.set_ylabel("GiB")
        for axis in (work, time, space):
            axis.set(xscale="log", yscale="log", xlabel="frames")
            axis.legend()
        write_atomic(out, png(figure))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
