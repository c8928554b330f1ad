"""Row 6: flipped and cut checkpoints and hashes; found before unpickling, the one before serves."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.faults.damage import BYTE_DAMAGE, damaged
from tests.faults.harness import Attempt
from trainer.runs import checkpoint

NUMBER, FAULT = 6, "flips and cuts in checkpoints"
TRIES, SHARE = 1_000, 40


@dataclass
class Ready:
    """A folder with two checkpoints and the best, and what loads them."""

    folder: Path
    loads: list[int]
    undo: Any

    def close(self) -> None:
        """Put torch.load back."""
        torch.load = self.undo


class _Warnings(logging.Handler):
    """Keeps what was warned of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(record.getMessage())


def needs() -> str:
    """Nothing."""
    return ""


def _payload(epoch: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(epoch)
    weights = {f"layer{i}": torch.randn(64, 32, generator=generator) for i in range(6)}
    return {"epoch": epoch, "next_batch": 0, "model": weights}


def prepare(folder: Path) -> Ready:
    """Epochs 1 and 2 saved; every unpickling is counted."""
    for epoch in (1, 2):
        checkpoint.save_last(folder, _payload(epoch))
    checkpoint.write_checkpoint(folder / checkpoint.BEST, _payload(2))
    loads: list[int] = []
    real = torch.load

    def counted(*arguments: Any, **options: Any) -> Any:
        loads.append(1)
        return real(*arguments, **options)

    torch.load = counted
    return Ready(folder, loads, real)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Damage last.pt, its hash, or the best; load."""
    run = Path(shutil.copytree(ready.folder, folder / "run"))
    name = (checkpoint.LAST, checkpoint.LAST, checkpoint.BEST, "last.pt.sha256")[index % 4]
    how = BYTE_DAMAGE[int(rng.integers(len(BYTE_DAMAGE)))] if index % 8 else "flipped"
    data = (run / name).read_bytes()
    (run / name).write_bytes(damaged(data, how, rng))
    found = Attempt()
    ready.loads.clear()
    if name == checkpoint.BEST:
        try:
            checkpoint.read_checkpoint(run / name)
            found.problems.append(f"{name} {how}: nothing was noticed")
        except checkpoint.DamagedCheckpointError:
            if ready.loads:
                found.problems.append(f"{name} {how}: it was unpickled")
        return found
    heard = _Warnings()
    log = logging.getLogger("trainer.runs.checkpoint")
    log.addHandler(heard)
    log.propagate, before = False, log.propagate
    level = log.level
    log.setLevel(logging.WARNING)  # whatever level commands before this one set
    try:
        loaded = checkpoint.load_last(run)
    finally:
        log.removeHandler(heard)
        log.propagate = before
        log.setLevel(level)
    assert loaded is not None
    harmless = name.endswith(".sha256") and loaded["epoch"] == 2  # white space or a torn old line
    expected = _payload(loaded["epoch"])
    same = all(torch.equal(loaded["model"][k], tensor) for k, tensor in expected["model"].items())
    if not same or (loaded["epoch"] != 1 and not harmless):
        found.problems.append(f"{name} {how}: epoch {loaded['epoch']} was loaded, equal: {same}")
    if not harmless and (len(ready.loads) != 1 or not any("damaged" in t for t in heard.lines)):
        found.problems.append(f"{name} {how}: {len(ready.loads)} unpickled, told {heard.lines}")
    return found
