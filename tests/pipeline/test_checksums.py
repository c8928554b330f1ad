"""Lists of SHA-256 sums: a flip that no checksum covers is told, named and left out."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import scipy.io
from click.testing import CliRunner, Result

from pipeline.checksums import ChecksumList, read_hashes, write_hashes
from pipeline.cli import main
from pipeline.parse_files import ParsedFile
from pose_smoother.errors import InvalidInputError
from tests.pipeline.penn_files import write_labels
from tests.warm_workers import warm_workers  # noqa: F401

SUM, OTHER = "0" * 63 + "a", "1" * 64


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels, with a list of them beside that the command wrote."""
    folder = tmp_path_factory.mktemp("hashes")
    source = write_labels(folder / "labels", [9] * 6)
    done = run("check", "--penn-action", source, "--hashes", folder / "sums")
    assert done.exit_code == 0, done.output
    assert "wrote 6 SHA-256 sums" in done.output
    return source


@pytest.fixture(scope="module")
def changed(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same labels; one has another coordinate, one is new, one is gone."""
    copy = Path(shutil.copytree(labels.parent, tmp_path_factory.mktemp("changed") / "x")) / "labels"
    data = bytearray((copy / "0002.mat").read_bytes())
    at = data.index(b"x", 128 + 100)  # the variable's name; 40 bytes on, its doubles
    data[at + 40] ^= 4
    (copy / "0002.mat").write_bytes(data)
    before, after = (scipy.io.loadmat(f / "0002.mat")["x"] for f in (labels, copy))
    assert (before != after).sum() == 1  # nothing but the list tells
    shutil.copy(labels / "0001.mat", copy / "0007.mat")
    (copy / "0003.mat").unlink()
    return copy


def test_check_writes_what_sha256sum_reads(labels: Path) -> None:
    expected = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in labels.iterdir()}
    assert read_hashes(labels.parent / "sums") == expected
    if shutil.which("sha256sum"):
        words = ["sha256sum", "--check", "--strict", "--quiet", labels.parent / "sums"]
        subprocess.run(words, cwd=labels, check=True)


def test_check_reports_what_is_not_as_listed(changed: Path) -> None:
    done = run("check", "--penn-action", changed, "--hashes", changed.parent / "sums")
    assert done.exit_code == 1
    assert "0002.mat: has another SHA-256 than listed" in done.output
    assert "0007.mat: is not in the list of SHA-256 sums" in done.output
    assert "error: 2 files are not as" in done.output


def test_preprocess_leaves_out_what_is_not_as_listed_and_mending_does_so_too(
    changed: Path, tmp_path: Path
) -> None:
    store, sums = tmp_path / "store", changed.parent / "sums"
    done = run("preprocess", "--penn-action", changed, "--hashes", sums, "--out", store)
    assert done.exit_code == 0, done.output
    assert "2 of 6 files rejected: 0002.mat has another SHA-256" in done.output
    found = {e["name"]: e for e in json.loads((store / "report.json").read_bytes())["files"]}
    assert {n for n, e in found.items() if e["status"] == "rejected"} == {"0002.mat", "0007.mat"}
    assert found["0007.mat"]["reason"] == "is not in the list of SHA-256 sums"
    assert found["0002.mat"]["clips"] == 0
    manifest = (store / "MANIFEST.json").read_bytes()
    (store / "train/heatmaps/c/0/0/0/0").write_bytes(b"torn")
    sums = sums.rename(tmp_path / "moved")
    done = run("preprocess", "--penn-action", changed, "--out", store)
    assert done.exit_code == 1
    assert "comes out different" in done.output
    done = run("preprocess", "--penn-action", changed, "--hashes", sums, "--out", store)
    assert done.exit_code == 0, done.output
    assert "made 1 part again: shard train/heatmaps/00000" in done.output
    assert run("verify", store).exit_code == 0
    assert (store / "MANIFEST.json").read_bytes() == manifest


def test_a_list_that_fits_changes_nothing_and_absent_files_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_hashes(tmp_path / "sums", {"a.mat": SUM, "gone.mat": OTHER})
    outcomes = [ParsedFile("penn-action", "a.mat", SUM, [])]
    trust = ChecksumList(tmp_path / "sums")
    assert list(trust.judged(outcomes)) == outcomes
    trust.tell_absent()
    assert "1 of the 2 files that" in caplog.text
    assert "gone.mat" in caplog.text
    assert list(ChecksumList(None).judged(outcomes)) == outcomes


def test_a_file_that_was_rejected_anyway_keeps_its_reason(tmp_path: Path) -> None:
    write_hashes(tmp_path / "sums", {"a.mat": OTHER})
    (found,) = ChecksumList(tmp_path / "sums").judged(
        [ParsedFile("p", "a.mat", SUM, [], "cut at byte 8")]
    )
    assert found.reason.startswith("cut at byte 8; has another SHA-256")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no sum at all\n", "line 1: expected a SHA-256 sum"),
        (f"# fine\n{SUM}  a\n{OTHER}  a\n", "line 3: a has another sum above"),
        (f"{SUM[:-1]}  a\n", "line 1: expected"),
    ],
)
def test_a_list_of_another_kind_is_one_clear_error(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "sums").write_text(text)
    with pytest.raises(InvalidInputError, match=told):
        read_hashes(tmp_path / "sums")


def test_the_spellings_of_sha256sum_are_read(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{SUM} *a.mat\n\n{OTHER.upper()}  ./b c.mat\n")
    assert read_hashes(tmp_path / "sums") == {"a.mat": SUM, "b c.mat": OTHER}
    with pytest.raises(InvalidInputError, match="can't be read"):
        read_hashes(tmp_path / "none")
