"""Short training runs for the rows, and what must be equal when one was disturbed."""

from pathlib import Path

import torch

from pose_smoother.files.lock import owner_file
from tests.faults.warm import Warm
from trainer.runs.checkpoint import BEST, LAST, read_checkpoint

RUN = "deciwatch-2.1-seed3"
_TABLES = ("config.json", "history.csv", "results.json", "results.csv", "scores.npz")


def train_words(store: Path, out: Path, epochs: int = 2, minutes: float = 0.0) -> list[object]:
    """The command of a run that saves after every step."""
    words = ["train", "--model", "deciwatch", "--exp", "2.1", "--seed", 3, "--device", "cpu"]
    words += ["--max-epochs", epochs, "--max-steps", 3, "--batch-size", 4]
    words += ["--checkpoint-minutes", minutes]
    return [*words, "--store", store, "--out", out]


def whole_run(program: Warm, store: Path, folder: Path) -> tuple[Path, float]:
    """An undisturbed run and its seconds."""
    ended = program.run(train_words(store, folder / "runs"), folder / "log")
    assert ended.code == 0, ended.said
    return folder / "runs" / RUN, ended.seconds


def left_of_lock(target: Path) -> tuple[Path, Path]:
    """The lock of an output, and the note of who held it: the next process takes both over."""
    return target.with_name(f".{target.name}.lock"), owner_file(target)


def run_differences(found: Path, expected: Path, notes: bool = False) -> str:
    """What differs between two finished runs, in short; "" when nothing does.

    ``notes``: what says that a run is held may be left.
    """
    names = [
        name
        for name in _TABLES
        if not (found / name).exists()
        or (found / name).read_bytes() != (expected / name).read_bytes()
    ]
    for name in (BEST, LAST):
        one, other = read_checkpoint(found / name), read_checkpoint(expected / name)
        for key, tensor in other["model"].items():
            if not torch.equal(one["model"][key], tensor):
                names.append(f"{name}: {key}")
                break
    allowed = {found, *(left_of_lock(found) if notes else ())}
    strays = [p.name for p in found.parent.iterdir() if p not in allowed]
    strays += [p.name for p in found.glob(".*")]
    return f"differ: {names}" if names else (f"strays: {strays}" if strays else "")
