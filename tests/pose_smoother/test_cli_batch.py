"""The command ``smooth`` on several files, folders and standard input."""

import errno
import gzip
import io
import json
import multiprocessing.context
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.worker_pool import Workers
from pose_smoother import cli_batch
from pose_smoother.cli import main
from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.atomic import WriteError
from pose_smoother.poses.formats import read_poses
from tests.conftest import ROOT
from tests.pose_smoother.poses.formats.samples import SAMPLES

TABLE = "frame,nose_x,nose_y\n" + "".join(f"{i},{i % 3},{2 + i % 2}\n" for i in range(9))


def invoke(*words: object, data: bytes | None = None) -> Result:
    source = None if data is None else io.BytesIO(data)
    return CliRunner().invoke(main, [str(word) for word in words], input=source)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "in" / name).write_text(TABLE)
    return tmp_path / "in"


def test_a_folder_goes_to_a_folder_and_a_bad_file_is_named(folder: Path) -> None:
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out-dir", out)
    assert invoke(*words).exit_code == 0
    good = (out / "a.csv").read_text()
    assert good == (out / "b.csv").read_text() != TABLE
    (folder / "aa.csv").write_text("junk\n")
    done = invoke(*words, "--overwrite")
    assert done.exit_code == 1
    assert f"error: {folder / 'aa.csv'}: no known format" in done.output
    assert "error: 1 of 3 files failed; the others were smoothed" in done.output
    assert (out / "b.csv").read_text() == good
    assert not (out / "aa.csv").exists()


def test_the_same_command_again_goes_on(folder: Path) -> None:
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out", out)
    assert invoke(*words).exit_code == 0
    before = {name: (out / name).stat() for name in ("a.csv", "b.csv")}
    done = invoke(*words)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "2 of 2 files are written already" in done.stderr
    (folder / "b.csv").write_text(TABLE + "9,0,2\n")
    (folder / "c.csv").write_text(TABLE)
    done = invoke(*words)
    assert done.exit_code == 0
    assert "1 of 3 files are written already" in done.stderr
    assert (out / "a.csv").stat() == before["a.csv"]
    assert (out / "b.csv").stat().st_size > before["b.csv"].st_size
    assert (out / "c.csv").read_bytes() == (out / "a.csv").read_bytes()


def test_what_the_user_changed_stays(folder: Path) -> None:
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out", out)
    assert invoke(*words).exit_code == 0
    (out / "b.csv").write_text("mine\n")
    done = invoke(*words)
    assert done.exit_code == 1
    assert f"{out / 'b.csv'} exists already" in done.stderr
    assert (out / "b.csv").read_text() == "mine\n"


def test_what_a_kill_left_is_written_again(folder: Path) -> None:
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out", out)
    assert invoke(*words).exit_code == 0
    whole = (out / "b.csv").read_bytes()
    journal = out / ".pose-smoother.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    written = max(i for i, line in enumerate(lines) if line.startswith(b'["b.csv", '))
    journal.write_bytes(b"".join(lines[:written]) + lines[written][:20])  # cut off
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    assert "1 of 2 files are written already" in done.stderr
    assert (out / "b.csv").read_bytes() == whole
    assert "2 of 2 files" in invoke(*words).stderr


def test_a_kill_while_a_changed_input_was_smoothed_again_is_mended_too(folder: Path) -> None:
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out", out)
    assert invoke(*words).exit_code == 0
    (folder / "b.csv").write_text(TABLE + "9,0,2\n")
    assert invoke(*words).exit_code == 0
    again = (out / "b.csv").read_bytes()
    journal = out / ".pose-smoother.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))  # written, but not yet noted
    assert invoke(*words).exit_code == 0
    assert (out / "b.csv").read_bytes() == again


def test_a_linked_journal_is_not_written_through(folder: Path) -> None:
    out = folder.with_name("out")
    out.mkdir()
    other = folder.with_name("other.txt")
    other.write_text("")
    (out / ".pose-smoother.jsonl").symlink_to(other)
    done = invoke("smooth", folder, "--smoother", "mean", "--out", out)
    assert done.exit_code != 0
    assert other.read_text() == ""


def test_a_dask_cluster_writes_the_same_files(folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    (folder / "bad.csv").write_text("junk\n")
    one, two = folder.with_name("one"), folder.with_name("two")
    words = ("smooth", folder, "--smoother", "mean", "--out")
    assert invoke(*words, one).exit_code == 1
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        done = invoke(*words, two, "--scheduler", cluster.scheduler_address)
    assert done.exit_code == 1
    assert f"error: {folder / 'bad.csv'}: no known format" in done.output
    for name in ("a.csv", "b.csv"):
        assert (two / name).read_bytes() == (one / name).read_bytes()


def test_a_scheduler_that_is_not_there_is_one_line(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("pose_smoother.dask_cluster.CONNECT_TIMEOUT_S", 0.5)
    words = ("smooth", folder, "--out", folder.with_name("out"), "--scheduler")
    done = invoke(*words, "tcp://127.0.0.1:1")
    assert done.exit_code == 1
    assert "error: no Dask scheduler answers at tcp://127.0.0.1:1 within 0.5 s" in done.output
    alone = ("smooth", folder / "a.csv", "--out", folder.with_name("a.csv"))
    assert invoke(*alone, "--scheduler", "tcp://127.0.0.1:1").exit_code == 2


def test_workers_write_the_same_files(folder: Path) -> None:
    words = ("smooth", folder / "a.csv", folder / "b.csv", "--smoother", "mean", "--out-dir")
    one, two = folder.with_name("one"), folder.with_name("two")
    assert invoke(*words, one).exit_code == 0
    done = invoke("-q", *words, two, "--workers", 2)
    assert done.exit_code == 0, done.output
    assert "wrote" not in done.output
    assert [f.read_bytes() for f in sorted(one.glob("*.csv"))] == [
        f.read_bytes() for f in sorted(two.glob("*.csv"))
    ]


def test_one_file_into_a_folder_that_is_there(folder: Path) -> None:
    out = folder.with_name("there")
    out.mkdir()
    done = invoke("smooth", folder / "a.csv", "--smoother", "mean", "--out", out)
    assert done.exit_code == 0, done.output
    assert [path.name for path in out.iterdir()] == ["a.csv"]
    again = invoke("smooth", folder / "a.csv", "--smoother", "mean", "--out", out)
    assert f"{out / 'a.csv'} exists already" in again.output


def test_a_folder_of_single_frames_says_that_nothing_was_smoothed(folder: Path) -> None:
    frames = folder.with_name("frames")
    frames.mkdir()
    for frame in range(3):
        (frames / f"{frame}.csv").write_text(f"frame,a_x,a_y\n{frame},1,2\n")
    done = invoke("smooth", frames, "--smoother", "mean", "--out", folder.with_name("out"))
    assert done.exit_code == 0
    assert "warning: nothing was smoothed: each of 3 files is a recording of its own" in done.stderr
    assert "for mmpose, openpifpaf, openpose, yolo" in done.stderr


def test_standard_input_to_standard_output(folder: Path) -> None:
    out = folder.with_name("out.csv")
    invoke("smooth", folder / "a.csv", "--smoother", "mean", "--out", out)
    done = invoke("smooth", "-", "--smoother", "mean", data=TABLE.encode())
    assert done.exit_code == 0
    assert done.stdout == out.read_text()
    assert "wrote standard output: 9 frames" in done.stderr
    assert "note: standard input: people without ids" in done.stderr
    done = invoke("smooth", "-", "--smoother", "mean", data=b"junk\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: standard input: no known format" in done.stderr


def test_json_summaries_are_a_line_a_file(folder: Path) -> None:
    words = ("smooth", folder, "--smoother", "mean", "--out-dir", folder.with_name("out"))
    done = invoke("-q", *words, "--summary", "json")
    assert [Path(json.loads(line)["out"]).name for line in done.stdout.splitlines()] == [
        "a.csv",
        "b.csv",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{in}/a.csv", "{in}/b.csv"], "several files: give a folder as --out"),
        (["{in}/a.csv"], "give --out FILE"),
        (["{in}/a.csv", "-", "--out-dir", "x"], "- (standard input) is smoothed alone"),
        (["{in}/a.csv", "--out", "x", "--out-dir", "x"], "--out or --out-dir, one of"),
    ],
)
def test_paths_that_do_not_go_together(folder: Path, words: list[str], message: str) -> None:
    done = invoke("smooth", *(word.replace("{in}", str(folder)) for word in words))
    assert done.exit_code == 2
    assert message in done.output


def test_the_frame_rate_of_the_file_is_used(folder: Path) -> None:
    words = ("--smoother", "butterworth", "--param", "cutoff_hz=5", "--out")
    outs = [folder.with_name(name) for name in ("given.csv", "found.csv")]
    done = invoke("smooth", folder / "a.csv", *words, outs[0])
    assert done.exit_code == 1
    assert "fps" in done.output
    invoke("smooth", folder / "a.csv", "--fps", 30, *words, outs[0])
    (folder / "c.csv").write_text("# fps: 30\n" + TABLE)
    assert invoke("smooth", folder / "c.csv", *words, outs[1]).exit_code == 0
    assert outs[1].read_text() == "# fps: 30\n" + outs[0].read_text()


def test_outputs_are_replaced_only_when_asked(folder: Path) -> None:
    SAMPLES["openpose"][1](folder / "frames")
    out = folder.with_name("out")
    words = ("smooth", folder, "--smoother", "mean", "--out-dir", out)
    assert invoke(*words).exit_code == 0
    first = {path.name: path.read_bytes() for path in out.glob("*/*")}
    words = ("smooth", folder, "--smoother", "median", "--out-dir", out)
    done = invoke(*words)
    assert done.exit_code == 1
    assert done.output.count("exists already: --overwrite replaces it") == 3
    assert done.output.endswith("error: 3 of 3 files failed\n")
    assert invoke(*words, "--overwrite").exit_code == 0
    second = {path.name: path.read_bytes() for path in out.glob("*/*")}
    assert first.keys() == second.keys()
    assert first != second


def test_standard_input_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_batch, "MAX_BYTES", 99)
    done = invoke("smooth", "-", "--smoother", "mean", data=TABLE.encode() * 2)
    assert done.exit_code == 1
    assert done.output == "error: standard input: expected at most 99 bytes\n"


def test_a_command_that_is_stopped_leaves_no_copy_of_its_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pose_smoother", "smooth", "-", "--out", tmp_path / "o.csv"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        while not any(tmp_path.glob("pose-smoother-*/stdin")):  # it waits for the pipe's end
            time.sleep(0.02)
        process.terminate()
        assert process.wait() == 75
    assert list(tmp_path.iterdir()) == []


def test_without_shared_locks_files_are_smoothed_one_by_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_lock(context: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(multiprocessing.context.SpawnContext, "Lock", no_lock)
    done = invoke(
        "smooth", folder, "--smoother", "mean", "--out-dir", folder / "out", "--workers", 2
    )
    assert done.exit_code == 0, done.output
    assert "worker processes need /dev/shm" in done.output
    with pytest.raises(PoseSmootherError, match="mount a tmpfs"), Workers(2) as workers:
        workers.submit(5, len, "")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_full_disk_is_told_as_such(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, flush: bool = True) -> None:
        raise WriteError.of(OSError(errno.ENOSPC, "No space left on device"), path, 5 << 20)

    (folder / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    monkeypatch.setattr("pose_smoother.poses.formats.wide_table.write_atomic", full)
    done = invoke("smooth", folder / name, "--smoother", "mean", "--out", folder / "o.csv")
    assert done.exit_code == 1
    assert "disk full on" in done.output
    assert "needs 5.0 MiB" in done.output


def test_numbers_that_are_none_are_refused(folder: Path) -> None:
    assert "not a finite number" in invoke("inspect", folder / "a.csv", "--fps", "nan").output
    for comment, rate in (("1e2", 100), ("1e999", None)):
        (folder / "a.csv").write_text(f"# fps: {comment}\n{TABLE}")
        assert read_poses(folder / "a.csv").fps == rate


@pytest.mark.parametrize("n_workers", ["1", "2"])
def test_a_note_that_all_files_have_is_printed_once_by_a_process(folder: Path, n_workers: str):
    """In one process once; of two workers each prints it once at most."""
    for number in range(6):
        (folder / f"more{number}.csv").write_bytes((folder / "a.csv").read_bytes())
    words = [sys.executable, "-m", "pose_smoother", "smooth", str(folder), "--smoother", "mean"]
    words += ["--out", str(folder.with_name("out")), "--workers", n_workers]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    notes = [line for line in done.stderr.splitlines() if "taken as one person" in line]
    assert 1 <= len(notes) <= int(n_workers), done.stderr
    assert notes[0].endswith("(not repeated for other files)")
    assert len(list(folder.with_name("out").glob("*.csv"))) == 8
