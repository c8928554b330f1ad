"""Manual keypoints: what they replace, and what broken ones do to their segment."""

import contextlib
import io
import struct
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.brace_manual import manual_keypoints
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX
from tests.pipeline.sources.brace_files import (
    VIDEO,
    clips_of,
    name_of,
    npz,
    only_reason,
    parse_bytes,
    segment,
    write_folder,
    write_zip,
)


@pytest.mark.parametrize("place", ["chosen zip", "chosen folder", "inside", "beside"])
def test_manual_keypoints_replace_interpolated_ones(tmp_path, place):
    manual = np.column_stack([np.full(17, 77.0), np.arange(17) + 1.0, np.full(17, np.nan)])
    name = f"manual_keypoints/2011/{VIDEO}/img-000012.npz"
    files = {name: npz(coco_joints2d=manual)}
    data = {name_of(10, 19): segment(range(10, 20))}
    options = {}
    path = write_folder(tmp_path / "d", data)
    if place == "chosen zip":
        options["manual"] = write_zip(tmp_path / "m.zip", files)
    elif place == "chosen folder":
        options["manual"] = write_folder(tmp_path / "m", files)
    elif place == "inside":
        write_folder(path, files)
    else:
        path = write_zip(write_folder(tmp_path / "z", files) / "dataset.zip", data)
    (clip,) = clips_of(path, **options)
    assert clip.keypoints[2, INDEX["right_ankle"]].tolist() == [77.0, 17.0]
    assert clip.keypoints[1, INDEX["right_ankle"]].tolist() == [26.0, 11.5]
    assert clip.keypoints[3, INDEX["right_ankle"]].tolist() == [26.0, 13.5]


def test_manual_frames_without_a_segment_are_reported(tmp_path, caplog):
    good = npz(coco_joints2d=np.ones((17, 3)))
    manual = {f"2011/{VIDEO}/img-{n:06d}.npz": good for n in (12, 30)}
    path = write_folder(tmp_path / "d", {name_of(10, 19): segment([10, 11])})
    (clip,) = clips_of(path, manual=write_folder(tmp_path / "m", manual))
    assert clip.left_out == {"manual frames: absent from the segment": 1}
    assert "1 of 2 manual frames are in no segment" in caplog.text


@pytest.mark.parametrize("dtype", ["<f8", "<f4", ">f8", "<i2", "|u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_are_read_as_numpy_reads_them(dtype, order):
    rows = np.asarray(np.random.default_rng(0).integers(0, 99, (17, 3)), dtype, order=order)
    data = npz(coco_joints2d=rows)
    with np.load(io.BytesIO(data)) as loaded:
        np.testing.assert_array_equal(manual_keypoints(data, 17), loaded["coco_joints2d"][:, :2])


def zipped(npy: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("coco_joints2d.npy", npy)
    return file.getvalue()


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=6), st.integers(0, 99)
)
def test_a_damaged_array_gives_finite_positions_or_bad_input(flips, n_cut):
    """The checksum of the archive aside, which is right here."""
    file = io.BytesIO()
    np.save(file, np.ones((17, 3)))
    raw = bytearray(file.getvalue())
    for place, value in flips:
        raw[place % len(raw)] = value
    with warnings.catch_warnings(), contextlib.suppress(InvalidInputError):
        warnings.simplefilter("ignore")  # numpy's, of headers that Python 2 wrote
        assert np.isfinite(manual_keypoints(zipped(bytes(raw[: len(raw) - n_cut])), 17)).all()


def oversized_npy() -> bytes:
    """An .npz whose array claims 8 GB and holds 8 bytes."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 3), }\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8)
        archive.writestr("coco_joints2d.npy", npy)
    return file.getvalue()


BROKEN_MANUAL = {
    "no zip": (b"PK?", "not a readable .npz"),
    "other array": (npz(other=np.ones((17, 3))), "no array coco_joints2d"),
    "shape": (npz(coco_joints2d=np.ones((16, 3))), r"shape \(16, 3\)"),
    "pickle": (npz(coco_joints2d=np.array([{}], dtype=object)), "expected numbers"),
    "not finite": (npz(coco_joints2d=np.full((17, 3), np.inf)), "not a finite"),
    "claims 24 GB": (oversized_npy(), r"shape \(1000000000, 3\)"),
    "unfolds": (npz(coco_joints2d=np.zeros((99_999, 3))), "unfolds to|holds|bytes"),
}


@pytest.mark.parametrize("kind", BROKEN_MANUAL)
def test_a_broken_manual_file_rejects_its_segment(kind):
    data, reason = BROKEN_MANUAL[kind]
    with pytest.raises(InvalidInputError, match=f"frame 12: .*({reason})"):
        parse_bytes(segment(range(10, 20)), manual={12: data})


def test_a_damaged_manual_member_rejects_its_segment_by_name(tmp_path):
    manual = write_zip(
        tmp_path / "m.zip", {f"2011/{VIDEO}/img-000012.npz": npz(coco_joints2d=np.ones((17, 3)))}
    )
    raw = bytearray(manual.read_bytes())
    raw[90] ^= 0xFF
    manual.write_bytes(raw)
    path = write_folder(tmp_path / "d", {name_of(10, 19): segment(range(10, 20))})
    assert "img-000012.npz is damaged" in only_reason(path, manual=manual)
