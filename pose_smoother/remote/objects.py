"""Objects at an address: list, read, write, delete; each request is retried."""

import hashlib
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

from pose_smoother.remote.address import Address
from pose_smoother.remote.retry import ContentMismatchError, RemoteError, timeout_s, with_retries

T = TypeVar("T")
R = TypeVar("R")

N_THREADS = 8
_LISTING = 30  # times the timeout, for all pages of a listing
PIECE_BYTES = 16 << 20  # a large object is read in pieces: in memory, and again after a fault
_MD5 = re.compile(r"[0-9a-f]{32}")
#: Metadata that changes with an object's content; each file system has some of them.
_TAGS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Entry:
    """An object of a listing: its size, a tag that changes with its content, its MD5 or ""."""

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
    for library in ("aiobotocore", "botocore"):  # they log at INFO where they found credentials
        logging.getLogger(library).setLevel(logging.WARNING)
    chosen = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    defaults: dict[str, Any] = {
        "connect_timeout": timeout_s(),
        "read_timeout": timeout_s(),
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": 4 * N_THREADS,
    }
    with suppress(ImportError):  # s3fs reports what is not installed
        from aiobotocore.config import AioConfig

        from pose_smoother.remote.bounded_session import BoundedSession

        if "http_session_cls" in signature(AioConfig).parameters:
            defaults["http_session_cls"] = BoundedSession
    made = fsspec.filesystem(
        protocol, use_listings_cache=False, config_kwargs={**defaults, **chosen}
    )
    made.retries = 1
    return made


def _fs(address: Address) -> tuple[Any, str]:
    made = with_retries(address, lambda: filesystem(address.protocol))
    return made, str(made._strip_protocol(address.url))


def _entry(info: dict[str, Any]) -> Entry:
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "").strip('"')
    return Entry(int(info["size"] or 0), tag, tag if _MD5.fullmatch(tag) else "")


def entry(address: Address) -> Entry | None:
    """The object at an address; None where nothing or a folder exists there."""
    fs, path = _fs(address)
    try:
        info = with_retries(address, lambda: fs.info(path))
    except FileNotFoundError:
        return None
    return _entry(info) if info["type"] == "file" else None


def is_folder(address: Address) -> bool:
    """Whether objects exist below an address."""
    fs, path = _fs(address)
    try:
        return bool(with_retries(address, lambda: fs.info(path))["type"] == "directory")
    except FileNotFoundError:
        return False


def listing(address: Address) -> dict[str, Entry]:
    """Every object below an address, by its name relative to it, sorted."""
    fs, path = _fs(address)
    try:
        found = with_retries(address, lambda: _find(fs, path))
    except FileNotFoundError:
        return {}
    prefix = path.rstrip("/") + "/"
    names = {key.removeprefix(prefix): info for key, info in found.items() if key != path}
    return {name: _entry(names[name]) for name in sorted(names) if not name.endswith("/")}


def _find(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    """Every object below a path; a listing may have no end, so it has a time."""
    if not getattr(fs, "async_impl", False):
        found: dict[str, dict[str, Any]] = fs.find(path, detail=True)
        return found
    from fsspec.asyn import FSTimeoutError, sync

    try:
        found = sync(fs.loop, fs._find, path, detail=True, timeout=_LISTING * timeout_s())
    except FSTimeoutError:
        raise RemoteError(
            f"the listing of {path} did not end within {_LISTING * timeout_s():.0f} s"
        ) from None
    return found


def versions(address: Address) -> list[list[Any]]:
    """Address, size and tag of the object, or of all objects below: differs after a change."""
    one = entry(address)
    found = {"": one} if one is not None else listing(address)
    return [[f"{address}/{name}".rstrip("/"), e.n_bytes, e.tag] for name, e in found.items()]


def read(address: Address, n_bytes: int | None = None) -> bytes:
    """The whole object.

    Parameters
    ----------
    n_bytes : its size, where it is known: a truncated answer is requested again.

    Raises
    ------
    FileNotFoundError : no such object exists.
    """
    fs, path = _fs(address)

    def get() -> bytes:
        # With a range one request is enough; without it, the size is requested first.
        data: bytes = fs.cat_file(path, start=0, end=n_bytes) if n_bytes else fs.cat_file(path)
        if n_bytes is not None and len(data) != n_bytes:
            raise ContentMismatchError(f"{len(data):,} bytes arrived, expected {n_bytes:,}")
        return data

    return with_retries(address, get)


def read_range(address: Address, start: int, stop: int) -> bytes:
    """Bytes ``start:stop`` of an object that has at least ``stop`` bytes."""
    fs, path = _fs(address)

    def get() -> bytes:
        data: bytes = fs.cat_file(path, start=start, end=stop)
        if len(data) != stop - start:
            raise ContentMismatchError(f"{len(data):,} bytes arrived, expected {stop - start:,}")
        return data

    return with_retries(address, get) if stop > start else b""


def iter_chunks(address: Address, n_bytes: int) -> Iterator[bytes]:
    """An object of known size, in pieces of ``PIECE_BYTES``."""
    if n_bytes <= PIECE_BYTES:
        yield read(address, n_bytes)
        return
    for start in range(0, n_bytes, PIECE_BYTES):
        yield read_range(address, start, min(n_bytes, start + PIECE_BYTES))


def sha256_at(address: Address, n_bytes: int) -> str:
    """The SHA-256 of an object's bytes, read from the server now."""
    digest = hashlib.sha256()
    for piece in iter_chunks(address, n_bytes):
        digest.update(piece)
    return digest.hexdigest()


def put_file(file: Path, address: Address) -> None:
    """Write a local file as one object; readers see the old or the new object, never a part.

    Raises
    ------
    RemoteError : no such bucket, no access, no answer.
    """
    fs, path = _fs(address)
    with _bucket_needed(address):
        if file.stat().st_size > PIECE_BYTES:
            with_retries(address, lambda: fs.put_file(str(file), path))
        else:
            data = file.read_bytes()
            with_retries(address, lambda: fs.pipe_file(path, data))


def create(address: Address, data: bytes) -> bool:
    """Write an object unless one exists; return whether the object has these bytes now.

    A single conditional request where the file system has it, so that one of two writers succeeds.
    """
    fs, path = _fs(address)
    try:
        with _bucket_needed(address):
            with_retries(address, lambda: _exclusively(fs, path, data))
    except FileExistsError:
        return read(address) == data  # an earlier attempt may have succeeded without an answer
    return True


@contextmanager
def _bucket_needed(address: Address) -> Iterator[None]:
    """Raise RemoteError where a write finds no bucket."""
    try:
        yield
    except FileNotFoundError:
        raise RemoteError(f"{address} can't be written: its bucket does not exist") from None


def _exclusively(fs: Any, path: str, data: bytes) -> None:
    try:
        fs.pipe_file(path, data, mode="create")
    except OSError as error:
        cause: Any = error.__cause__ or error
        code = getattr(cause, "response", {}).get("Error", {}).get("Code", "")
        if code in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
            raise FileExistsError(path) from None
        raise


def delete(address: Address) -> None:
    """Delete an object, if it exists."""
    fs, path = _fs(address)
    try:
        with_retries(address, lambda: fs.rm_file(path))
    except FileNotFoundError:
        return


def thread_map(action: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results of an action on every item, in order, a few at a time in threads."""
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
