"""Row 23: files of keypoint formats, fuzzed: read and written, or refused in one line."""

import gzip
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.faults.damage import Rng, change_hdf5, change_json, damaged, pick
from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from tests.faults.keypoint_files import bytes_of, smoothed
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES
from tests.pose_smoother.poses.formats.samples import SAMPLES

NUMBER, FAULT = 23, "fuzzed files of keypoint formats"
TRIES, SHARE = 6_000, 2
_FILES = 50
_MAX_SECONDS, _MAX_MIB, _HEAP_MIB = 10.0, 500.0, 4_200.0
_TOKENS = (
    *(b"1e999", b"-1", b"NaN", b"nan", b"null", b"[]", b"{}", b'"', b"\\", b"\x00", b"\xff"),
    *(b"\n", b"\r", b",", b";", b"9" * 400, b"\x1b[2K", b"../../x", b"=1+1", b"\xef\xbb\xbf"),
    *(b"1000000000000", b"-9223372036854775808", b"18446744073709551615", b"1e308", b"1e-320"),
    *(
        b"\t",
        b" ",
        b"'",
        b"#",
        b"<script>",
        b"Infinity",
        b"1_000",
        "\u0663".encode(),
        b"0x10",
        b"1,5",
    ),
)
_ODD_FRAMES = ("999999999999", "9" * 18, "9" * 30, "-5", "1e6", "007", "\u0663", "", "7 7", "..")
_JSON = (".json", ".jsonl")
_TABLES = {".csv": ",", ".trc": "\t", ".txt": " "}


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> list[tuple[str, Path]]:
    """A valid file of every sample, which are of every format."""
    makers = {name: (file, maker) for name, (file, maker, _) in SAMPLES.items()}
    makers |= {name: (sample.file, sample.make) for name, sample in MORE_SAMPLES.items()}
    made = []
    for name, (file, maker) in makers.items():
        place = folder / name
        place.mkdir()
        maker(place / file)
        made.append((name, place / file))
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


def _change_cells(data: bytes, separator: bytes, rng: Rng) -> bytes:
    """A table's bytes with another cell, row or column somewhere."""
    rows = [line.split(separator) for line in data.split(b"\n")]
    row = rows[int(rng.integers(len(rows)))]
    at, kind = int(rng.integers(len(row))), int(rng.integers(8))
    if kind < 5:
        row[at] = _TOKENS[int(rng.integers(len(_TOKENS)))]
    elif kind == 5:
        del row[at]
    elif kind == 6:
        row.insert(at, row[at])
    else:
        rows.insert(int(rng.integers(len(rows))), list(row))
    return b"\n".join(separator.join(cells) for cells in rows)


def _odd_array(values: np.ndarray[Any, Any], rng: Rng) -> Any:
    """An array of another shape, type or size, or with numbers that are none."""
    kinds = ("U8", "S3", "f2", "c16", "?", "i1", "u8", "M8[s]", ">f8")
    odd = [np.array(3), np.zeros((0, 17, 2)), np.atleast_1d(values)[:1], values[..., None]]
    odd += [np.zeros(values.shape, str(pick(rng, list(kinds))))]
    if values.dtype.kind == "f":
        odd += [np.full_like(values, bad) for bad in (np.nan, np.inf, 1e30)]
    return pick(rng, odd)


def _restructured(file: Path, rng: Rng) -> None:
    """A file of the same kind that holds something else: odd values, cells or arrays."""
    times = int(rng.integers(1, 4))
    if file.suffix in _JSON and not _is_lines(file):
        for _ in range(times):
            change_json(file, rng)
    elif file.suffix in (*_TABLES, *_JSON):
        separator = _TABLES.get(file.suffix, ",").encode()
        for _ in range(times):
            file.write_bytes(_change_cells(file.read_bytes(), separator, rng))
    elif file.suffix == ".npz":
        arrays = dict(np.load(file))
        name = str(pick(rng, list(arrays)))
        file.write_bytes(bytes_of({**arrays, name: _odd_array(arrays[name], rng)}))
    elif file.suffix == ".npy":
        np.save(file, _odd_array(np.load(file), rng))
    elif h5py.is_hdf5(file):
        change_hdf5(file, rng)
    else:
        file.write_bytes(_spliced(file.read_bytes(), rng))


def _is_lines(file: Path) -> bool:
    return b"}\n{" in file.read_bytes()


def _fuzz(file: Path, rng: Rng) -> None:
    if file.suffix == ".gz" and rng.integers(3):  # what is packed is odd; or the packing
        plain = file.with_suffix("")
        plain.write_bytes(gzip.decompress(file.read_bytes()))
        _fuzz(plain, rng)
        file.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
        plain.unlink()
        return
    kind = int(rng.integers(10))
    if kind < 4 and file.suffix != ".gz":
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
    file = pick(rng, sorted(target.iterdir()))
    assert isinstance(file, Path)
    kind = int(rng.integers(8))
    if kind == 0:
        number = re.sub(r"[0-9]+", str(pick(rng, list(_ODD_FRAMES))), file.name, count=1)
        shutil.copy(file, target / f"x{number}")
    elif kind == 1:
        shutil.copy(file, target / ("\x1b[2K<b>" + file.name))
    else:
        _fuzz(file, rng)


def _met(path: Path, out: Path, page: int) -> str:
    """Smooth a file and read the result again; some are also made into a page."""
    from pose_smoother.inspection.inspect import inspect
    from pose_smoother.inspection.page import report_page
    from pose_smoother.poses.formats import read_poses
    from pose_smoother.view.write import write_view

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python's own would show a line of our code
        before = read_poses(path)
        said = smoothed(path, out)
        after = read_poses(out, format=before.format)
        n = [sum(track.score.size for track in poses.tracks) for poses in (before, after)]
        assert n[0] == n[1], f"{n[0]} points were read, {n[1]} are in the output"
        if page == 0:
            report_page(inspect(path))
        elif page == 1:
            write_view(path, (out,), out.parent / f"{out.name}.html")
    return said


def attempt(
    ready: list[tuple[str, Path]], folder: Path, rng: np.random.Generator, index: int
) -> Attempt:
    """Fifty files in one process; each leaves a file or a line."""
    found = Attempt(_FILES)
    actions, names = [], []
    for number in range(_FILES):
        name, sound = ready[(index * _FILES + number) % len(ready)]
        path = folder / f"{number}-{sound.name}"
        _copy(sound, path, rng)
        out, page = path.with_name(f"out-{path.name}"), int(rng.integers(8))
        actions.append(lambda path=path, out=out, page=page: _met(path, out, page))
        names.append(name)
    for outcome, name in zip(run_all(actions), names, strict=True):
        # HDF5 takes the memory that a damaged text states before it looks: docs/reliability.md.
        most = _HEAP_MIB if "global heap" in outcome.text else _MAX_MIB
        if problem := outcome.problem(_MAX_SECONDS, most):
            found.problems.append(f"{name}: {problem}")
        elif outcome.kind == "refused" and str(folder) not in outcome.text:
            found.problems.append(f"{name}: the file is not named: {outcome.text[:200]}")
        found.notes["slowest, s"] = max(found.notes.get("slowest, s", 0.0), outcome.seconds)
        found.notes["read in 50"] = found.notes.get("read in 50", 0) + (outcome.kind == "done")
    return found
