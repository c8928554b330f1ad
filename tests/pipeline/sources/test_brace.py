"""BRACE as a folder or a zip: its segments, and what hostile or broken ones are answered with."""

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import ID_PATTERN, archives, brace, source
from pipeline.sources.brace_segment import COCO
from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX
from tests.pipeline.sources.brace_files import (
    TABLES,
    VIDEO,
    clips_of,
    items_of,
    name_of,
    only_reason,
    segment,
    write_folder,
    write_zip,
)


def test_the_source_registers_itself_and_labels_coco_without_eyes():
    assert source("brace") is brace
    assert len(brace.LABELLED) == 15
    assert set(brace.LABELLED) == set(COCO) - {"left_eye", "right_eye"}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("ending", [".json", ".json.json"])
def test_a_segment_becomes_a_clip_a_shot(tmp_path, packed, ending, caplog):
    files = TABLES | {name_of(10, 19, ending=ending): segment(range(10, 20))}
    path = write_zip(tmp_path / "d.zip", files) if packed else write_folder(tmp_path / "d", files)
    first, second = clips_of(path)
    assert first.id == f"{VIDEO}_10-13_toprock"
    assert second.id == f"{VIDEO}_14-19_toprock"
    assert first.frames.tolist() == [10, 11, 12, 13]
    assert second.frames.dtype == np.int32
    assert (first.video, first.action, first.person) == (VIDEO, "toprock", "el niño")
    assert first.fps == pytest.approx(29.97002997)
    assert second.keypoints.dtype == np.float64
    for k, name in enumerate(COCO):
        if name in INDEX:
            expected = [[10.0 + k, n + 0.5] for n in range(14, 20)]
            assert second.keypoints[:, INDEX[name]].tolist() == expected
    unlabelled = [i for name, i in INDEX.items() if name not in brace.LABELLED]
    assert np.isnan(second.keypoints[:, unlabelled]).all()
    assert first.left_out == second.left_out == {}
    assert not caplog.records


def test_tables_are_inside_next_to_or_where_set_and_absent_ones_are_logged(tmp_path, caplog):
    data = {name_of(10, 19): segment(range(10, 20))}
    inner = write_folder(tmp_path / "a", data | TABLES) / "dataset"
    assert len(clips_of(inner)) == 2
    zipped = write_zip(write_folder(tmp_path / "b", TABLES) / "dataset.zip", data)
    assert len(clips_of(zipped)) == 2
    assert len(clips_of(tmp_path / "b")) == 2, "a folder that holds dataset.zip"
    (tmp_path / "c").mkdir()
    bare = write_zip(tmp_path / "c" / "x.zip", data)
    told = clips_of(bare, tables=tmp_path / "b" / "annotations")
    assert len(told) == 2
    assert not caplog.records
    (clip,) = clips_of(bare)
    assert math.isnan(clip.fps)
    assert clip.person == ""
    assert [name in caplog.text for name in ("segments", "boundaries", "videos_info")] == [True] * 3
    with pytest.raises(InvalidInputError, match="not a folder"):
        items_of(bare, tables=tmp_path / "nowhere")


def test_a_later_segment_gives_up_frames_it_shares(tmp_path):
    files = {
        name_of(10, 19): segment(range(10, 20)),
        name_of(18, 25, "footwork"): segment(range(18, 26)),
        name_of(26, 27, "footwork"): segment(range(26, 28)),
    }
    clips = clips_of(write_folder(tmp_path, files))
    frames = [n for clip in clips for n in clip.frames.tolist()]
    assert frames == list(range(10, 28))
    assert [c.left_out for c in clips] == [{}, {"frames: shared with the previous segment": 2}, {}]
    assert len({c.id for c in clips}) == 3
    assert all(ID_PATTERN.fullmatch(c.id) for c in clips)


def test_a_segment_that_brings_nothing_new_is_named(tmp_path):
    files = {
        name_of(10, 19): segment(range(10, 20)),
        name_of(10, 19, ending=".json"): segment(range(10, 20)),
    }
    first, second = items_of(write_folder(tmp_path, files))
    assert len(brace.parse(first)[0].frames) == 10
    with pytest.raises(
        InvalidInputError, match=r"no frame is left of 10: 0 lie outside .* 10 in an earl"
    ):
        brace.parse(second)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_zip_with_flipped_bytes_gives_items_or_bad_input(tmp_path_factory, flips):
    path = write_zip(
        tmp_path_factory.mktemp("flip") / "d.zip", {name_of(10, 13): segment(range(10, 14))}
    )
    raw = bytearray(path.read_bytes())
    for place, value in flips:
        raw[place % len(raw)] = value
    path.write_bytes(raw)
    try:
        for item in items_of(path):
            brace.parse(item)
    except InvalidInputError:
        pass


def test_unusable_paths_say_what_was_expected(tmp_path):
    with pytest.raises(InvalidInputError, match=r"does not exist: expected BRACE's dataset.zip"):
        items_of(tmp_path / "absent")
    with pytest.raises(InvalidInputError, match=r"holds no segment: expected BRACE's dataset.zip"):
        items_of(tmp_path)
    (tmp_path / "page.zip").write_text("<html>not found</html>")
    with pytest.raises(InvalidInputError, match="not a readable zip"):
        items_of(tmp_path / "page.zip")


def test_strange_json_names_are_reported_and_other_files_left_alone(tmp_path):
    files = TABLES | {
        name_of(10, 19): segment([10]),
        "dataset/2011/x/oops.json": b"{}",
        "dataset/._x_1-2_toprock.json": b"mac",
        "README.md": b"",
        "annotations/audio_beats.json": b"{}",
    }
    strange, good = items_of(write_folder(tmp_path, files))
    assert strange.name == "dataset/2011/x/oops.json"
    with pytest.raises(InvalidInputError, match="is not named"):
        brace.parse(strange)
    assert len(brace.parse(good)) == 1


def zip_with(path: Path, name: str, times: int = 1, **attributes) -> Path:
    info = zipfile.ZipInfo(name)
    info.compress_type = attributes.pop("compress_type", zipfile.ZIP_DEFLATED)
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(path, "w") as archive:
        for _ in range(times):
            archive.writestr(info, segment(range(10, 20)))
    return path


HOSTILE = {
    "parent": ({"name": "../" + name_of(10, 19)}, "leads out"),
    "absolute": ({"name": "/" + name_of(10, 19)}, "leads out"),
    "backslash": ({"name": "..\\" + name_of(10, 19)}, "leads out"),
    "link": ({"name": name_of(10, 19), "external_attr": 0o120777 << 16}, "symbolic link"),
    "method": ({"name": name_of(10, 19), "compress_type": zipfile.ZIP_LZMA}, "only stored and"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_members_are_refused_by_name(tmp_path, kind):
    attributes, reason = HOSTILE[kind]
    assert reason in only_reason(zip_with(tmp_path / "d.zip", **attributes))


def test_an_encrypted_member_is_refused(tmp_path):
    path = zip_with(tmp_path / "d.zip", name_of(10, 19))
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 1
    path.write_bytes(raw)
    assert "is encrypted" in only_reason(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_is_refused(tmp_path):
    assert "occurs 2 times" in only_reason(zip_with(tmp_path / "d.zip", name_of(10, 19), times=2))


def test_a_bomb_and_an_oversized_file_are_refused_before_unfolding(tmp_path, monkeypatch):
    bomb = write_zip(tmp_path / "bomb.zip", {name_of(10, 19): b"0" * (4 << 20)})
    assert "times its size; 200 is allowed" in only_reason(bomb)
    monkeypatch.setattr(brace, "MAX_JSON_BYTES", 1000)
    files = {name_of(10, 19): segment(range(10, 20))}
    assert "more than 1,000 allowed" in only_reason(write_zip(tmp_path / "d.zip", files))
    assert "larger than the 1,000" in only_reason(write_folder(tmp_path / "d", files))


def test_a_damaged_member_is_rejected_and_the_rest_kept(tmp_path):
    files = {name_of(10, 19): segment(range(10, 20)), name_of(30, 39): segment(range(30, 40))}
    path = write_zip(tmp_path / "d.zip", files)
    raw = bytearray(path.read_bytes())
    raw[150] ^= 0xFF
    path.write_bytes(raw)
    damaged, good = items_of(path)
    with pytest.raises(InvalidInputError, match=r"damaged inside d\.zip"):
        brace.parse(damaged)
    assert len(brace.parse(good)) == 1


def test_links_in_a_folder_are_not_followed(tmp_path):
    outside = write_folder(tmp_path / "out", {"secret.json": segment(range(10, 20))})
    path = write_folder(tmp_path / "d", {name_of(30, 39): segment(range(30, 40))})
    (path / name_of(10, 19)).symlink_to(outside / "secret.json")
    linked, good = items_of(path)
    with pytest.raises(InvalidInputError, match="symbolic link"):
        brace.parse(linked)
    assert len(brace.parse(good)) == 1


def test_a_directory_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for index in range(99):
            archive.writestr(f"{index}", b"")
    archives.ZipTree(tmp_path / "a.zip").close()
    monkeypatch.setattr(archives, "_MAX_DIRECTORY_BYTES", 1000)
    with pytest.raises(InvalidInputError, match="its directory takes"):
        archives.ZipTree(tmp_path / "a.zip")
