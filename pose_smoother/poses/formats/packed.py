"""Compressed files: a file of any format may be gzipped, and is written back so."""

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import write_atomic
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.files.plain import Budget, open_plain
from pose_smoother.poses.formats.tracks_io import MAX_BYTES

_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20


def is_gzip(path: Path) -> bool:
    """Whether a file's first bytes are those of gzip."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == _MAGIC


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The file as a format reads it: of a gzipped file, a temporary copy without ``.gz``.

    Raises
    ------
    InvalidInputError : the compressed data are damaged, or unpack to more than a file of
        their size may (``files.plain.Budget``).
    """
    if not is_gzip(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="pose-smoother-") as folder:
        plain = Path(folder) / (path.name.removesuffix(".gz") or "unnamed")
        with translate_disk_errors(Path(folder)):
            _unpack(path, plain)
        yield plain


def _unpack(path: Path, plain: Path) -> None:
    size = 0
    try:
        with open_plain(path, MAX_BYTES) as packed, plain.open("wb") as target:
            budget = Budget(os.fstat(packed.fileno()).st_size, MAX_BYTES)
            with gzip.open(packed) as source:
                while block := source.read(_BLOCK):
                    budget.spend(len(block), "gzip")
                    size += target.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(f"damaged: not gzip as expected ({error})") from None
    if not size:
        raise InvalidInputError("the file is empty")


@contextmanager
def packing(out: Path) -> Iterator[Path]:
    """A temporary file to write to, whose bytes are then written to ``out``, gzipped."""
    with tempfile.TemporaryDirectory(prefix="pose-smoother-") as folder:
        plain = Path(folder) / (out.name.removesuffix(".gz") or "unnamed")
        yield plain
        write_atomic(out, gzip.compress(plain.read_bytes(), mtime=0))
