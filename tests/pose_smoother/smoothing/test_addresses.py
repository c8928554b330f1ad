"""``smooth`` of files at addresses, in and out."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pose_smoother.cli import main
from pose_smoother.remote import retry
from tests.pose_smoother.poses.formats.samples import make

fsspec = pytest.importorskip("fsspec", reason="needs the extra 'remote'")
TABLE = "frame,nose_x,nose_y\n" + "".join(f"{i},{i % 3},{2 + i % 2}\n" for i in range(9))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(retry.time, "sleep", lambda seconds: None)
    return fsspec.filesystem("memory")


@pytest.fixture
def place(memory: Any) -> str:
    return f"memory://{uuid.uuid4().hex}"


def smooth(*words: object) -> Result:
    return CliRunner().invoke(main, ["smooth", "--smoother", "mean", *map(str, words)])


@pytest.fixture
def expected(tmp_path: Path) -> bytes:
    """What is made of the table on this machine."""
    (tmp_path / "here.csv").write_text(TABLE)
    assert smooth(tmp_path / "here.csv", "--out", tmp_path / "made.csv").exit_code == 0
    return (tmp_path / "made.csv").read_bytes()


def test_a_file_goes_from_an_address_to_an_address(memory, place, expected) -> None:
    memory.pipe(f"{place}/in/k.csv", TABLE.encode())
    words = (f"{place}/in/k.csv", "--out", f"{place}/out/s.csv")
    done = smooth(*words)
    assert done.exit_code == 0, done.output
    assert f"wrote {place}/out/s.csv: 9 frames" in done.output
    assert "/tmp" not in done.output
    assert memory.cat(f"{place}/out/s.csv") == expected
    again = smooth(*words)
    assert again.exit_code == 1
    assert f"{place}/out/s.csv exists already: --overwrite replaces it" in again.output
    assert smooth(*words, "--overwrite").exit_code == 0
    onto = smooth(words[0], "--out", words[0], "--overwrite")
    assert f"{place}/in/k.csv is the input" in onto.output
    assert memory.cat(f"{place}/in/k.csv") == TABLE.encode()


def test_addresses_and_paths_go_together(memory, place, expected, tmp_path) -> None:
    memory.pipe(f"{place}/k.csv", TABLE.encode())
    assert smooth(f"{place}/k.csv", "--out", tmp_path / "a.csv").exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == expected
    assert smooth(f"file://{tmp_path}/here.csv", "--out", f"{place}/b.csv").exit_code == 0
    assert memory.cat(f"{place}/b.csv") == expected


def test_a_folder_at_an_address_goes_on_where_it_was_stopped(
    memory, place, expected, tmp_path
) -> None:
    for name in ("a.csv", "b.csv", "junk.csv", "notes.md", "deeper/c.csv"):
        text = "junk\n" if name == "junk.csv" else TABLE
        memory.pipe(f"{place}/in/{name}", text.encode())
    out = tmp_path / "out"
    done = smooth(f"{place}/in", "--out", out)
    assert done.exit_code == 1
    assert f"error: {place}/in/junk.csv: no known format" in done.output
    assert sorted(path.name for path in out.glob("*.csv")) == ["a.csv", "b.csv"]
    assert (out / "a.csv").read_bytes() == expected
    memory.pipe(f"{place}/in/junk.csv", TABLE.encode())
    again = smooth(f"{place}/in", "--out", out)
    assert again.exit_code == 0, again.output
    assert "2 of 3 files are written already" in again.output
    there = smooth(f"{place}/in", "--out", f"{place}/out")
    assert there.exit_code == 0, there.output
    assert memory.cat(f"{place}/out/junk.csv") == expected


def test_a_folder_of_frames_is_one_input_where_its_format_is_named(memory, place, tmp_path) -> None:
    make("openpose", tmp_path)
    memory.put(str(tmp_path / "frames"), f"{place}/frames", recursive=True)
    words = ("--format", "openpose", "--out")
    assert smooth(tmp_path / "frames", *words, tmp_path / "o").exit_code == 0
    done = smooth(f"{place}/frames", *words, f"{place}/o")
    assert done.exit_code == 0, done.output
    for file in (tmp_path / "o").iterdir():
        assert memory.cat(f"{place}/o/{file.name}") == file.read_bytes()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("memory://nowhere/k.csv", "--out", "o.csv"), "memory://nowhere/k.csv: no such file"),
        (("nowhere-at-all://a/k.csv", "--out", "o.csv"), "Protocol not known"),
    ],
)
def test_what_cannot_be_reached_is_one_line(memory, words, text, tmp_path) -> None:
    done = smooth(*(tmp_path / word if word == "o.csv" else word for word in words))
    assert done.exit_code == 1
    assert text in done.output
    assert len(done.output.splitlines()) == 1


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("pose_smoother.extras.find_spec", lambda name: None)
    done = smooth("s3://bucket/k.csv", "--out", tmp_path / "o.csv")
    assert done.exit_code == 1
    assert "s3://bucket/k.csv: fsspec is not installed: pip install" in done.output
    assert len(done.output.splitlines()) == 1
