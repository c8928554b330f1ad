"""Files as the tools' users make them: titles, separators and encodings other than the samples'."""

import gzip
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.poses.assumed import Caution
from pose_smoother.poses.formats import find_format, read_poses, write_keypoints
from pose_smoother.poses.tracks import Floats, Poses
from pose_smoother.smoothing.chain import make_chain
from pose_smoother.smoothing.files import smooth_file
from pose_smoother.smoothing.methods import smooth_by
from pose_smoother.smoothing.summary import summarize
from pose_smoother.smoothing.tracks import Rules

N_FRAMES = 6


def walk(n_keypoints: int = 2) -> Floats:
    """Keypoints (N_FRAMES, n, 2) of somebody who walks; no whole numbers."""
    step = np.arange(N_FRAMES)[:, None, None]
    return np.asarray(10.25 + 4.5 * step + np.arange(2.0 * n_keypoints).reshape(-1, 2))


def table(titles: str, mark: str = ",", number: str = "{}", first: str = "frame") -> list[str]:
    """Lines with the titles of x and y of two keypoints, such as ``a_x a_y b_x b_y``."""
    rows = [mark.join([first, *titles.split()])]
    for frame, points in enumerate(walk().reshape(N_FRAMES, -1).tolist()):
        rows.append(mark.join(number.format(value) for value in (float(frame), *points)))
    return rows


def one_track(path: Path, keypoints: Floats | None = None) -> Poses:
    """The poses of a file that holds one person who walks, as read and as written unchanged."""
    poses = read_poses(path)
    expected = walk() if keypoints is None else keypoints
    assert [track.frame.tolist() for track in poses.tracks] == [list(range(N_FRAMES))]
    np.testing.assert_allclose(poses.tracks[0].keypoints, expected)
    out = path.with_name(f"out_{path.name}")
    write_keypoints(poses, [track.keypoints for track in poses.tracks], out)
    if path.is_file():
        assert out.read_bytes() == path.read_bytes()
    moved = [track.keypoints + 1.5 for track in poses.tracks]
    write_keypoints(poses, moved, out)
    again = read_poses(out, format=poses.format)
    np.testing.assert_allclose(again.tracks[0].keypoints, expected + 1.5)
    return poses


@pytest.mark.parametrize(
    "titles",
    [
        "aX aY bX bY",
        "a(x) a(y) b(x) b(y)",
        "a[x] a[y] b[x] b[y]",
        "a_x_px a_y_px b_x_px b_y_px",
        "a_x[mm] a_y[mm] b_x[mm] b_y[mm]",
        "a/x a/y b/X b/Y",
    ],
)
def test_titles_of_axes_in_capitals_in_brackets_and_with_units(tmp_path: Path, titles: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(table(titles)))
    assert one_track(path).names == ("a", "b")


@pytest.mark.parametrize("mark", ["|", " ", "\t", ";"])
def test_separators(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(table("a_x a_y b_x b_y", mark)) + "\n")
    one_track(path)


def test_numbers_as_numpy_writes_them(tmp_path: Path) -> None:
    # Frames 0.000e+00, 1.000e+00 are numbers, not the names of images, and the comment is a header.
    for mark in (" ", ","):
        path = tmp_path / f"{ord(mark)}.txt"
        data = np.column_stack([np.arange(N_FRAMES), walk().reshape(N_FRAMES, -1)])
        header = mark.join(["frame", "x_0", "y_0", "x_1", "y_1"])
        np.savetxt(path, data, delimiter=mark, header=header)
        one_track(path)


def test_lines_that_are_no_data(tmp_path: Path) -> None:
    lines = table("a_x a_y b_x b_y", ";")
    path = tmp_path / "a.csv"
    ended = [line + ";" * (i > 2) for i, line in enumerate(lines)]
    path.write_text("\n".join(["sep=;", *ended[:3], "# dropped frame", *ended[3:], "# the end"]))
    one_track(path)


@pytest.mark.parametrize(
    "header",
    [
        "Frame #,Joint Name,pos_x,pos_y",
        "frame,keypoints,x_coord,y_coord",
        "time,label,X (px),Y (px)",
        "Frame Number,node,position_x,position_y",
    ],
)
def test_long_tables_by_other_names(tmp_path: Path, header: str) -> None:
    # `pos_x` and `pos_y` were taken for one keypoint "pos", and every row for another individual.
    rows = [
        f"{frame},{name},{x},{y}"
        for frame, points in enumerate(walk().tolist())
        for name, (x, y) in zip("ab", points, strict=True)
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *rows]))
    assert find_format(path) == "csv-long"
    assert one_track(path).names == ("a", "b")


def test_a_column_of_keypoints_without_frames_is_no_wide_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("second,keypoint,pos_x,pos_y\n0.1,a,1,2\n")
    with pytest.raises(InvalidInputError, match="columns second, keypoint, pos_x, pos_y: expected"):
        read_poses(path)


def test_deeplabcut_in_three_dimensions(tmp_path: Path) -> None:
    xyz = np.concatenate([walk(), walk()[..., :1] / 4], axis=-1)
    head = ["scorer" + ",S" * 6, "bodyparts,a,a,a,b,b,b", "coords" + ",x,y,z" * 2]
    rows = [",".join(map(str, (i, *row))) for i, row in enumerate(xyz.reshape(N_FRAMES, -1))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([*head, *rows]))
    one_track(path, xyz)
    # Where only some keypoints have z, it is left as it is, with a warning.
    path.write_text(path.read_text().replace("coords,x,y,z", "coords,x,y,other"))
    assert read_poses(path).tracks[0].keypoints.shape == (N_FRAMES, 2, 2)
    assert any("only some keypoints have z" in text for text in read_poses(path).warnings)


def results() -> list[dict[str, object]]:
    return [
        {"image_id": i, "category_id": 1, "keypoints": [v for xy in points for v in (*xy, 0.9)]}
        for i, points in enumerate(walk().tolist())
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_keeps_its_encoding_and_its_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "a.json"
    text = json.dumps([{"note": "é", **item} for item in results()], indent=2, ensure_ascii=False)
    path.write_bytes((text + "\n").replace("\n", end).encode(encoding))
    poses = one_track(path)
    out = tmp_path / "out.json"
    write_keypoints(poses, [track.keypoints + 1.5 for track in poses.tracks], out)
    write_keypoints(read_poses(out), [track.keypoints for track in poses.tracks], out)
    assert out.read_bytes() == path.read_bytes()


def test_the_content_decides_where_the_ending_is_another_formats(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(json.dumps(results()))
    assert find_format(path) == "coco-results"
    one_track(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"1.5,2.5\n3,4\n", "numbers without a header"),
        (b"My recording\nframe,a_x,a_y\n1,2,3\n", "columns My, recording: expected nose_x"),
        (b'{"frames": {"nose": [1, 2]}}', "JSON with the keys frames, nose"),
        (b"BZh91AY&SY", "compressed by bzip2: unpack it"),
        ("frame,a_x,a_y\n1,2,3\n".encode("utf-16-le"), "no text, or in an encoding other than"),
    ],
)
def test_a_file_of_no_format_is_refused_with_what_it_holds(
    tmp_path: Path, data: bytes, said: str
) -> None:
    path = tmp_path / "unknown"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match="no known format") as caught:
        read_poses(path)
    assert said in str(caught.value)


def test_a_folder_of_mmposes_images_is_one_recording(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    for frame, points in enumerate(walk().tolist()):
        person = {"keypoints": points, "keypoint_scores": [0.9, 0.8], "bbox": [[1, 2, 3, 4]]}
        (folder / f"clip_{frame:06d}.json").write_text(json.dumps([person]))
    (folder / "clip_000006.json").write_text("[]")
    (folder / ".DS_Store").write_bytes(b"\0")
    poses = one_track(folder)
    assert poses.format == "mmpose"
    assert not any("not copied" in text for text in poses.warnings)
    assert (tmp_path / "out_predictions" / "clip_000006.json").read_text() == "[]"


def test_arrays_of_an_archive_by_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    score = np.full(walk().shape[:2], 0.5)
    np.savez(path, kpts=walk(), confidence=score, keypoint_names=np.array(["a", "b"]))
    poses = read_poses(path)
    assert poses.names == ("a", "b")
    np.testing.assert_array_equal(poses.tracks[0].score, score)
    assert "the array kpts was taken for the keypoints" in poses.warnings
    out = tmp_path / "out.npz"
    write_keypoints(poses, [poses.tracks[0].keypoints + 1.5], out)
    with np.load(out) as found:
        np.testing.assert_array_equal(found["kpts"], walk() + 1.5)
        np.testing.assert_array_equal(found["confidence"], score)
    np.savez(path, mine=walk())
    assert read_poses(path).warnings[0] == "the array mine was taken for the keypoints"
    np.savez(path, mine=walk(), yours=walk())
    with pytest.raises(InvalidInputError, match="expected an array called keypoints, found mine"):
        read_poses(path)


def test_an_output_is_gzipped_as_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(table("a_x a_y b_x b_y")) + "\n")
    poses = read_poses(path)
    same = [track.keypoints for track in poses.tracks]
    write_keypoints(poses, same, tmp_path / "b.csv.gz")
    assert gzip.decompress((tmp_path / "b.csv.gz").read_bytes()) == path.read_bytes()
    packed = read_poses(tmp_path / "b.csv.gz")
    write_keypoints(packed, same, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_bytes() == path.read_bytes()
    write_keypoints(packed, same, tmp_path / "stdout")  # a name that says nothing: as it came
    assert (tmp_path / "stdout").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_an_ending_of_another_format_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(table("a_x a_y b_x b_y")))
    for name, warned in (("b.json", True), ("b.json.gz", True), ("b.txt", False), ("b", False)):
        caplog.clear()
        smooth_file(path, tmp_path / name, partial(smooth_by, make_chain("mean"), rules=Rules()))
        found = any("written as csv-wide, the format of the input" in m for m in caplog.messages)
        assert found == warned
        assert read_poses(tmp_path / name).format == "csv-wide"


def test_a_skeleton_that_a_file_does_not_need_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(table("a_x a_y b_x b_y")))
    assert isinstance(read_poses(path, skeleton="coco-17").warnings[-1], Caution)
    with pytest.raises(InvalidInputError, match="unknown skeleton 'coco17'"):
        read_poses(path, skeleton="coco17")
    path.write_text("\n".join(table("x_0 y_0 x_1 y_1")))
    assert not any(isinstance(text, Caution) for text in read_poses(path).warnings)


def test_a_table_of_one_point(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["frame,object_id,X,Y,area"]
    for frame, points in enumerate(walk().tolist()):
        lines += [f"{frame},{who},{x},{y},7" for who, (x, y) in enumerate(points)]
    path.write_text("\n".join(lines))
    poses = read_poses(path)
    assert (poses.format, poses.names) == ("csv-wide", ("point",))
    assert [track.person for track in poses.tracks] == ["0", "1"]
    found = np.concatenate([track.keypoints for track in poses.tracks], axis=1)
    np.testing.assert_array_equal(found, walk())
    path.write_text("frame,x,y,x_0,y_0\n1,2,3,4,5\n")
    assert read_poses(path).names == ("0",)


def test_blanks_around_numbers_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("frame, a_x, a_y, note\n" + "".join(f"{i},  {i}.5, 2.5, b\n" for i in range(5)))
    poses = read_poses(path)
    write_keypoints(poses, [track.keypoints + 1 for track in poses.tracks], tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines == ["frame, a_x, a_y, note", *(f"{i},  {i + 1}.5, 3.5, b" for i in range(5))]


def test_ids_that_occur_once_each_are_numbers_of_detections(tmp_path: Path) -> None:
    found = [{**item, "track_id": 100 + i} for i, item in enumerate(results())]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found))
    assert any("no id occurs twice" in text for text in one_track(path).warnings)
    found[-1]["track_id"] = 100
    path.write_text(json.dumps(found))
    assert len(read_poses(path).tracks) == N_FRAMES - 1
    crowd = [{**results()[i % 3], "track_id": i} for i in range(3 * 21)]  # not to be linked
    path.write_text(json.dumps(crowd))
    assert len(read_poses(path).tracks) == len(crowd)


def test_small_units_are_written_with_more_decimals(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    small = (walk() + rng.normal(0, 0.5, walk().shape)) * 1e-5  # a fly's wing, in metres
    path = tmp_path / "a.csv"
    rows = [",".join(map(repr, row)) for row in small.reshape(N_FRAMES, -1).tolist()]
    path.write_text("\n".join(["a_x,a_y,b_x,b_y", *rows]))
    poses = read_poses(path)
    moved = poses.tracks[0].keypoints + 3.3e-7
    write_keypoints(poses, [moved], tmp_path / "out.csv")
    assert "e-" not in (tmp_path / "out.csv").read_text()
    found = read_poses(tmp_path / "out.csv").tracks[0].keypoints
    np.testing.assert_allclose(found, moved, atol=1e-4 * np.abs(moved).max())
    outcome = smooth_by(make_chain("mean"), poses, Rules())
    assert summarize(poses, outcome).n_changed == 2 * N_FRAMES


def test_a_refusal_shows_what_a_file_holds_without_what_moves_a_cursor(tmp_path: Path) -> None:
    file = tmp_path / "k.csv"
    file.write_text("sc\x1b[2Korer,colour\n1,2\n")
    with pytest.raises(InvalidInputError, match=r"columns sc\\x1b\[2Korer, colour") as refused:
        read_poses(file)
    assert str(refused.value).isprintable()
