"""BRACE's manually annotated frames: one ``.npz`` file a frame, array ``coco_joints2d``."""

import io
import logging
import re
import zipfile
from bisect import bisect_left, bisect_right
from collections import defaultdict
from functools import lru_cache
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pipeline.sources.archives import ZIP_ERRORS, zip_fault
from pipeline.sources.tree import Member, Tree
from pose_smoother.errors import InvalidInputError

ARRAY = "coco_joints2d"
MAX_NPZ_BYTES = 1 << 20
_MAX_NPY_BYTES = 1 << 16
#: How an ``.npy`` file of a known version begins, and the bytes that then give its header's length.
_LENGTH_BYTES = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}
_NAME = re.compile(r"(?:.*/)?(?P<video>[^/]+)/img-(?P<frame>\d{1,9})\.npz", re.ASCII)
_log = logging.getLogger("pipeline")


class ManualFiles:
    """Manual keypoint files by video and frame.

    Parameters
    ----------
    trees : folders or archives that may hold ``<year>/<video>/img-000123.npz`` files.
    """

    def __init__(self, trees: list[Tree]) -> None:
        self._found: dict[str, dict[int, tuple[Tree, Member]]] = defaultdict(dict)
        for tree in trees:
            for member in tree.members:
                match = _NAME.fullmatch(member.name)
                if match:
                    self._found[match["video"]][int(match["frame"])] = tree, member
        self._frames = {video: sorted(files) for video, files in self._found.items()}
        self._used: set[tuple[str, int]] = set()

    def between(self, video: str, start: int, end: int) -> dict[int, bytes]:
        """The files of a segment, by frame; both ends belong to it.

        Raises
        ------
        InvalidInputError : one of the files is refused, damaged or too large; the text names it.
        """
        frames = self._frames.get(video, [])
        files = {}
        for frame in frames[bisect_left(frames, start) : bisect_right(frames, end)]:
            tree, member = self._found[video][frame]
            try:
                if member.refused:
                    raise InvalidInputError(member.refused)
                files[frame] = tree.read(member.name, MAX_NPZ_BYTES)
            except InvalidInputError as error:
                raise InvalidInputError(f"its manual file {member.name} {error}") from None
            self._used.add((video, frame))
        return files

    def warn_unused(self) -> None:
        """Log how many manual files belong to no segment that could be read."""
        total = sum(len(frames) for frames in self._frames.values())
        if total > len(self._used):
            unused = total - len(self._used)
            _log.warning("BRACE: %d of %d manual frames are in no segment read", unused, total)


def manual_keypoints(data: bytes, n_keypoints: int) -> NDArray[np.float64]:
    """Positions in a manual file; nothing is unpickled, and sizes are checked first.

    Parameters
    ----------
    data : bytes of the ``.npz`` file.
    n_keypoints : rows that the array must have.

    Returns
    -------
    float64 (n_keypoints, 2), source pixels.

    Raises
    ------
    InvalidInputError : damaged, of another shape or type, or not finite.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(f"{ARRAY}.npy")
            fault = zip_fault(info, times=1)
            if fault or info.file_size > _MAX_NPY_BYTES:
                raise InvalidInputError(
                    f"{ARRAY} {fault or f'unfolds to {info.file_size:,} bytes'}"
                )
            array = _read_npy(archive.read(info))
    except InvalidInputError:
        raise
    except KeyError:
        raise InvalidInputError(f"has no array {ARRAY}") from None
    except ZIP_ERRORS as error:
        raise InvalidInputError(f"is not a readable .npz file: {error}") from None
    if array.ndim != 2 or array.shape[0] != n_keypoints or array.shape[1] not in (2, 3):
        raise InvalidInputError(f"{ARRAY} has shape {array.shape}, expected ({n_keypoints}, 3)")
    positions = array[:, :2].astype(np.float64)  # the third column means nothing (the README)
    if not (np.abs(positions) < 1e9).all():
        raise InvalidInputError(f"{ARRAY} holds a value that is not a finite position")
    return positions


def _read_npy(data: bytes) -> NDArray[np.generic]:
    """An ``.npy`` file of numbers; its header is believed only as far as the bytes reach."""
    length = _LENGTH_BYTES.get(data[:8])
    if length is None:
        raise ValueError(f"no .npy file of a known version: begins with {data[:8]!r}")
    rows_at = 8 + length + int.from_bytes(data[8 : 8 + length], "little")
    shape, is_fortran, dtype = _layout(data[:rows_at])
    rows = np.frombuffer(data, dtype, int(np.prod(shape, dtype=int)), rows_at)
    return rows.reshape(shape, order="F" if is_fortran else "C")


@lru_cache(maxsize=64)  # all files of a dataset have the same header
def _layout(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type that an ``.npy`` file's header gives."""
    file = io.BytesIO(header)
    is_first = npy.read_magic(file) == (1, 0)
    read = npy.read_array_header_1_0 if is_first else npy.read_array_header_2_0
    try:
        shape, is_fortran, dtype = read(file)
    except (SyntaxError, TokenError) as error:
        raise ValueError(f"its .npy header can't be read: {error.args[0]}") from None
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"expected numbers, got dtype {dtype}")
    if not all(0 <= side <= 64 for side in shape) or len(shape) > 2:
        raise InvalidInputError(f"{ARRAY} has shape {shape[:8]}, expected (17, 3)")
    return shape, is_fortran, dtype
