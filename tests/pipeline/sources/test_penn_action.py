import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.sources import Item, SourceOptions
from pipeline.sources import penn_action as penn
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX
from tests.pipeline.penn_files import label_arrays, mat_bytes, write_labels

NO_OPTIONS = SourceOptions()


def parsed(**changes: Any) -> Any:
    arrays = label_arrays(12, 0) | changes
    kept = {name: value for name, value in arrays.items() if value is not None}
    return penn.parse(Item("0001.mat", mat_bytes(kept)))[0]


def test_the_columns_land_on_the_skeleton_and_the_head_on_the_nose() -> None:
    arrays = label_arrays(12, 0)
    clip = parsed()
    np.testing.assert_array_equal(clip.keypoints[:, 0, 0], arrays["x"][:, 0])
    np.testing.assert_array_equal(clip.keypoints[:, INDEX["left_shoulder"], 1], arrays["y"][:, 1])
    np.testing.assert_array_equal(clip.keypoints[:, INDEX["right_ankle"], 0], arrays["x"][:, 12])
    assert (~np.isnan(clip.keypoints[0, :, 0])).sum() == 13
    assert np.isnan(clip.keypoints[:, INDEX["left_ear"]]).all()
    assert (clip.id, clip.video, clip.action) == ("0001", "0001", "situp")
    assert clip.frames.tolist() == list(range(1, 13))


def test_unsigned_coordinates_do_not_wrap_around() -> None:
    x = np.tile(np.array([[200, 7, *range(11)]], np.uint8), (12, 1))
    clip = parsed(x=x, y=x)
    assert clip.keypoints[0, INDEX["left_shoulder"], 0] - clip.keypoints[0, 0, 0] == -193


def test_visibility_alone_is_trusted() -> None:
    visibility = np.ones((12, 13), np.uint8)
    visibility[3:5, 0] = 0
    clip = parsed(visibility=visibility)
    assert np.isnan(clip.keypoints[3:5, 0]).all()
    assert clip.left_out == {"keypoints: not visible": 2}
    hidden_nan = label_arrays(12, 0)["x"]
    hidden_nan[3:5, 0] = np.nan
    assert parsed(visibility=visibility, x=hidden_nan) is not None


def test_a_bbox_that_is_a_row_short_does_not_matter() -> None:
    assert len(parsed(bbox=np.zeros((11, 4))).frames) == 12


BAD = {
    "has no 'x'": {"x": None},
    "nframes says 13 frames, but x has 12": {"nframes": np.array([[13]])},
    "x has 1 values that are not finite": {
        "x": np.where(np.eye(12, 13) * np.arange(13) == 5, np.nan, 9.0)
    },
    r"x has shape \(12, 12\), expected": {"x": np.ones((12, 12))},
    "differ in shape": {"y": np.ones((11, 13))},
    "x is not a numeric array": {"x": "text"},
    "visibility holds values other than 0 and 1": {"visibility": np.full((12, 13), 2)},
    "beyond a million pixels": {"y": np.full((12, 13), 1e9)},
    "id '../up' is not": {"action": "../up"},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_broken_file_is_rejected_with_its_reason(reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        parsed(**BAD[reason])


@pytest.mark.parametrize("data", [b"", b"not a mat file", mat_bytes(label_arrays(12, 0))[:700]])
def test_bytes_that_are_no_mat_file_are_rejected(data: bytes) -> None:
    with pytest.raises(InvalidInputError):
        penn.parse(Item("0001.mat", data))


def test_an_id_can_never_be_a_path() -> None:
    with pytest.raises(InvalidInputError, match="id"):
        penn.parse(Item("../../x.mat", mat_bytes(label_arrays(12, 0))))


def tar_gz(folder: Path, path: Path, extra: list[tarfile.TarInfo] | None = None) -> Path:
    """An archive like the download: images that must never be unpacked, labels, and extras."""
    with tarfile.open(path, "w:gz") as archive:
        picture = tarfile.TarInfo("Penn_Action/frames/0001/000001.jpg")
        picture.size = 1000
        archive.addfile(picture, io.BytesIO(bytes(1000)))
        for file in sorted(folder.glob("*.mat")):
            archive.add(file, f"Penn_Action/labels/{file.name}")
        for info in extra or []:
            archive.addfile(info)
    return path


def test_folder_parent_and_archive_give_the_same_items(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "Penn_Action" / "labels", [9, 12, 30])
    archive = tar_gz(labels, tmp_path / "Penn_Action.tar.gz")
    expected = list(penn.items(labels, NO_OPTIONS))
    assert [item.name for item in expected] == ["0001.mat", "0002.mat", "0003.mat"]
    assert list(penn.items(tmp_path / "Penn_Action", NO_OPTIONS)) == expected
    assert list(penn.items(archive, NO_OPTIONS)) == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Penn_Action", "Penn_Action.tar.gz"]


def test_links_and_doubles_in_an_archive_are_named_not_read(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [9])
    link = tarfile.TarInfo("Penn_Action/labels/0002.mat")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    double = tarfile.TarInfo("Penn_Action/labels/0001.mat")
    archive = tar_gz(labels, tmp_path / "a.tar.gz", [link, double])
    reasons = [item.context.get("error", "") for item in penn.items(archive, NO_OPTIONS)]
    assert reasons == ["", "is not a regular file in the archive", "stands in the archive twice"]


def test_every_flip_in_an_archive_is_seen(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [9, 10])
    good = tar_gz(labels, tmp_path / "good.tar.gz").read_bytes()
    expected = list(penn.items(tmp_path / "good.tar.gz", NO_OPTIONS))
    bad = tmp_path / "bad.tar.gz"
    silent = []
    for place in range(60, len(good), max(1, len(good) // 60)):
        data = bytearray(good)
        data[place] ^= 0x20
        bad.write_bytes(data)
        try:
            if list(penn.items(bad, NO_OPTIONS)) != expected:
                silent.append(place)
        except InvalidInputError:
            continue
    assert silent == []


@pytest.mark.parametrize("content", [None, b"no archive", b""])
def test_a_path_that_is_no_source_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "Penn_Action.tar.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"Penn_Action\.tar\.gz"):
        list(penn.items(path, NO_OPTIONS))


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected Penn Action's labels folder"):
        list(penn.items(tmp_path, NO_OPTIONS))


def test_a_file_that_is_removed_while_the_folder_is_read_ends_the_reading(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", [9] * 3)
    reading = penn.items(labels, NO_OPTIONS)
    next(reading)
    (labels / "0002.mat").unlink()
    with pytest.raises(InvalidInputError, match=r"0002\.mat was removed while"):
        list(reading)


def test_members_of_an_archive_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in ("a.jpg", "labels/0001.mat", "b.jpg", "labels/0002.mat"):
            archive.addfile(tarfile.TarInfo(name))
    kept = []
    real = penn._member_item
    monkeypatch.setattr(
        penn, "_member_item", lambda tar, *rest: kept.append(len(tar.members)) or real(tar, *rest)
    )
    assert [item.name for item in penn.items(tmp_path / "a.tar.gz", NO_OPTIONS)] == [
        "0001.mat",
        "0002.mat",
    ]
    assert kept == [0, 0]
