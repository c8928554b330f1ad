"""Checkpoints that survive kills and tell when they are damaged (DESIGN section 12).

A checkpoint ``last.pt`` has ``last.pt.sha256`` beside it: one accepted hash a line, newest first.
The hash file is renamed into place *before* the checkpoint and still names the hash of the one
that is there, so the two agree whenever a kill comes between. The checkpoint before is kept as
``previous.pt`` in the same way.
"""

import io
import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from pipeline.contract.errors import RunError
from pipeline.contract.files import sha256_bytes, write_atomic

LAST = "last.pt"
PREVIOUS = "previous.pt"
BEST = "best.pt"

_log = logging.getLogger(__name__)


class DamagedCheckpoint(RunError):
    """A checkpoint's bytes do not match the hash kept beside it."""


def hash_file(path: Path) -> Path:
    """The file that holds a checkpoint's accepted hashes."""
    return path.with_name(f"{path.name}.sha256")


def write_checkpoint(path: Path, payload: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, and their hash beside it."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    _put(path, buffer.getvalue())


def read_checkpoint(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """The payload of a checkpoint; nothing is unpickled before its hash is checked.

    Raises
    ------
    RunError : there is no such file, or it is not a checkpoint.
    DamagedCheckpoint : its bytes do not match its hash, or the hash is absent.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"no checkpoint {path}: the run was never trained, or was moved") from None
    accepted = _accepted(path)
    found = sha256_bytes(data)
    if found not in accepted:
        expected = f"{accepted[0][:12]}…" if accepted else f"a hash in {hash_file(path).name}"
        raise DamagedCheckpoint(f"{path} is damaged (expected {expected}, found {found[:12]}…)")
    foreign = f"{path} is not a checkpoint of this program"
    if not zipfile.is_zipfile(io.BytesIO(data)):  # torch would try older, laxer formats
        raise RunError(f"{foreign}: no zip archive")
    try:
        payload = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"{foreign}: {reason}") from None
    if not isinstance(payload, dict):
        raise RunError(f"{foreign}: it holds no table")
    return payload


def save_last(folder: Path, payload: dict[str, Any]) -> None:
    """Write ``last.pt`` and keep the one before as ``previous.pt``, unless it is damaged."""
    before = _good_bytes(folder / LAST)
    if before is not None:
        _put(folder / PREVIOUS, before)
    write_checkpoint(folder / LAST, payload)


def load_last(folder: Path, device: str | torch.device = "cpu") -> dict[str, Any] | None:
    """The newest good checkpoint of a run folder; None when there never was one.

    A damaged ``last.pt`` gives way to ``previous.pt`` with a warning.

    Raises
    ------
    RunError : there are checkpoints, and none is good.
    """
    damage: list[str] = []
    for name in (LAST, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            payload = read_checkpoint(folder / name, device)
        except RunError as error:
            damage.append(str(error))
            continue
        for text in damage:
            _log.warning("%s; going back to %s", text, name)
        return payload
    if damage:
        raise RunError(f"{'; '.join(damage)}. Train anew with --no-resume")
    return None


def remove_checkpoints(folder: Path) -> None:
    """Delete a run folder's checkpoints and their hashes."""
    for name in (LAST, PREVIOUS, BEST):
        (folder / name).unlink(missing_ok=True)
        hash_file(folder / name).unlink(missing_ok=True)


def _accepted(path: Path) -> list[str]:
    """Accepted hashes of a checkpoint, newest first; none when the file is absent or garbled."""
    try:
        return hash_file(path).read_text("ascii").split()
    except (FileNotFoundError, UnicodeDecodeError):
        return []


def _good_bytes(path: Path) -> bytes | None:
    """The bytes of a checkpoint if they match an accepted hash, else None."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data if sha256_bytes(data) in _accepted(path) else None


def _put(path: Path, data: bytes) -> None:
    """Accept the new bytes' hash beside that of the bytes which are there, then replace them."""
    there = _good_bytes(path)
    hashes = [sha256_bytes(some) for some in (data, there) if some is not None]
    write_atomic(hash_file(path), "".join(f"{line}\n" for line in hashes).encode())
    write_atomic(path, data)
