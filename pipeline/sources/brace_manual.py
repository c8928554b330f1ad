"""BRACE's manually annotated frames: one ``.npz`` file a frame, array ``coco_joints2d``."""

import io
import logging
import re
import zipfile
from bisect import bisect_left, bisect_right
from collections import defaultdict

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pipeline.contract.errors import BadInput
from pipeline.sources.files import ZIP_ERRORS, Member, Tree, zip_fault

ARRAY = "coco_joints2d"
MAX_NPZ_BYTES = 1 << 20
_MAX_NPY_BYTES = 1 << 16
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
        BadInput : one of the files is refused, damaged or too large; the text names it.
        """
        frames = self._frames.get(video, [])
        files = {}
        for frame in frames[bisect_left(frames, start) : bisect_right(frames, end)]:
            tree, member = self._found[video][frame]
            try:
                if member.refused:
                    raise BadInput(member.refused)
                files[frame] = tree.read(member.name, MAX_NPZ_BYTES)
            except BadInput as error:
                raise BadInput(f"its manual file {member.name} {error}") from None
            self._used.add((video, frame))
        return files

    def warn_unused(self) -> None:
        """Log how many manual files belong to no segment that could be read."""
        total = sum(len(frames) for frames in self._frames.values())
        if total > len(self._used):
            unused = total - len(self._used)
            _log.warning("BRACE: %d of %d manual frames lie in no segment read", unused, total)


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
    BadInput : damaged, of another shape or type, or not finite.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(f"{ARRAY}.npy")
            fault = zip_fault(info, times=1)
            if fault or info.file_size > _MAX_NPY_BYTES:
                raise BadInput(f"{ARRAY} {fault or f'unfolds to {info.file_size:,} bytes'}")
            array = _read_npy(archive.read(info))
    except KeyError:
        raise BadInput(f"has no array {ARRAY}") from None
    except ZIP_ERRORS as error:
        raise BadInput(f"is not a readable .npz file: {error}") from None
    if array.ndim != 2 or array.shape[0] != n_keypoints or array.shape[1] not in (2, 3):
        raise BadInput(f"{ARRAY} has shape {array.shape}, expected ({n_keypoints}, 3)")
    positions = array[:, :2].astype(np.float64)  # the third column means nothing (the README)
    if not (np.abs(positions) < 1e9).all():
        raise BadInput(f"{ARRAY} holds a value that is not a finite position")
    return positions


def _read_npy(data: bytes) -> NDArray[np.generic]:
    """An ``.npy`` file of numbers; its header is believed only as far as the bytes reach."""
    file = io.BytesIO(data)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:
        raise ValueError(f"unknown .npy version {version}")
    shape, _, dtype = readers[version](file)
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"expected numbers, got dtype {dtype}")
    if any(side > 64 for side in shape) or len(shape) > 2:
        raise BadInput(f"{ARRAY} has shape {shape[:8]}, expected (17, 3)")
    file.seek(0)
    return np.asarray(npy.read_array(file, allow_pickle=False))
