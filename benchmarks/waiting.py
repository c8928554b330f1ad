"""What a person waits for, beside what else would do it: commands, filters, files.

    python -m benchmarks.waiting --out benchmarks/results/waiting.csv
    python -m benchmarks.waiting --out benchmarks/results/waiting.csv --only report verify

Each case is timed in turn with its peer, five rounds by default, and its rows are written then.
The same command again goes on with the cases that have no rows yet; ``--only`` makes the
named ones again. Ratios are medians over rounds, by the wall clock and in processor time (of this
process and the processes that it starts). Peaks are of a process that does the one thing.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pose_smoother as ps
from benchmarks import keypoint_files
from benchmarks.filter_peers import (
    FILTERS,
    LOOPS,
    SEEN_FRAMES,
    one_euro_loop,
    scipy_filter,
    smoothnet_windows,
    with_gaps,
)
from pose_smoother.bench.goals import Goal, goal_rows, read_goals, speed_up, table, write_rows
from pose_smoother.bench.timing import Timings, interleaved

Floats = NDArray[np.float64]
Given = argparse.Namespace
PACKAGES = ("numpy", "scipy", "pandas", "h5py")
MB = 1e6
STORE_FRAMES = 360_000

SCRIPT = """
import sys
import pandas as pd
from scipy.signal import savgol_filter

table = pd.read_csv(sys.argv[1])
columns = [name for name in table if name.endswith(("_x", "_y"))]
table[columns] = savgol_filter(table[columns], 5, 1, axis=0)
table.to_csv(sys.argv[2], index=False)
"""


def program(name: str, *words: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, words)]


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def at_most(
    what: str, against: str, goal: float, times: Timings, pair: tuple[str, str], note: str = ""
) -> Goal:
    """How many times as long the first side takes as the other."""
    one, other = pair
    return Goal(
        what,
        against,
        goal,
        at_least=False,
        measured=times.ratio(one, other),
        what_s=times.median(one),
        against_s=times.median(other),
        repeats=times.repeats,
        note=note,
        cpu_ratio=times.cpu_ratio(one, other),
    )


def number(
    what: str, goal: float, measured: float, unit: str, note: str = "", *, at_least: bool = False
) -> Goal:
    """A number of one side alone."""
    return Goal(what, "", goal, at_least=at_least, measured=measured, unit=unit, note=note)


def _cpu_words(times: Timings, name: str) -> str:
    return f"{statistics.median(times.cpu_seconds[name]):.3g} s in processor time"


def peak_bytes(before: str, then: str) -> tuple[int, int]:
    """Bytes that a new process takes at most, and what it took between two pieces of code."""
    code = textwrap.dedent(before) + textwrap.dedent("""
        import resource
        def bytes_of(key):
            lines = open("/proc/self/status").read().splitlines()
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))
        start = bytes_of("VmRSS:")
    """) + textwrap.dedent(then) + '\nprint("peak", bytes_of("VmHWM:"), start)'  # fmt: skip
    _, peak, start = run([sys.executable, "-c", code]).splitlines()[-1].split()
    return int(peak), int(start)


# Commands, from start to end.


def command(folder: Path, given: Given) -> Iterator[Goal]:
    """``smooth`` of a short CSV, and a ten-line script of pandas and scipy."""
    path = folder / "k.csv"
    keypoint_files.wide_csv(path, keypoint_files.motion(1000, 17))
    smooth = program("pose_smoother", "smooth", path, "--overwrite", "--out")
    sides = {
        "auto": partial(run, [*smooth, str(folder / "auto.csv")]),
        "savgol": partial(run, [*smooth, str(folder / "savgol.csv"), "--smoother", "savgol"]),
        "script": partial(run, [sys.executable, "-c", SCRIPT, str(path), str(folder / "s.csv")]),
    }
    times = interleaved(sides, given.rounds)
    against = "ten lines of pandas and scipy, savgol"
    for name in ("auto", "savgol"):
        what = f"smooth a CSV of 1,000 frames x 17 from start to end, {name}"
        yield at_most(what, against, 1.5, times, (name, "script"))
        yield number(f"{what}, seconds", 1, times.median(name), "s", _cpu_words(times, name))


def verify(folder: Path, given: Given) -> Iterator[Goal]:
    """``pipeline verify`` of a store of made annotations."""
    raw, store = folder / "raw", folder / "store"
    n_clips = STORE_FRAMES // 95
    run(program("pipeline", "sample", raw, "--clips", n_clips))
    sources = ("--penn-action", raw / "penn_action", "--brace", raw / "brace")
    run(program("pipeline", "preprocess", *sources, "--out", store, "--workers", 2))
    files = [str(path) for path in sorted(store.rglob("*")) if path.is_file()]
    n_bytes = sum(Path(path).stat().st_size for path in files)
    sides = {
        "ours": partial(run, program("pipeline", "verify", store)),
        "sha256sum": partial(run, ["sha256sum", *files]),
    }
    times = interleaved(sides, given.rounds)
    note = (
        f"{n_clips:,} made clips, {n_bytes / MB:.0f} MB in {len(files)} files; with Python's start"
    )
    yield at_most(
        "verify a store", "sha256sum of its files", 1.3, times, ("ours", "sha256sum"), note
    )


def report(folder: Path, given: Given) -> Iterator[Goal]:
    """``trainer report`` over made runs of five models, six experiments."""
    from tests.trainer.fake_store import make_store
    from tests.trainer.report.made_runs import make_baselines, make_run

    store, runs = make_store(n_clips=400, n_frames=60), folder / "runs"
    for experiment in ("1.1", "1.2", "1.3", "2.1", "2.2", "2.3"):
        make_baselines(runs, store, experiment)
        for model in ("3dconv", "deciwatch", "resmlp", "biconvlstm-s", "biconvlstm-c"):
            make_run(runs, store, model, experiment)
    made = program("trainer", "report", runs, "--overwrite", "--out", folder / "report")
    times = interleaved({"ours": partial(run, made)}, min(3, given.rounds), warmups=0)
    peak, _ = peak_bytes(
        "", f"from trainer.cli import main\nmain({made[3:]!r}, standalone_mode=False)"
    )
    what = "report over 30 runs and 6 of smoothers"
    note = f"made runs, 80 test clips of 60 frames; {_cpu_words(times, 'ours')}"
    yield number(f"{what}, seconds", 15, times.median("ours"), "s", note)
    yield number(f"{what}, peak memory", 500, peak / MB, "MB", note)


def pretrained(folder: Path, given: Given) -> Iterator[Goal]:
    """The network that ships, file to file in one process."""
    import pandas as pd

    from pose_smoother.smoothing.chain import make_chain
    from pose_smoother.smoothing.files import smooth_file
    from pose_smoother.smoothing.methods import smooth_by
    from pose_smoother.smoothing.tracks import Rules

    n_frames, path = 10_000, folder / "k.csv"
    keypoint_files.wide_csv(path, keypoint_files.motion(n_frames, 17))
    auto = make_chain("auto")

    def ours() -> None:
        smooth_file(path, folder / "o.csv", lambda poses: smooth_by(auto, poses, Rules()))

    def other(smooth: Callable[[Floats], Floats]) -> None:
        frame = pd.read_csv(path)
        columns = [name for name in frame if name.endswith(("_x", "_y"))]
        frame[columns] = smooth(frame[columns].to_numpy())
        frame.to_csv(folder / "l.csv", index=False)

    others = {"loop": partial(other, one_euro_loop), "net": partial(other, smoothnet_windows)}
    times = interleaved({"ours": ours, **others}, given.rounds)
    what, cpu_s = (
        "the pretrained network, file to file",
        statistics.median(times.cpu_seconds["ours"]),
    )
    note = f"17 keypoints, {n_frames:,} frames, CSV"
    against = "One-Euro in a Python loop, file to file with pandas"
    yield speed_up(what, against, 5, times, ("ours", "loop"), note)
    against = f"SmoothNet under torch, windows of {SEEN_FRAMES} frames, file to file with pandas"
    yield speed_up(what, against, 5, times, ("ours", "net"), note)
    rate = n_frames / times.median("ours")
    note += f"; {n_frames / cpu_s:,.0f} in processor time"
    yield number(f"{what}, frames a second", 3000, rate, "frames/s", note, at_least=True)


# Filters, on an array in memory.


def in_memory(name: str, folder: Path, given: Given) -> Iterator[Goal]:
    """A filter of a long array, beside scipy's, and what it takes at most."""
    values = np.ascontiguousarray(keypoint_files.motion(given.frames, 17)[..., :2])
    options, scipys = FILTERS[name], scipy_filter(name)
    ours = partial(ps.smooth, values, name, **options)
    # Ends differ: ours takes what is there, scipy extends it.
    middle = slice(50, -50)
    difference = np.abs(ours()[middle] - scipys(values)[middle]).max()
    sides = {"ours": ours, "scipy": partial(scipys, values)}
    times = interleaved(sides, given.rounds, warmups=0)
    size = f"{given.frames:,} x 17 x 2"
    note = f"away from the ends the results differ by {difference:.1g} at most"
    yield speed_up(f"{name} of an array of {size}", "scipy", 2, times, ("ours", "scipy"), note)
    made = f"""
        import numpy as np, pose_smoother as ps
        ps.smooth(np.random.default_rng(0).normal(size=(100, 17, 2)), {name!r}, **{options})
        x = np.random.default_rng(0).normal(size=({given.frames}, 17, 2))
    """
    peak, start = peak_bytes(made, f"ps.smooth(x, {name!r}, **{options})")
    share = 1 + (peak - start) / values.nbytes
    note = "the array itself and what smoothing takes at most, in sizes of the array"
    yield number(f"{name} of an array of {size}, peak memory", 3, share, "arrays", note)


def column_loop(name: str, folder: Path, given: Given) -> Iterator[Goal]:
    """A filter of an array with gaps, beside a loop over its columns."""
    options, loop, n_frames = LOOPS[name]
    values = with_gaps(n_frames, 17)

    def plain() -> Floats:
        columns = values.reshape(n_frames, -1).T
        return np.stack([loop(column) for column in columns], axis=1).reshape(values.shape)

    ours = partial(ps.smooth, values, name, **options)
    difference = np.nanmedian(np.abs(ours() - plain()))
    times = interleaved({"ours": ours, "loop": plain}, given.rounds)
    note = f"the results differ by {difference:.1g} in the median"
    what = f"{name} with gaps, {n_frames:,} x 17 x 2"
    yield speed_up(what, "a loop over columns", 20, times, ("ours", "loop"), note)


# Files.


def files(format: str, folder: Path, given: Given) -> Iterator[Goal]:
    """Reading a file, and reading and writing it, beside the library of its kind alone."""
    n_frames = 10_000 if format == "openpose" else 18_000
    cases = keypoint_files.library_cases(folder, format, keypoint_files.motion(n_frames, 25))
    library = keypoint_files.FORMATS[format][-1]
    for what, (ours, alone) in cases.items():
        times = interleaved({"ours": ours, "alone": alone}, given.rounds)
        goal = 1.5 if format == "openpose" and what == "read" else 2
        size = f"{n_frames:,} frames x 25"
        yield at_most(f"{what} {format}, {size}", library, goal, times, ("ours", "alone"))


def crowd(folder: Path, given: Given) -> Iterator[Goal]:
    """The peak of smoothing 60,000 frames of two people without ids."""
    path = folder / "crowd.json"
    keypoint_files.crowd(path, 60_000)
    words = ["smooth", str(path), "--out", str(folder / "o.json"), "--smoother", "savgol"]
    made = "from pose_smoother.cli import main"
    peak, _ = peak_bytes(made, f"main({words!r}, standalone_mode=False)")
    size = path.stat().st_size / MB
    what = "smooth 60,000 frames of two people without ids, JSON, peak memory"
    yield number(
        what, 10 * size + 200, peak / MB, "MB", f"10 times the file, {size:.1f} MB, and 200"
    )


CASES: dict[str, Callable[[Path, Given], Iterator[Goal]]] = {
    "command": command,
    **{f"filter-{name}": partial(in_memory, name) for name in FILTERS},
    **{f"loop-{name}": partial(column_loop, name) for name in LOOPS},
    **{f"file-{name}": partial(files, name) for name in keypoint_files.FORMATS},
    "crowd": crowd,
    "pretrained": pretrained,
    "verify": verify,
    "report": report,
}


def main() -> None:
    """Time what has no rows yet, or what was named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="CSV to write, or to go on with")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1_000_000, help="of arrays")
    given = parser.parse_args()
    rows = read_goals(given.out) if given.out.exists() else []
    done = {row["case"] for row in rows}
    for name in given.only or [name for name in CASES if name not in done]:
        with tempfile.TemporaryDirectory() as folder:
            goals = list(CASES[name](Path(folder), given))
        print(table(goals), flush=True)
        new = [{"case": name, **row} for row in goal_rows(goals, *PACKAGES)]
        rows = [*new, *(row for row in rows if row["case"] != name)]
        rows.sort(key=lambda row: list(CASES).index(row["case"]))  # stable
        write_rows(given.out, rows)


if __name__ == "__main__":
    main()
