"""Archives read member by member: streamed, capped, never extracted.

Archives come from strangers (DESIGN section 12): a member that may not be read is listed with the
reason, and none may unfold to many times its size.
"""

import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import PurePosixPath
from typing import IO, Any

from pipeline.sources.tree import Member, Tree
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl

#: A member may unfold to this many times its compressed size, where it passes 1 MiB at all.
MAX_RATIO = 200
_RATIO_MATTERS_BYTES = 1 << 20
_STREAM_RATIO_MATTERS_BYTES = 256 << 20
_MAX_NAME_BYTES = 1 << 20
_MAX_DIRECTORY_BYTES = 16 << 20  # a member takes 46 bytes and its name
_LOCAL_HEADER_BYTES = 30
_END_BYTES = 22 + (1 << 16)  # the end record, and the longest comment after it
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What zipfile raises on damaged archives (NotImplementedError is a RuntimeError).
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class RatioGuard:
    """A stream unpacked from a file, which must not grow to more than ``MAX_RATIO`` times of it.

    Parameters
    ----------
    stream : what is read.
    packed : the file that ``stream`` unpacks (or is); its position says what has been used.
    """

    def __init__(self, stream: IO[bytes], packed: IO[bytes]) -> None:
        self._stream, self._packed = stream, packed
        self._n_read = 0

    def read(self, n_bytes: int) -> bytes:
        """Up to ``n_bytes`` more; InvalidInputError where they unfold too far."""
        data = self._stream.read(n_bytes)
        self._n_read += len(data)
        allowed = max(_STREAM_RATIO_MATTERS_BYTES, MAX_RATIO * self._packed.tell())
        if self._n_read > allowed:
            raise InvalidInputError(
                f"{getattr(self._packed, 'name', 'the archive')} unfolds to more than {MAX_RATIO} "
                "times its size: it is no dataset"
            )
        return data


class TarMember(tarfile.TarInfo):
    """A member whose name and attributes take no more room than names do: they are read whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        kinds = (*tarfile.GNU_TYPES[:2], tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if self.type in kinds and self.size > _MAX_NAME_BYTES:
            raise InvalidInputError(f"a member's name or attributes take {self.size:,} bytes")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


def _check_directory_size(file: IO[bytes]) -> None:
    """Raise BadZipFile where a zip archive's directory, which is read whole, is too large."""
    end: Any = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # as ZipFile reads it
    if end and end[zipfile._ECD_SIZE] > _MAX_DIRECTORY_BYTES:  # type: ignore[attr-defined]
        raise zipfile.BadZipFile(f"its directory takes {end[zipfile._ECD_SIZE]:,} bytes")  # type: ignore[attr-defined]
    file.seek(0)


class ZipTree(Tree):
    """A zip archive."""

    def __init__(self, path: PathOrUrl) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
            try:
                _check_directory_size(self._file)
                self._zip = zipfile.ZipFile(self._file)
                check_directory(path, self._zip)
            except BaseException:
                self._file.close()
                raise
        except ZIP_ERRORS as error:
            raise InvalidInputError(
                f"{path} is not a readable zip archive ({error}): download it again"
            ) from None
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        times = Counter(str(PurePosixPath(info.filename)) for info in infos)
        self._infos = {info.filename: info for info in infos}
        self.members = [
            Member(name, zip_fault(info, times[str(PurePosixPath(name))]))
            for name, info in sorted(self._infos.items())
        ]

    def read(self, name: str, max_bytes: int) -> bytes:
        info = self._infos[name]
        if info.file_size > max_bytes:
            raise InvalidInputError(
                f"unfolds to {info.file_size:,} bytes, more than {max_bytes:,} allowed"
            )
        try:
            with self._zip.open(info) as file:  # checks the CRC at the end
                return file.read(max_bytes + 1)
        except ZIP_ERRORS as error:
            raise InvalidInputError(f"is damaged inside {self.path.name}: {error}") from None

    def close(self) -> None:
        self._zip.close()
        self._file.close()


def check_directory(path: PathOrUrl, archive: zipfile.ZipFile) -> None:
    """Compare a zip archive's directory, which has no checksum, with the members' own headers.

    A flip in a name there would otherwise make a file vanish, for no one looks for the odd name.

    Raises
    ------
    zipfile.BadZipFile : a name differs, or the directory lists another number of members than it
        says.
    """
    infos = archive.infolist()
    with path.open("rb") as file:
        for info in infos:
            file.seek(info.header_offset)
            header = file.read(_LOCAL_HEADER_BYTES)
            if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\3\4":
                raise zipfile.BadZipFile(f"member {info.filename[:80]!r} has no header")
            n_name = int.from_bytes(header[26:28], "little")
            name = file.read(n_name)
            utf8 = int.from_bytes(header[6:8], "little") & 0x800
            if name.decode("utf-8" if utf8 else "cp437") != info.orig_filename:
                raise zipfile.BadZipFile(f"member {info.filename[:80]!r} has two names")
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_BYTES))
        end = file.read()
    listed = int.from_bytes(end[(at := end.rfind(b"PK\5\6")) + 10 : at + 12], "little")
    if listed not in (len(infos) & 0xFFFF, 0xFFFF):
        raise zipfile.BadZipFile(f"{listed} members expected, {len(infos)} listed")


def zip_fault(info: zipfile.ZipInfo, times: int) -> str:
    """Why a zip member may not be read, or ""."""
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in info.orig_filename:
        return "has a name that leads out of the archive"
    if info.filename != info.orig_filename:
        return "has a name with a NUL byte"
    if times > 1:
        return f"occurs {times} times in the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link, which is not followed"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in _COMPRESSIONS:
        return f"is compressed by method {info.compress_type}; only stored and deflate are read"
    packed = max(info.compress_size, 1)
    if info.file_size > _RATIO_MATTERS_BYTES and info.file_size > MAX_RATIO * packed:
        return f"unfolds to {info.file_size // packed} times its size; {MAX_RATIO} is allowed"
    return ""
