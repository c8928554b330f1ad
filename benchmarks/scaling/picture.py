"""The model's curves with the measured points upon them."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scaling.model import FRAMES, Costs, predict
from benchmarks.scaling.rows import RESULTS
from benchmarks.scaling.training import TRAIN_SHARE, Step, held
from benchmarks.scaling.training import predict as predict_training
from pose_smoother.files.atomic import write_atomic
from trainer.report.style import INK, png, style

_MODEL_COLOURS = ("#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7")
_COLOURS = {1: "#d55e00", 2: "#e69f00", 16: "#009e73", 128: "#56b4e9", 512: "#0072b2"}


def draw(cost: Costs, out: Path) -> None:
    """Time and memory against frames: lines are the model, points what was built here."""
    builds = pd.read_csv(RESULTS / "scaling_builds.csv")
    memory = pd.read_csv(RESULTS / "scaling_memory.csv")
    frames = np.geomspace(FRAMES[0], FRAMES[-1], 60)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4.2), layout="constrained")
        time, space = figure.subplots(1, 2)
        for workers, colour in _COLOURS.items():
            hours = [predict(cost, f, workers)["hours"] for f in frames]
            time.plot(frames, hours, color=colour, label=f"{workers} workers")
        colours = [_COLOURS[workers] for workers in builds["workers"]]
        time.scatter(builds["frames"], builds["wall_s"] / 3600, c=colours, edgecolors=INK, zorder=3)
        time.set_ylabel("hours (points: built here)")
        gib = [predict(cost, f, 512)["client_gib"] for f in frames]
        space.plot(frames, gib, color=INK, label="client")
        disk = [predict(cost, f, 512)["store_gib"] for f in frames]
        space.plot(frames, disk, color=_COLOURS[2], label="store, on disk")
        peak = builds["client_peak_mib"] / 1024
        space.plot(builds["frames"], peak, "o", color=INK, label="client, built here")
        planned = memory["close_peak_mib"] / 1024
        space.plot(memory["frames"], planned, "x", color=INK, label="client, tiny clips planned")
        space.set_ylabel("GiB")
        for axis in (time, space):
            axis.set(xscale="log", yscale="log", xlabel="frames")
            axis.legend()
        write_atomic(out, png(figure))


def draw_training(known: dict[str, Step], out: Path) -> None:
    """Hours of a run against frames, on one core and on 16; and what a process holds."""
    frames = np.geomspace(FRAMES[0], FRAMES[-1], 60)
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4.2), layout="constrained")
        time, space = figure.subplots(1, 2)
        for (name, step), colour in zip(known.items(), _MODEL_COLOURS, strict=True):
            points = {
                n: [predict_training(step, held(name), f, n) for f in frames] for n in (1, 16)
            }
            for n, line in ((1, ":"), (16, "-")):
                hours = [point["hours"] for point in points[n]]
                label = name if n == 16 else None
                wide = 5 if name == "biconvlstm-c" else 1.8  # the other one lies upon it
                time.plot(frames, hours, color=colour, ls=line, lw=wide, label=label)
        time.set_ylabel("hours a run (solid: 16 cores; dotted: one)")
        resident = pd.read_csv(RESULTS / "scaling_resident.csv")
        for name, colour in (("deciwatch", _MODEL_COLOURS[3]), ("resmlp", _MODEL_COLOURS[4])):
            step, mine = known[name], resident[resident["model"] == name]
            gib = [predict_training(step, held(name), f, 1)["gib_a_worker"] for f in frames]
            space.plot(frames, gib, color=colour, label=f"{name}, each process")
            whole = mine["frames"] / TRAIN_SHARE
            space.plot(whole, mine["peak_mib"] / 1024, "o", color=colour, label="opened here")
        space.set_ylabel("GiB")
        for axis in (time, space):
            axis.set(xscale="log", yscale="log", xlabel="frames of the store")
            axis.legend()
        write_atomic(out, png(figure))
