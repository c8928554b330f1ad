"""Rows of a result, with machine and versions, into a CSV."""

import csv
import os
from pathlib import Path

from pose_smoother.bench.goals import machine_words, versions_words

RESULTS = Path(__file__).parent.parent / "results"
_PACKAGES = ("numpy", "zarr", "dask", "distributed")


def peak_mib(pid: int | str = "self") -> float:
    """The most memory a process has held so far, in MiB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def held_mib(pid: int | str = "self") -> float:
    """The memory that a process holds now, in MiB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_s(pid: int | str = "self") -> float:
    """Processor seconds that a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_rows(name: str, rows: list[dict[str, object]]) -> Path:
    """Write a result's CSV."""
    words = {"machine": machine_words(), "versions": versions_words(*_PACKAGES)}
    path = RESULTS / name
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *words], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **words} for row in rows)
    return path
