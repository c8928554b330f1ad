"""Fetching the datasets from where their authors put them.

No dataset publishes checksums. So each file is checked by its structure: archives are read to the
last byte, their members are counted against the numbers that the authors state, and tables are
parsed. An odd count is logged and not an error: the authors may have changed it.
"""

import gzip
import logging
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.annotations.http_resume import fetch, forget
from pipeline.sources.archives import ZIP_ERRORS
from pipeline.sources.brace_tables import parse_cuts, parse_segments, parse_videos
from pose_smoother.errors import InvalidInputError, unknown_name
from pose_smoother.files.atomic import fsync_folder
from pose_smoother.files.lock import LockedError, exclusive_lock

_BRACE = "https://github.com/dmoltisanti/brace"
_BRACE_RAW = "https://raw.githubusercontent.com/dmoltisanti/brace/main"
_GIB = 1 << 30
_log = logging.getLogger("pipeline")


@dataclass(frozen=True)
class DatasetFile:
    """One file: its address, its place below the output folder, and how it is checked.

    ``check`` gets the downloaded file and returns how many entries it holds; it raises
    InvalidInputError
    where the file is damaged. ``expected`` is what the authors state (None: nothing).
    """

    url: str
    name: str
    check: Callable[[Path], int]
    expected: int | None
    entries: str
    max_bytes: int


@dataclass(frozen=True)
class Dataset:
    """Where a dataset is described, what its licence allows, and its files."""

    page: str
    licence: str
    files: tuple[DatasetFile, ...]


def _zip_check(member: str) -> Callable[[Path], int]:
    """A check that reads a zip archive whole and counts the members whose names match."""
    pattern = re.compile(member)

    def check(file: Path) -> int:
        try:
            with zipfile.ZipFile(file) as archive:
                damaged = archive.testzip()
                names = archive.namelist()
        except ZIP_ERRORS as error:
            raise InvalidInputError(f"is not a valid zip archive: {error}") from None
        if damaged:
            raise InvalidInputError(f"is a damaged zip archive: member {damaged!r}")
        return sum(bool(pattern.fullmatch(name)) for name in names)

    return check


def _tar_check(member: str) -> Callable[[Path], int]:
    """A check that reads a tar.gz archive to gzip's checksum, which is at the very end."""
    pattern = re.compile(member)

    def check(file: Path) -> int:
        try:
            # tarfile's own "r|gz" never compares the checksum, the gzip module does.
            with gzip.open(file) as unzipped:
                with tarfile.open(fileobj=unzipped, mode="r|") as archive:
                    count = sum(bool(pattern.fullmatch(info.name)) for info in archive)
                while unzipped.read(1 << 20):
                    pass
        except (tarfile.TarError, *ZIP_ERRORS) as error:
            raise InvalidInputError(f"is not a valid tar.gz archive: {error}") from None
        return count

    return check


def _table_check(read: Callable[[str], int]) -> Callable[[Path], int]:
    """A check that parses a table and counts its rows."""

    def check(file: Path) -> int:
        try:
            return read(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"is not UTF-8 text: {error}") from None

    return check


OFFICIAL: dict[str, Dataset] = {
    "brace": Dataset(
        _BRACE,
        "S-Lab License 1.0: non-commercial use only",
        (
            DatasetFile(
                f"{_BRACE_RAW}/annotations/segments.csv",
                "annotations/segments.csv",
                _table_check(lambda text: len(parse_segments(text))),
                1_352,
                "segments",
                _GIB >> 4,
            ),
            DatasetFile(
                f"{_BRACE_RAW}/annotations/shot_boundaries.json",
                "annotations/shot_boundaries.json",
                _table_check(lambda text: len(parse_cuts(text))),
                73,
                "videos",
                _GIB >> 4,
            ),
            DatasetFile(
                f"{_BRACE_RAW}/videos_info.csv",
                "annotations/videos_info.csv",
                _table_check(lambda text: len(parse_videos(text)[0])),
                81,
                "videos",
                _GIB >> 4,
            ),
            DatasetFile(
                f"{_BRACE}/releases/download/v1.0/dataset.zip",
                "dataset.zip",
                _zip_check(r"(?!__MACOSX/).*_\d+-\d+_[a-z]+\.json(\.json)?"),
                1_352,
                "segments",
                4 * _GIB,
            ),
            DatasetFile(
                f"{_BRACE}/releases/download/mk_v1.0/manual_keypoints.zip",
                "manual_keypoints.zip",
                _zip_check(r"(?!__MACOSX/).*/img-\d+\.npz"),
                26_676,
                "manual frames",
                4 * _GIB,
            ),
        ),
    ),
    "penn-action": Dataset(
        "https://dreamdragon.github.io/PennAction/",
        "none stated: ask the authors before you pass anything on",
        (
            # 3.2 GB, nearly all of it pictures that are not used: there is no smaller archive.
            DatasetFile(
                "https://www.cis.upenn.edu/~kostas/Penn_Action.tar.gz",
                "Penn_Action.tar.gz",
                _tar_check(r"(.*/)?labels/\d+\.mat"),
                2_326,
                "label files",
                8 * _GIB,
            ),
        ),
    ),
}


def download(
    name: str,
    out: Path,
    say: Callable[[str], object] = lambda text: None,
    datasets: Mapping[str, Dataset] = OFFICIAL,
) -> list[Path]:
    """Fetch a dataset's files; what is there already is kept, what was begun is continued.

    Parameters
    ----------
    name : "brace" or "penn-action".
    out : folder to fill. ``preprocess --brace out`` reads BRACE from it as it is; for Penn Action
        give the ``Penn_Action.tar.gz`` in it.
    say : called with a line of text about each file.
    datasets : the addresses.

    Returns
    -------
    The files, in the order of the table.

    Raises
    ------
    InvalidInputError : unknown name, no connection, a damaged file, or another download into the
        folder;
        the text says which page the file can be had from by hand and where to put it.
    """
    if name not in datasets:
        raise unknown_name("dataset", name, list(datasets))
    dataset = datasets[name]
    out.mkdir(parents=True, exist_ok=True)
    say(f"{name}: {dataset.page} (licence: {dataset.licence})")
    try:
        with exclusive_lock(out / "download"):
            return [_one(remote, dataset, out, say) for remote in dataset.files]
    except LockedError:
        raise InvalidInputError(
            f"another download into {out} is running: wait for it to end"
        ) from None


def _one(remote: DatasetFile, dataset: Dataset, out: Path, say: Callable[[str], object]) -> Path:
    file = out / remote.name
    if file.is_file():
        say(f"{file} is there already")
        return file
    try:
        part = fetch(remote.url, file, remote.max_bytes)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{error}; or fetch it by hand from {dataset.page} into {file}"
        ) from None
    try:
        count = remote.check(part)
    except InvalidInputError as error:
        bad = file.with_name(file.name + ".damaged")
        part.replace(bad)
        forget(file)
        raise InvalidInputError(
            f"{remote.url} {error}; it is kept as {bad}: run the same command to fetch it again"
        ) from None
    if remote.expected is not None and count != remote.expected:
        _log.warning(
            "%s holds %d %s, expected %d: the dataset may have changed",
            remote.url,
            count,
            remote.entries,
            remote.expected,
        )
    part.replace(file)
    forget(file)
    fsync_folder(file.parent)
    say(f"{file}: {count:,} {remote.entries}, {file.stat().st_size:,} bytes")
    return file
