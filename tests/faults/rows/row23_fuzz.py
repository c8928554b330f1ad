"""Row 23: files of keypoint formats, fuzzed: read and written, or refused in one line."""

import shutil
from pathlib import Path

import h5py
import numpy as np

from tests.faults.damage import Rng, change_json, change_table, damaged, pick
from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from tests.faults.keypoint_files import bytes_of, smoothed
from tests.pose_smoother.poses.formats.samples import SAMPLES, make

NUMBER, FAULT = 23, "fuzzed files of keypoint formats"
TRIES, SHARE = 5_000, 2
_FILES = 50
_MAX_SECONDS, _MAX_MIB = 10.0, 500.0
_TOKENS = (
    *(b"1e999", b"-1", b"NaN", b"nan", b"null", b"[]", b"{}", b'"', b"\\", b"\x00", b"\xff"),
    *(b"\n", b"\r", b",", b";", b"9" * 400, b"\x1b[2K", b"../../x", b"=1+1", b"\xef\xbb\xbf"),
)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> list[tuple[str, Path]]:
    """A valid file of every format that `samples` writes."""
    made = []
    for name in SAMPLES:
        place = folder / name
        place.mkdir()
        made.append((name, make(name, place)))
    return made


def _spliced(data: bytes, rng: Rng) -> bytes:
    """Bytes in which parts are removed, doubled, exchanged, or replaced with odd ones."""
    for _ in range(int(rng.integers(1, 5))):
        start = int(rng.integers(len(data) + 1))
        stop = min(len(data), start + int(rng.integers(1, 40)))
        old, odd = data[start:stop], _TOKENS[int(rng.integers(len(_TOKENS)))]
        middle = (b"", 2 * old, odd, old[::-1])[int(rng.integers(4))]
        data = data[:start] + middle + data[stop:]
    return data


def _overwritten(data: bytes, rng: Rng) -> bytes:
    """Bytes of the same length: bits flipped, or odd ones in place of others."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(data)))
        token = _TOKENS[int(rng.integers(len(_TOKENS)))]
        if rng.integers(2):
            changed[at] ^= 1 << int(rng.integers(8))
        else:
            changed[at : at + len(token)] = token[: len(data) - at]
    return bytes(changed)


def _restructured(file: Path, rng: Rng) -> None:
    """A file of the same kind that holds something else: odd values, cells or arrays."""
    if file.suffix == ".json":
        for _ in range(int(rng.integers(1, 4))):
            change_json(file, rng)
    elif file.suffix == ".csv":
        for _ in range(int(rng.integers(1, 4))):
            change_table(file, rng)
    elif file.suffix == ".npz":
        arrays = dict(np.load(file))
        name = str(pick(rng, list(arrays)))
        kinds = ("U8", "f2", "c16", "?", "i1", "M8[s]")
        odd = [np.array(3), np.zeros((0, 17, 2)), arrays[name][:1], arrays[name][..., None]]
        odd += [np.zeros(arrays[name].shape, str(pick(rng, list(kinds))))]
        file.write_bytes(bytes_of({**arrays, name: pick(rng, odd)}))
    else:
        _change_hdf5(file, rng)


def _change_hdf5(file: Path, rng: Rng) -> None:
    """Put random numbers into a dataset, take one away, or change its shape."""
    with h5py.File(file, "r+") as opened:
        names: list[str] = []
        opened.visititems(lambda n, v: names.append(n) if isinstance(v, h5py.Dataset) else None)
        name = str(pick(rng, names))
        values = opened[name][()]
        kind = int(rng.integers(4))
        if kind == 0 or np.ndim(values) == 0 or values.dtype.hasobject:
            del opened[name]
            if kind:
                opened[name] = np.float64(3)
        elif kind == 1:
            raw = rng.bytes(values.nbytes)
            opened[name][...] = np.frombuffer(raw, values.dtype).reshape(values.shape)
        else:
            del opened[name]
            opened[name] = values[:-1] if kind == 2 else np.concatenate([values, values])


def _fuzz(file: Path, rng: Rng) -> None:
    kind = int(rng.integers(10))
    if kind < 4:
        _restructured(file, rng)
    elif kind < 8:
        file.write_bytes(_overwritten(file.read_bytes(), rng))
    elif kind < 9:
        file.write_bytes(_spliced(file.read_bytes(), rng))
    else:
        file.write_bytes(damaged(file.read_bytes(), "cut", rng))


def _copy(sound: Path, target: Path, rng: Rng) -> None:
    if not sound.is_dir():
        shutil.copy(sound, target)
        _fuzz(target, rng)
        return
    shutil.copytree(sound, target)
    inner = sorted(target.iterdir())
    _fuzz(inner[int(rng.integers(len(inner)))], rng)


def attempt(
    ready: list[tuple[str, Path]], folder: Path, rng: np.random.Generator, index: int
) -> Attempt:
    """Fifty files in one process; each leaves a file or a line."""
    del index
    found = Attempt(_FILES)
    actions, names = [], []
    for number in range(_FILES):
        name, sound = ready[int(rng.integers(len(ready)))]
        path = folder / f"{number}-{sound.name}"
        _copy(sound, path, rng)
        actions.append(lambda path=path: smoothed(path, path.with_name(f"out-{path.name}")))
        names.append(name)
    for outcome, name in zip(run_all(actions), names, strict=True):
        if problem := outcome.problem(_MAX_SECONDS, _MAX_MIB):
            found.problems.append(f"{name}: {problem}")
        elif outcome.kind == "refused" and str(folder) not in outcome.text:
            found.problems.append(f"{name}: the file is not named: {outcome.text[:200]}")
        found.notes["slowest, s"] = max(found.notes.get("slowest, s", 0.0), outcome.seconds)
        found.notes["read in 50"] = found.notes.get("read in 50", 0) + (outcome.kind == "done")
    return found
