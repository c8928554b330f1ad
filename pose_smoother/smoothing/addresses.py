"""Files at addresses: each is fetched, smoothed and sent as a file of this machine."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pose_smoother.errors import InvalidInputError
from pose_smoother.extras import missing_extra
from pose_smoother.files.disk_errors import translate_disk_errors
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.remote.objects import Entry, entry, filesystem, iter_chunks, listing, put_file
from pose_smoother.remote.path import PathOrUrl, RemotePath
from pose_smoother.smoothing import files

Smooth = Callable[[Path, Path], str]


def check_protocol(place: PathOrUrl) -> None:
    """Raise InvalidInputError where no installed package reaches an address."""
    if not isinstance(place, RemotePath):
        return
    for package in ("fsspec", *(["s3fs"] if place.protocol in ("s3", "s3a") else [])):
        if problem := missing_extra(package):
            raise InvalidInputError(f"{place}: {problem}")
    try:
        filesystem(place.protocol)
    except (ImportError, ValueError) as error:
        raise InvalidInputError(f"{place}: {error}") from None


def smooth_at_addresses(smooth: Smooth, overwrite: bool, source: PathOrUrl, out: PathOrUrl) -> str:
    """Smooth a file; the input, the output or both may be at an address.

    Parameters
    ----------
    smooth : smooths one file of this machine into another, and returns a line about it.
    overwrite : whether an object at the output's address may be replaced.

    Raises
    ------
    InvalidInputError : there is no such object, or one is at the output's address.
    """
    if isinstance(out, RemotePath):
        if out == source:
            raise InvalidInputError(f"{out} is the input: write to another place")
        if out.exists() and not overwrite:
            raise InvalidInputError(
                f"{out} exists already: --overwrite replaces it, or choose another name"
            )
    with TemporaryDirectory(prefix="pose-smoother-") as name:
        folder = Path(name)
        given = _fetched(source, folder / "in") if isinstance(source, RemotePath) else source
        made = folder / "out" / out.name if isinstance(out, RemotePath) else out
        made.parent.mkdir(exist_ok=True, parents=True)
        renamed = {str(given): str(source), str(made): str(out)}
        with reported_as(given, str(source)):
            try:
                text = smooth(given, made)
            except InvalidInputError as error:
                raise InvalidInputError(_replaced(str(error), renamed)) from None
        if isinstance(out, RemotePath):
            for file in sorted(made.rglob("*")) if made.is_dir() else [made]:
                put_file(file, RemotePath(f"{out}{str(file)[len(str(made)) :]}"))
    return _replaced(text, renamed)


def _replaced(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def _fetched(source: RemotePath, folder: Path) -> Path:
    """The object, or the folder of objects, as a file or folder of this machine."""
    here = folder / source.name
    one = entry(source)
    found = {"": one} if one is not None else listing(source)
    if not found:
        raise InvalidInputError(f"{source}: no such file or folder")
    if sum(of.n_bytes for of in found.values()) > MAX_BYTES:
        raise InvalidInputError(f"{source}: expected at most {MAX_BYTES:,} bytes, found more")
    for name, of in found.items():
        if ".." in name.split("/"):
            raise InvalidInputError(f"{source}: an object is called {name!r:.60}")
        _fetch(source / name if name else source, of, here / name if name else here)
    return here


def _fetch(source: RemotePath, of: Entry, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with translate_disk_errors(file), file.open("wb") as opened:
        for piece in iter_chunks(source, of.n_bytes):
            opened.write(piece)


@contextmanager
def reported_as(given: Path, name: str) -> Iterator[None]:
    """What is logged on a file names what it is a copy of."""

    def rename(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(name if one == given else one for one in record.args)
        return True

    logger = logging.getLogger(files.__name__)
    logger.addFilter(rename)
    try:
        yield
    finally:
        logger.removeFilter(rename)
