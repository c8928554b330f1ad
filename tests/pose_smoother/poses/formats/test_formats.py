"""What every format must keep, whatever it looks like inside."""

import contextlib
import gzip
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.formats import find_format, formats, read_poses, write_keypoints
from pose_smoother.poses.formats.evidence import Evidence
from pose_smoother.poses.formats.packed import unpacked
from pose_smoother.poses.skeletons import skeleton
from pose_smoother.poses.tracks import Floats, Poses
from tests.conftest import ROOT
from tests.pose_smoother.poses.formats import samples
from tests.pose_smoother.poses.formats.more_samples import MORE_SAMPLES
from tests.pose_smoother.poses.formats.samples import SAMPLES
from tests.pose_smoother.poses.test_keypoint_names import people

FORMAT_OF = {
    **{name: format for name, (_, _, format) in SAMPLES.items()},
    **{name: sample.format for name, sample in MORE_SAMPLES.items()},
}
every_sample = pytest.mark.parametrize("sample", FORMAT_OF)


def make(name: str, folder: Path) -> Path:
    """Write a sample into a folder; its path."""
    if name in SAMPLES:
        return samples.make(name, folder)
    MORE_SAMPLES[name].make(folder / MORE_SAMPLES[name].file)
    return folder / MORE_SAMPLES[name].file


def expected(name: str) -> dict[str, tuple[list[int], Floats]]:
    """Track -> (frames, keypoints)."""
    return samples.expected(name) if name in SAMPLES else MORE_SAMPLES[name].tracks


def expected_scores(name: str) -> list[Floats] | None:
    """Each track's scores; None where they are not compared."""
    return samples.expected_scores(name) if name in SAMPLES else MORE_SAMPLES[name].scores


def out_path(folder: Path, path: Path, name: str = "out") -> Path:
    """A path for the same kind of file."""
    return folder / f"{name}{''.join(path.suffixes)}"


def content(path: Path) -> Any:
    """Everything that a file says: parsed JSON, text, every array and attribute."""
    if path.is_dir():
        return {p.name: content(p) for p in sorted(path.iterdir())}
    if path.suffix == ".json":
        text = path.read_text()
        values = text.splitlines() if text.startswith('{"frame":') else [text]
        return [[repr(json.loads(value)) for value in values], text[:30], text[-3:]]
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            return [(i.filename, i.compress_type, archive.read(i)) for i in archive.infolist()]
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if not h5py.is_hdf5(path):
        return path.read_bytes()
    found: dict[str, Any] = {}
    with h5py.File(path) as file:

        def visit(name: str, value: Any) -> None:
            whole = value[()] if isinstance(value, h5py.Dataset) else None
            if isinstance(whole, np.ndarray) and whole.dtype != object:
                whole = whole.tobytes()  # the very bits, also of NaN and padding
            found[name] = (str(whole), {key: str(v) for key, v in value.attrs.items()})

        file.visititems(visit)
    return found


def same_tracks(a: Poses, b: Poses, shift: float = 0.0) -> None:
    assert a.names == b.names
    assert [t.id for t in a.tracks] == [t.id for t in b.tracks]
    for one, other in zip(a.tracks, b.tracks, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.score, other.score)
        np.testing.assert_allclose(one.keypoints + shift, other.keypoints, atol=1e-6)


def test_every_format_has_a_sample() -> None:
    assert set(FORMAT_OF.values()) == set(formats())


def test_the_page_of_keypoint_files_has_a_row_for_every_format() -> None:
    rows = re.findall(r"^\| `(.+?)` \|", (ROOT / "docs/own-keypoints.md").read_text(), re.MULTILINE)
    assert set(formats()) <= set(rows)


@every_sample
def test_format_is_found_and_read(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    assert find_format(path) == FORMAT_OF[sample]
    poses = read_poses(path)
    found = {track.id: track for track in poses.tracks}
    wanted = expected(sample)
    assert list(found) == list(wanted)
    order = list(range(len(poses.names)))
    if sample == "poses.nwb":  # HDF5 lists the series by name
        order = [("nose", "left_shoulder", "tail").index(name) for name in poses.names]
    for name, (frames, keypoints) in wanted.items():
        assert found[name].frame.tolist() == frames
        np.testing.assert_allclose(found[name].keypoints, keypoints[:, order], atol=1e-9)
        assert found[name].score.shape == keypoints.shape[:2]
    for track, score in zip(poses.tracks, expected_scores(sample) or [], strict=False):
        np.testing.assert_array_equal(track.score, score)


@every_sample
def test_every_sample_is_claimed_by_its_own_format_alone(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    with unpacked(path) as plain:
        claims = {name: module.claims(plain) for name, module in formats().items()}
    surest = max(claims.values())
    assert surest > Evidence.ENDING
    assert [name for name, claim in claims.items() if claim == surest] == [FORMAT_OF[sample]]


@every_sample
def test_a_damaged_file_is_read_or_refused(sample: str, tmp_path: Path) -> None:
    """``tests/faults/rows/row23_fuzz.py`` damages folders and HDF5, too."""
    path = make(sample, tmp_path)
    if path.is_dir() or h5py.is_hdf5(path):
        return
    data = path.read_bytes()
    half = len(data) // 2
    inserted = [data[:half] + odd + data[half:] for odd in (b"\xff", b"x", b"\t")]
    for harmed in (*inserted, data[:half], data[: len(data) // 20]):
        path.write_bytes(harmed)
        with contextlib.suppress(InvalidInputError):
            read_poses(path, format=FORMAT_OF[sample])


def test_what_a_format_says_it_holds_is_in_some_sample(tmp_path: Path) -> None:
    held: dict[str, set[str]] = {name: set() for name in formats()}
    for number, sample in enumerate(FORMAT_OF):
        (tmp_path / str(number)).mkdir()
        poses = read_poses(make(sample, tmp_path / str(number)))
        if sample in MORE_SAMPLES:
            assert poses.fps == MORE_SAMPLES[sample].fps
        held[FORMAT_OF[sample]] |= {
            name
            for name, there in {
                "scores": any(np.isfinite(track.score).any() for track in poses.tracks),
                "fps": poses.fps is not None,
                "3-D": poses.tracks[0].keypoints.shape[-1] == 3,
            }.items()
            if there
        }
    held["sleap"].add("fps")  # its sample names no frame rate
    assert held == {name: set(module.HAS) - {"layout"} for name, module in formats().items()}


@every_sample
def test_nothing_changed_gives_the_same_file(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = out_path(tmp_path, path)
    write_keypoints(poses, [track.keypoints for track in poses.tracks], out)
    assert content(out) == content(path)


@every_sample
def test_nan_keeps_the_files_own_values(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = out_path(tmp_path, path)
    write_keypoints(poses, [np.full_like(track.keypoints, np.nan) for track in poses.tracks], out)
    assert content(out) == content(path)


@every_sample
def test_new_coordinates_are_read_back_and_nothing_else_changes(
    sample: str, tmp_path: Path
) -> None:
    path = make(sample, tmp_path)
    before = content(path)
    poses = read_poses(path)
    moved, back = out_path(tmp_path, path, "moved"), out_path(tmp_path, path, "back")
    write_keypoints(poses, [track.keypoints + 1.25 for track in poses.tracks], moved)
    again = read_poses(moved)
    same_tracks(poses, again, 1.25)
    assert content(path) == before != content(moved)
    # Put back, the file is the first one again: nothing but coordinates had changed.
    write_keypoints(again, [track.keypoints for track in poses.tracks], back)
    assert content(back) == before


@every_sample
def test_writing_twice_gives_the_same(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    outs = [out_path(tmp_path, path, str(i)) for i in range(2)]
    for out in outs:
        write_keypoints(poses, [track.keypoints * 0.5 for track in poses.tracks], out)
    assert content(outs[0]) == content(outs[1])


@every_sample
def test_a_missing_keypoint_takes_a_new_position(sample: str, tmp_path: Path) -> None:
    path = make(sample, tmp_path)
    poses = read_poses(path)
    out = out_path(tmp_path, path)
    new = [np.where(np.isnan(t.keypoints), 41.5, t.keypoints) for t in poses.tracks]
    write_keypoints(poses, new, out)
    # A visibility flag is not a coordinate: what it calls missing stays so.
    if sample not in ("coco_annotations", "coco_video", "sleap.slp", "sleap_fps"):
        again = read_poses(out)
        for track, values in zip(again.tracks, new, strict=True):
            np.testing.assert_allclose(track.keypoints, values, atol=1e-6)


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    poses = read_poses(make("csv_long", tmp_path))
    with pytest.raises(InvalidInputError, match="tracks' shapes"):
        write_keypoints(
            poses, [track.keypoints[1:] for track in poses.tracks], tmp_path / "out.csv"
        )
    with pytest.raises(InvalidInputError, match="tracks' shapes"):
        write_keypoints(poses, [], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_unknown_format_and_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no such file"):
        read_poses(tmp_path / "none.json")
    path = make("csv_long", tmp_path)
    with pytest.raises(
        InvalidInputError, match=r"unknown format 'xml'; known: .*coco-results, .*csv-long"
    ):
        read_poses(path, format="xml")
    with pytest.raises(InvalidInputError, match="no column for frame, keypoint, x, y"):
        read_poses(make_text(tmp_path, "a,b\n1,2\n"), format="csv-long")
    with pytest.raises(InvalidInputError, match="no known format"):
        read_poses(make_text(tmp_path, "a,b\n1,2\n"))


def make_text(folder: Path, text: str, name: str = "b.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    poses = read_poses(make("csv_long", tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        write_keypoints(poses, [t.keypoints for t in poses.tracks], tmp_path / "file" / "out.csv")


def test_the_table_of_tools_has_every_format_and_no_other() -> None:
    page = Path(__file__).parents[4] / "docs" / "formats.md"
    rows = [line.split("|")[1:-1] for line in page.read_text().splitlines() if line[:2] == "| "]
    table = [[cell.strip() for cell in row] for row in rows if len(row) == 7][1:]
    named = {name for row in table for name in re.findall(r"^`([\w-]+)`$", row[1])}
    assert named == set(formats())
    others = {row[1] for row in table} - {f"`{name}`" for name in named}
    assert others == {"refused by name", "its own"}
    for row in table:
        assert row[2] == ("no" if row[1] == "refused by name" else "yes"), row


@pytest.mark.parametrize("lying", [False, True])
@pytest.mark.parametrize("name", ["body-25", "body-25b", "coco-17", "h36m-17"])
def test_every_format_without_names_looks_at_the_limbs(
    name: str, lying: bool, tmp_path: Path
) -> None:
    xy = people(name)[:, :, ::-1] if lying else people(name)  # limbs along either axis
    xy = np.round(xy + 300, 3)
    flat = [[v for point in frame for v in (*point, 0.5)] for frame in xy.tolist()]
    results = [{"image_id": i, "keypoints": points} for i, points in enumerate(flat)]
    pifpaf = [{"frame": i, "predictions": [{"keypoints": v}]} for i, v in enumerate(flat)]
    mmpose = [
        {
            "frame_id": i,
            "instances": [{"keypoints": points, "keypoint_scores": [0.5] * len(points)}],
        }
        for i, points in enumerate(xy.tolist())
    ]
    files = {
        "a.json": json.dumps(results),
        "b.json": json.dumps({f"{i}.jpg": [{"keypoints": v}] for i, v in enumerate(flat)}),
        "c.json": json.dumps(mmpose),
        "d.jsonl": "\n".join(map(json.dumps, pifpaf)),
    }
    for file, text in files.items():
        poses = read_poses(make_text(tmp_path, text, file))
        assert poses.names == skeleton(name).keypoints, file
        np.testing.assert_array_equal(poses.tracks[0].keypoints, xy)
    np.savez(tmp_path / "e.npz", keypoints=xy)
    assert read_poses(tmp_path / "e.npz").names == skeleton(name).keypoints
