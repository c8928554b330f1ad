"""Penn Action: one ``labels/NNNN.mat`` a clip, 13 keypoints (DESIGN section 4).

Source: Zhang, Zhu, Derpanis, "From Actemes to Action", ICCV 2013.
"""

import gzip
import io
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.sources import Clip, Item, SourceOption, SourceOptions, checked_id
from pipeline.sources.archives import RatioGuard, TarMember
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl, RemotePath
from pose_smoother.skeleton import INDEX, N_KEYPOINTS
from pose_smoother.store.config import NEIGHBOURING_IDS as NEIGHBOURING_IDS

NAME = "penn-action"
OPTIONS = (SourceOption(NAME, "Penn Action's labels folder, or Penn_Action.tar.gz as downloaded."),)
#: The dataset's 13 columns in order. The head is taken as the nose (thesis section 1.1).
COLUMNS = (
    "nose",
    *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist") for side in ("left", "right")),
    *(f"{side}_{part}" for part in ("hip", "knee", "ankle") for side in ("left", "right")),
)
LABELLED = COLUMNS
#: Counts of the whole release (``check`` compares).
RELEASE = {"files": 2_326}
DEFAULT_ACTIONS: tuple[str, ...] | None = ("baseball_pitch", "bench_press", "situp")
#: Spellings of the paper for the names that the files use.
ACTION_ALIASES = {
    "sit_ups": "situp",
    "sit_up": "situp",
    "push_ups": "pushup",
    "push_up": "pushup",
    "pull_ups": "pullup",
    "pull_up": "pullup",
    "squats": "squat",
    "bowling": "bowl",
    "strumming_guitar": "strum_guitar",
    "strum_guitars": "strum_guitar",
    "jumping_jack": "jumping_jacks",
    "clean_and_jerks": "clean_and_jerk",
}

_MAX_FILE_BYTES = 16 * 2**20
_MAX_FRAMES = 100_000
_VARIABLES = ["x", "y", "visibility", "nframes", "action"]
_MEMBER = re.compile(r"(?:.*/)?labels/([^/]+\.mat)$")
_TARGET = np.array([INDEX[name] for name in COLUMNS])


def items(path: PathOrUrl, options: SourceOptions) -> Iterator[Item]:
    """Label files of a folder (itself, or its ``labels``) or of the downloaded ``.tar.gz``.

    Raises
    ------
    InvalidInputError : nothing there, no label file inside, or the archive is damaged.
    """
    if isinstance(path, RemotePath) and path.is_dir():
        yield from _remote_items(path)
    elif isinstance(path, Path) and path.is_dir():
        yield from _folder_items(path)
    elif path.is_file():
        yield from _archive_items(path)
    else:
        raise InvalidInputError(f"no Penn Action at {path}: expected its labels folder or .tar.gz")


def _folder_items(path: Path) -> Iterator[Item]:
    found = [
        folder
        for folder in (path, path / "labels", path / "Penn_Action" / "labels")
        if any(folder.glob("*.mat"))
    ]
    if not found:
        raise InvalidInputError(
            f"{path} holds no *.mat label file: expected Penn Action's labels folder"
        )
    for file in sorted(found[0].glob("*.mat")):
        if not os.path.lexists(file):
            raise InvalidInputError(f"{file} was removed while the folder was read: run it again")
        if file.is_symlink() or not file.is_file():
            yield Item(file.name, b"", {"error": "is a link or not a plain file"})
        elif file.stat().st_size > _MAX_FILE_BYTES:
            yield Item(file.name, b"", {"error": f"larger than {_MAX_FILE_BYTES} bytes"})
        else:
            yield _read_file(file)


def _read_file(file: Path) -> Item:
    try:
        return Item(file.name, file.read_bytes())
    except OSError as error:
        return Item(file.name, b"", {"error": f"cannot be read ({error.strerror})"})


def _remote_items(path: RemotePath) -> Iterator[Item]:
    """Label files below an address, as ``_folder_items`` has them."""
    from pipeline.sources.remote_files import RemoteTree, read_ahead

    tree = RemoteTree(path)
    for folder in ("", "labels/", "Penn_Action/labels/"):
        inside = [PurePosixPath(member.name) for member in tree.members]
        names = [str(p) for p in inside if p.suffix == ".mat" and p.parent == PurePosixPath(folder)]
        if names:
            break
    else:
        raise InvalidInputError(
            f"{path} holds no *.mat label file: expected Penn Action's labels folder"
        )
    for name, data in read_ahead(tree, names, _MAX_FILE_BYTES):
        label = name.removeprefix(folder)
        if isinstance(data, InvalidInputError):
            yield Item(label, b"", {"error": str(data)})
        else:
            yield Item(label, data)


def _archive_items(path: PathOrUrl) -> Iterator[Item]:
    """Stream the archive: images are passed over, nothing is unpacked.

    gzip's checksum is at the very end and reading member by member never reaches it (nor does
    tarfile's own streaming check it), so the gzip stream is opened here and drained to its end.
    """
    count = 0
    seen: set[str] = set()
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if zipped else raw as opened:
                stream: Any = RatioGuard(cast(IO[bytes], opened), raw)
                with tarfile.open(fileobj=stream, mode="r|", tarinfo=TarMember) as archive:
                    while (member := archive.next()) is not None:
                        archive.members = []  # type: ignore[attr-defined]  # it keeps them all
                        match = _MEMBER.match(member.name)
                        if match:
                            count += 1
                            yield _member_item(archive, member, match[1], seen)
                while stream.read(2**20):
                    pass
    except InvalidInputError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise InvalidInputError(
            f"{path} is not a readable .tar.gz, or is damaged: {error}"
        ) from None
    if count == 0:
        raise InvalidInputError(f"{path} holds no labels/*.mat member: is it Penn_Action.tar.gz?")


def _member_item(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, seen: set[str]
) -> Item:
    if member.name.startswith("/") or ".." in member.name.split("/"):
        return Item(name, b"", {"error": "has a name that leads out of the archive"})
    if not member.isreg():
        return Item(name, b"", {"error": "is not a regular file in the archive"})
    if name in seen:
        return Item(name, b"", {"error": "stands in the archive twice"})
    seen.add(name)
    if member.size > _MAX_FILE_BYTES:
        return Item(name, b"", {"error": f"larger than {_MAX_FILE_BYTES} bytes"})
    file = archive.extractfile(member)
    return Item(name, file.read() if file else b"")


def parse(item: Item) -> list[Clip]:
    """The clip of one label file.

    Invisible keypoints are not annotated: their positions are arbitrary, often inside the box, so
    ``visibility`` alone is trusted.

    Raises
    ------
    InvalidInputError : the reason why the file can't be used.
    """
    if "error" in item.context:
        raise InvalidInputError(item.context["error"])
    name = checked_id(item.name.removesuffix(".mat"))
    data = _load(item.data)
    x, y, visible = (_matrix(data, key) for key in ("x", "y", "visibility"))
    if not x.shape == y.shape == visible.shape:
        raise InvalidInputError(
            f"x {x.shape}, y {y.shape} and visibility {visible.shape} differ in shape"
        )
    n_frames = _scalar(data, "nframes", len(x))
    if n_frames != len(x):
        raise InvalidInputError(f"nframes says {n_frames} frames, but x has {len(x)}")
    if not np.isin(visible, (0, 1)).all():
        raise InvalidInputError("visibility holds values other than 0 and 1")
    seen = visible.astype(bool)
    for key, values in (("x", x), ("y", y)):
        if bad := int((~np.isfinite(values[seen])).sum()):
            raise InvalidInputError(f"{key} has {bad} values that are not finite")
        if (np.abs(values[seen]) > 1e6).any():
            raise InvalidInputError(f"{key} has values beyond a million pixels")
    keypoints = np.full((len(x), N_KEYPOINTS, 2), np.nan)
    keypoints[:, _TARGET, 0] = np.where(seen, x, np.nan)
    keypoints[:, _TARGET, 1] = np.where(seen, y, np.nan)
    return [
        Clip(
            id=name,
            dataset=NAME,
            video=name,
            action=_action(data),
            person="",
            fps=float("nan"),
            frames=np.arange(1, len(x) + 1, dtype=np.int32),
            keypoints=keypoints,
            left_out={"keypoints: not visible": int((~seen).sum())},
        )
    ]


def _load(data: bytes) -> dict[str, Any]:
    import scipy.io

    if not data:
        raise InvalidInputError("is empty")
    try:
        loaded = scipy.io.loadmat(
            cast(Any, io.BytesIO(data)),
            variable_names=["x", "y", "visibility", "nframes", "action"],
        )
    except Warning:  # one that a filter made an error: not of the file
        raise
    except Exception as error:  # loadmat raises almost anything on damaged files
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise InvalidInputError(f"is not a readable .mat file ({text})") from None
    return dict(loaded)


def _matrix(data: dict[str, Any], key: str) -> NDArray[np.float64]:
    if key not in data:
        raise InvalidInputError(f"has no {key!r}")
    value = data[key]
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iufb":
        raise InvalidInputError(f"{key} is not a numeric array")
    if value.ndim != 2 or value.shape[1] != len(COLUMNS) or not 0 < len(value) <= _MAX_FRAMES:
        raise InvalidInputError(f"{key} has shape {value.shape}, expected (frames, {len(COLUMNS)})")
    return value.astype(np.float64)  # unsigned in many files: subtracting would wrap around


def _scalar(data: dict[str, Any], key: str, default: int) -> int:
    value = np.ravel(data.get(key, default))
    if value.size != 1 or value.dtype.kind not in "iuf" or not np.isfinite(value[0]):
        raise InvalidInputError(f"{key} is not one number")
    return int(value[0])


def _action(data: dict[str, Any]) -> str:
    value = np.ravel(data.get("action", ""))
    return checked_id(str(value[0]).strip()) if value.size == 1 else checked_id("")
