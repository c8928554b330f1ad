"""Small annotations and stores for the rows."""

import hashlib
from pathlib import Path

from pipeline.build import preprocess
from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from tests.pipeline.penn_files import write_labels

LENGTHS = (60, 300, 40, 30, 45, 4, 70, 35, 33, 50)


def labels(folder: Path, lengths: tuple[int, ...] = LENGTHS) -> Path:
    """A folder of clean label files."""
    return write_labels(folder / "labels", list(lengths))


def build(source: Path, out: Path, store_format: str = "zarr", n_workers: int = 1) -> Path:
    """A store of a labels folder, made in this process."""
    inputs = Inputs({"penn-action": source}, SourceOptions())
    preprocess(inputs, out, BuildConfig(), store_format, n_workers, progress=False)
    return out


def content(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, hidden ones too."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def differences(found: dict[str, str], expected: dict[str, str]) -> str:
    """What differs between two folders, in short; "" when nothing does."""
    names = [n for n in sorted({*found, *expected}) if found.get(n) != expected.get(n)]
    return f"{len(names)} files differ: {', '.join(names[:4])}" if names else ""
