"""Checkpoints that survive kills and detect damage (DESIGN section 12).

A checkpoint ``last.pt`` has a file ``last.pt.sha256``: one accepted hash a line. The new hash is
added to that file *before* the new checkpoint is renamed into place, and the old ones are dropped
after, so the two agree whenever a kill comes between. The checkpoint before is kept as
``previous.pt`` in the same way.
"""

import io
import logging
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import fsync_folder, sha256_bytes, sha256_file, write_atomic
from pose_smoother.files.plain import read_plain
from trainer.runs.layout import MAX_CHECKPOINT_BYTES

LAST = "last.pt"
PREVIOUS = "previous.pt"
BEST = "best.pt"
_MAX_HASH_BYTES = 64 << 10

#: What torch.load raises for files that are not of plain tensors and values, or are damaged.
_LOAD_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
)

_log = logging.getLogger(__name__)


class DamagedCheckpointError(RunError):
    """A checkpoint's bytes do not match the hash saved with it."""


def hash_file(path: Path) -> Path:
    """The file that holds a checkpoint's accepted hashes."""
    return path.with_name(f"{path.name}.sha256")


def write_checkpoint(path: Path, payload: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, and their hash next to it."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    data = buffer.getvalue()
    with _replacing(path, sha256_bytes(data)):
        write_atomic(path, data)


def read_checkpoint(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """The payload of a checkpoint; nothing is unpickled before its hash is checked.

    Raises
    ------
    RunError : there is no such file, or it is not a checkpoint.
    DamagedCheckpointError : its bytes do not match its hash, or the hash is absent.
    """
    try:
        data = read_plain(path, MAX_CHECKPOINT_BYTES)
    except FileNotFoundError:
        raise RunError(f"no checkpoint {path}: the run was never trained, or was moved") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error})") from None
    accepted = _accepted(path)
    found = sha256_bytes(data)
    if found not in accepted:
        expected = f"{accepted[0][:12]}…" if accepted else f"a hash in {hash_file(path).name}"
        raise DamagedCheckpointError(
            f"{path} is damaged (expected {expected}, found {found[:12]}…)"
        )
    foreign = f"{path} is not a checkpoint of this program"
    if fault := _archive_fault(data):
        raise RunError(f"{foreign}: {fault}")
    try:
        payload = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except _LOAD_ERRORS as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"{foreign}: {reason}") from None
    if not isinstance(payload, dict):
        raise RunError(f"{foreign}: it holds no table")
    return payload


def _archive_fault(data: bytes) -> str:
    """Why bytes are no file of torch's newer format ("" if they are): older ones are laxer."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
        return "no zip archive"
    # torch stores tensors as they are; what unfolds could fill any memory.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        return "a member is compressed"
    return "its members overlap" if sum(m.file_size for m in members) > len(data) else ""


def save_last(folder: Path, payload: dict[str, Any]) -> None:
    """Write ``last.pt`` and keep the one before as ``previous.pt``, unless it is damaged."""
    last = folder / LAST
    if last.exists() and (found := sha256_file(last)) in _accepted(last):
        with _replacing(folder / PREVIOUS, found):
            _link(last, folder / PREVIOUS)
    write_checkpoint(last, payload)


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
        raise RunError(f"{'; '.join(damage)}. Train again with --no-resume")
    return None


def remove_checkpoints(folder: Path, names: tuple[str, ...] = (LAST, PREVIOUS, BEST)) -> None:
    """Delete checkpoints of a run folder, by default all, and their hashes."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        hash_file(folder / name).unlink(missing_ok=True)


def _accepted(path: Path) -> list[str]:
    """Accepted hashes of a checkpoint, newest first; none when the file is absent or garbled."""
    try:
        return read_plain(hash_file(path), _MAX_HASH_BYTES).decode("ascii").split()
    except (OSError, ValueError):
        return []


@contextmanager
def _replacing(path: Path, sha256: str) -> Iterator[None]:
    """While the body puts a new checkpoint in place, accept its hash and the one before."""
    _write_hashes(path, [sha256, *_accepted(path)])
    yield
    _write_hashes(path, [sha256])


def _write_hashes(path: Path, hashes: list[str]) -> None:
    write_atomic(hash_file(path), "".join(f"{line}\n" for line in hashes).encode())


def _link(last: Path, previous: Path) -> None:
    """Make ``previous`` the same file as ``last``, or a copy where there are no hard links."""
    aside = previous.with_name(f".{previous.name}.tmp")
    aside.unlink(missing_ok=True)
    try:
        os.link(last, aside)
    except OSError:
        write_atomic(previous, last.read_bytes())
    else:
        aside.replace(previous)
        aside.unlink(missing_ok=True)  # both were one file already: then rename does nothing
        fsync_folder(previous.parent)
