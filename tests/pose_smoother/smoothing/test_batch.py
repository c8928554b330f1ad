"""Many files at once: which they are, and one that fails stops no other."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.smoothing.batch import Job, find_jobs, is_batch, smooth_many

TABLE = "frame,nose_x,nose_y\n" + "".join(f"{i},{i},2\n" for i in range(5))


def table(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TABLE)
    return path


def openpose(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "a_000000000001_keypoints.json").write_text('{"version":1.3,"people":[]}')
    return folder


def test_a_folder_is_its_files_or_one_input(tmp_path: Path) -> None:
    table(tmp_path / "a" / "one.csv")
    table(tmp_path / "a" / "two.csv.gz")
    table(tmp_path / "a" / ".hidden.csv")
    (tmp_path / "a" / "video.mp4").write_text("")
    openpose(tmp_path / "a" / "frames")
    (tmp_path / "a" / "empty").mkdir()
    out = tmp_path / "out"
    assert [job.out for job in find_jobs([tmp_path / "a"], out)] == [
        out / name for name in ("frames", "one.csv", "two.csv.gz")
    ]
    assert not is_batch(tmp_path / "a" / "frames", None)
    assert is_batch(tmp_path / "a", None)
    assert is_batch(tmp_path / "a" / "frames", "csv-wide")
    assert not is_batch(tmp_path / "a" / "frames", "openpose")
    with pytest.raises(InvalidInputError, match="no file of keypoints is in the folder"):
        find_jobs([tmp_path / "a" / "empty"], out)


def test_two_inputs_of_one_name_are_refused(tmp_path: Path) -> None:
    sources = [table(tmp_path / name / "x.csv") for name in "ab"]
    with pytest.raises(InvalidInputError, match=r"x\.csv and .*x\.csv would be written to one"):
        find_jobs(sources, tmp_path / "out")


def shout(source: Path, out: Path) -> str:
    """Fails as the file's name says."""
    if source.name == "known":
        raise InvalidInputError(f"{source}: known")
    if source.name == "unknown":
        raise LookupError("what")
    if source.name == "dies":
        os._exit(1)
    return f"wrote {out}"


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_failure_stops_no_other_file(n_workers: int) -> None:
    jobs = [Job(Path(name), Path("out") / name) for name in ("a", "known", "unknown", "b")]
    results = list(smooth_many(jobs, shout, n_workers))
    assert [result.job for result in results] == jobs
    assert [(result.done, result.text) for result in results] == [
        (True, "wrote out/a"),
        (False, "known: known"),
        (False, "unknown: LookupError: what"),
        (True, "wrote out/b"),
    ]


def test_a_worker_that_dies_is_reported_by_its_file() -> None:
    jobs = [Job(Path("dies"), Path("out")), Job(Path("dies"), Path("out"))]
    results = list(smooth_many(jobs, shout, 2))
    assert [result.done for result in results] == [False, False]
    assert "dies: a worker process died" in results[0].text


def write_slowly(source: Path, out: Path) -> str:
    time.sleep(0.02)
    out.write_text(str(os.getpid()))
    return "wrote"


def test_who_stops_early_does_not_wait_for_all_files(tmp_path: Path) -> None:
    jobs = [Job(Path(str(i)), tmp_path / str(i)) for i in range(200)]
    results = smooth_many(jobs, write_slowly, 2)
    assert next(results).done
    results.close()  # type: ignore[attr-defined]
    assert 1 <= len(list(tmp_path.iterdir())) < 100


def smooth_forever(folder: Path) -> None:
    jobs = [Job(Path(str(i)), folder / str(i)) for i in range(2000)]
    for _ in smooth_many(jobs, write_slowly, 2):
        pass


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program = multiprocessing.get_context("spawn").Process(target=smooth_forever, args=(tmp_path,))
    program.start()
    while not (written := [path for path in tmp_path.iterdir() if path.read_text()]):
        assert program.is_alive()
        time.sleep(0.05)
    workers = {int(path.read_text()) for path in written}
    program.kill()
    program.join()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
