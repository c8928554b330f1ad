"""What is done with the objects at an address: list, read, write, delete; each call tried again."""

import hashlib
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pose_smoother.remote.address import Address
from pose_smoother.remote.retry import ContentMismatchError, RemoteError, timeout_s, with_retries

T = TypeVar("T")
R = TypeVar("R")

N_THREADS = 8
PIECE_BYTES = 16 << 20  # of a large object: so much is held, and asked for again after a fault
_MD5 = re.compile(r"[0-9a-f]{32}")
#: What tells one version of an object from the next, by file system.
_TAGS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Entry:
    """An object of a listing: its size, what changes with its content, and its MD5 if told."""

    n_bytes: int
    tag: str
    md5: str


@cache
def filesystem(protocol: str) -> Any:
    """The fsspec file system of a protocol; its own retries and listings cache are turned off.

    Settings such as an endpoint come from fsspec's own configuration (``FSSPEC_S3_...``) and the
    libraries' (``AWS_ENDPOINT_URL``, profiles, ...).
    """
    import fsspec

    if protocol not in ("s3", "s3a"):
        return fsspec.filesystem(protocol)
    for library in ("aiobotocore", "botocore"):  # they tell where they found what, at INFO
        logging.getLogger(library).setLevel(logging.WARNING)
    chosen = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    ours = {
        "connect_timeout": timeout_s(),
        "read_timeout": timeout_s(),
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": 4 * N_THREADS,
    }
    made = fsspec.filesystem(protocol, use_listings_cache=False, config_kwargs={**ours, **chosen})
    made.retries = 1
    return made


def _fs(place: Address) -> tuple[Any, str]:
    made = with_retries(place, lambda: filesystem(place.protocol))
    return made, str(made._strip_protocol(place.url))


def _entry(info: dict[str, Any]) -> Entry:
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "").strip('"')
    return Entry(int(info["size"] or 0), tag, tag if _MD5.fullmatch(tag) else "")


def entry(place: Address) -> Entry | None:
    """The object at an address; None when there is none (or a folder)."""
    fs, path = _fs(place)
    try:
        info = with_retries(place, lambda: fs.info(path))
    except FileNotFoundError:
        return None
    return _entry(info) if info["type"] == "file" else None


def is_folder(place: Address) -> bool:
    """Whether objects lie below an address."""
    fs, path = _fs(place)
    try:
        return bool(with_retries(place, lambda: fs.info(path))["type"] == "directory")
    except FileNotFoundError:
        return False


def listing(place: Address) -> dict[str, Entry]:
    """Every object below an address, by its name from there, sorted."""
    fs, path = _fs(place)
    try:
        found = with_retries(place, lambda: fs.find(path, detail=True))
    except FileNotFoundError:
        return {}
    prefix = path.rstrip("/") + "/"
    names = {key.removeprefix(prefix): info for key, info in found.items() if key != path}
    return {name: _entry(names[name]) for name in sorted(names) if not name.endswith("/")}


def versions(place: Address) -> list[list[Any]]:
    """Address, size and tag of the object or of all below a folder: tells when one has changed."""
    one = entry(place)
    found = {"": one} if one is not None else listing(place)
    return [[f"{place}/{name}".rstrip("/"), e.n_bytes, e.tag] for name, e in found.items()]


def read(place: Address, n_bytes: int | None = None) -> bytes:
    """The whole object.

    Parameters
    ----------
    n_bytes : its size, where it is known: an answer that was cut short is asked for again.

    Raises
    ------
    FileNotFoundError : there is none.
    """
    fs, path = _fs(place)

    def get() -> bytes:
        # With a range one request is enough; without, the size is asked for as well.
        data: bytes = fs.cat_file(path, start=0, end=n_bytes) if n_bytes else fs.cat_file(path)
        if n_bytes is not None and len(data) != n_bytes:
            raise ContentMismatchError(f"{len(data):,} bytes arrived, expected {n_bytes:,}")
        return data

    return with_retries(place, get)


def read_range(place: Address, start: int, stop: int) -> bytes:
    """Bytes ``start:stop`` of an object that is at least so long."""
    fs, path = _fs(place)

    def get() -> bytes:
        data: bytes = fs.cat_file(path, start=start, end=stop)
        if len(data) != stop - start:
            raise ContentMismatchError(f"{len(data):,} bytes arrived, expected {stop - start:,}")
        return data

    return with_retries(place, get) if stop > start else b""


def iter_chunks(place: Address, n_bytes: int) -> Iterator[bytes]:
    """The object of a known size, piece by piece."""
    if n_bytes <= PIECE_BYTES:
        yield read(place, n_bytes)
        return
    for start in range(0, n_bytes, PIECE_BYTES):
        yield read_range(place, start, min(n_bytes, start + PIECE_BYTES))


def sha256_at(place: Address, n_bytes: int) -> str:
    """The SHA-256 of an object's bytes, as they are read from the server now."""
    digest = hashlib.sha256()
    for piece in iter_chunks(place, n_bytes):
        digest.update(piece)
    return digest.hexdigest()


def put_file(file: Path, place: Address) -> None:
    """Write a local file as one object; readers see the old one or the new one, never a part.

    Raises
    ------
    RemoteError : no such bucket, no access, no answer.
    """
    fs, path = _fs(place)
    with _bucket_needed(place):
        if file.stat().st_size > PIECE_BYTES:
            with_retries(place, lambda: fs.put_file(str(file), path))
        else:
            data = file.read_bytes()
            with_retries(place, lambda: fs.pipe_file(path, data))


def create(place: Address, data: bytes) -> bool:
    """Write an object where none is; False when one is there (or was, and holds the same bytes).

    A single conditional request where the file system has one, so that of two writers one wins.
    """
    fs, path = _fs(place)
    try:
        with _bucket_needed(place):
            with_retries(place, lambda: _exclusively(fs, path, data))
    except FileExistsError:
        return read(place) == data  # an earlier try of ours may have got there unheard
    return True


@contextmanager
def _bucket_needed(place: Address) -> Iterator[None]:
    """What a write that finds nothing means."""
    try:
        yield
    except FileNotFoundError:
        raise RemoteError(f"{place} can't be written: its bucket does not exist") from None


def _exclusively(fs: Any, path: str, data: bytes) -> None:
    try:
        fs.pipe_file(path, data, mode="create")
    except OSError as error:
        cause: Any = error.__cause__ or error
        code = getattr(cause, "response", {}).get("Error", {}).get("Code", "")
        if code in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
            raise FileExistsError(path) from None
        raise


def delete(place: Address) -> None:
    """Delete an object; none there is fine."""
    fs, path = _fs(place)
    try:
        with_retries(place, lambda: fs.rm_file(path))
    except FileNotFoundError:
        return


def thread_map(action: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results of an action on every item, in order, a few at a time: most of it is waiting."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(N_THREADS) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(action, item))
                if len(waiting) >= 2 * N_THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
