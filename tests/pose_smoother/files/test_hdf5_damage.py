"""Damage that HDF5's library hangs or crashes on: refused before it is read."""

import io
import struct
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.hdf5_damage import check_heaps, check_numbers
from pose_smoother.poses.formats.hdf5_utils import array, attribute, opened

FLOAT = struct.pack("<BBBBI", 0x11, 0x20, 0x3F, 0, 8)  # little-endian, its sign bit 63, 8 bytes
WHOLE = struct.pack("<BBBBI", 0x10, 0x08, 0, 0, 8)  # signed
TABLE = np.dtype([("name", "S3"), ("xy", "f8", (2,)), ("n", "i8")])


def bytes_of(fill: Callable[[h5py.File], object]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def check(raw: bytes) -> None:
    with h5py.File(io.BytesIO(raw)) as file:
        check_heaps(raw, file.id.get_create_plist().get_sizes()[1])


@pytest.mark.parametrize("seed", range(20))
def test_heaps_of_a_file_that_was_changed_again_and_again_are_whole(seed: int) -> None:
    rng, buffer = np.random.default_rng(seed), io.BytesIO()
    for round_ in range(3):
        with h5py.File(buffer, "a" if round_ else "w") as file:
            for _ in range(30):
                name, text = f"n{rng.integers(8)}", "x" * int(10 ** rng.uniform(0, 4))
                kind = int(rng.integers(4))
                if kind == 0:
                    file.attrs[name] = text
                elif kind == 1:
                    file.pop(name, None)
                    file.create_dataset(name, data=[text, "", "y"], dtype=h5py.string_dtype())
                elif kind == 2:
                    file.pop(name, None)
                    file[name] = np.zeros(int(rng.integers(2000)))
                elif name in file.attrs:
                    del file.attrs[name]
        check(buffer.getvalue())


@pytest.mark.parametrize("length_bytes", [4, 8])
def test_a_heap_whose_objects_do_not_follow_each_other_is_refused(length_bytes: int) -> None:
    made = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    made.set_sizes(8, length_bytes)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    with h5py.File(h5py.h5f.create(b"a", h5py.h5f.ACC_TRUNC, made, access)) as file:
        file.attrs["note"] = "a text of any length"
        file.flush()
        raw = file.id.get_file_image()
    check(raw)
    start = raw.find(b"GCOL")
    first, length = start + 16, f"<{'I' if length_bytes == 4 else 'Q'}"

    def changed(at: int, how: str, value: int) -> bytes:
        return raw[:at] + struct.pack(how, value) + raw[at + struct.calcsize(how) :]

    for damaged in (
        changed(first, "<H", 0)[: first + 8]
        + bytes(length_bytes)
        + raw[first + 8 + length_bytes :],
        changed(first + 8, length, 2 ** (8 * length_bytes) - 16),  # its end wraps to its start
        changed(first + 8, length, 4096),  # beyond the heap
        changed(first + 8, length, 8),  # the next is read within this one
        changed(start + 8, length, 0),
        changed(start + 8, length, 1 << 20),  # beyond the file
        raw[: start + 12],
    ):
        with pytest.raises(ValueError, match=f"the global heap at byte {start} is damaged"):
            check_heaps(damaged, length_bytes)


def test_a_damaged_heap_is_refused_before_anything_is_read() -> None:
    raw = bytes_of(lambda file: file.attrs.update(note="a text of any length"))
    start = raw.find(b"GCOL") + 16
    endless = raw[:start] + bytes(16) + raw[start + 16 :]
    with pytest.raises(InvalidInputError, match="the global heap at byte"), opened(endless):
        pytest.fail("it was opened")


HOLDERS: dict[str, Callable[[h5py.File, object], object]] = {
    "numbers": lambda file, kind: file.create_dataset("a", data=np.ones(3), dtype=kind),
    "a table": lambda file, _: file.create_dataset("a", data=np.ones(3, TABLE)),
    "an attribute": lambda file, kind: file.attrs.create("a", np.ones(3), dtype=kind),
    "lists": lambda file, kind: file.create_dataset("a", (3,), h5py.vlen_dtype(np.dtype(kind))),
    "names of numbers": lambda file, _: file.create_dataset(
        "a", data=np.ones(3, np.int64), dtype=h5py.enum_dtype({"one": 1}, "i8")
    ),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("kind", ["f8", "i8"])
def test_numbers_that_do_not_fill_their_bytes_are_refused(holder: str, kind: str) -> None:
    raw = bytes_of(lambda file: HOLDERS[holder](file, kind))
    head = FLOAT if kind == "f8" else WHOLE
    if head not in raw:
        pytest.skip("has no such numbers")

    def read(raw: bytes) -> object:
        with opened(raw) as file:
            return attribute(file, "a") if "a" in file.attrs else array(file, "a")

    read(raw)
    usual = head + struct.pack("<HH", 0, 64)
    assert usual in raw
    for offset, precision in ((1, 64), (0, 65), (8, 56), (0, 63)):
        damaged = raw.replace(usual, head + struct.pack("<HH", offset, precision))
        with pytest.raises(InvalidInputError, match="damaged"):
            read(damaged)


def test_a_bias_that_no_float_has_is_refused() -> None:
    raw = bytes_of(lambda file: file.create_dataset("a", data=np.ones(3, [("x", "f4")])))
    bias = struct.pack("<BBBBI", 23, 8, 0, 23, 127)  # after the places of exponent and mantissa
    assert raw.count(bias) == 1
    damaged = raw.replace(bias, bias[:7] + b"\x20")
    with pytest.raises(InvalidInputError, match="IEEE 754"), opened(damaged) as file:
        array(file, "a")


@pytest.mark.parametrize("kind", [">f2", "<f4", ">f8", "g", "u1", ">i8", "?", "c16", "S3"])
def test_the_usual_types_pass(kind: str) -> None:
    check_numbers(h5py.h5t.py_create(np.dtype(kind)))
