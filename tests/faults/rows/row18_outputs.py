"""Row 18: outputs, notes and leftovers that meet other files; nothing that is not ours changes."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from pipeline.build_steps import begin_work, remove_work
from pipeline.shards import Folders
from pose_smoother.cli import main
from pose_smoother.errors import PoseSmootherError
from pose_smoother.files.lock import exclusive_lock, owner_file
from tests.faults.damage import Rng
from tests.faults.harness import Attempt
from tests.pose_smoother.poses.formats.samples import make

NUMBER, FAULT = 18, "outputs, notes and leftovers that meet other files"
TRIES, SHARE = 400, 16


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Path:
    """A file of keypoints."""
    return make("csv_long", folder)


def _smooth(source: Path, out: Path, *more: str) -> int:
    words = ["smooth", str(source), "--smoother", "gaussian", "--out", str(out), *more]
    return CliRunner().invoke(main, words).exit_code


def _over_input(source: Path, folder: Path, rng: Rng) -> str:
    own = folder / "in.csv"
    own.write_bytes(source.read_bytes())
    link = folder / "link.csv"
    (link.symlink_to, link.hardlink_to)[int(rng.integers(2))](own)
    out = (own, link)[int(rng.integers(2))]
    code = _smooth(own, out, "--overwrite")
    return "" if code == 1 and own.read_bytes() == source.read_bytes() else "the input changed"


def _over_foreign(source: Path, folder: Path, rng: Rng) -> str:
    out, mode = folder / "mine.csv", int(rng.choice([0o600, 0o640, 0o644, 0o666]))
    out.write_text("mine")
    out.chmod(mode)
    if _smooth(source, out) != 1 or out.read_text() != "mine":
        return "a foreign file was overwritten unasked"
    if _smooth(source, out, "--overwrite") or out.read_text() == "mine":
        return "--overwrite did not write"
    found = stat.S_IMODE(out.stat().st_mode)
    return "" if found == mode else f"mode {mode:o} became {found:o}"


def _umask(source: Path, folder: Path, rng: Rng) -> str:
    mask = int(rng.choice([0o002, 0o022, 0o027, 0o077]))
    before = os.umask(mask)
    try:
        code = _smooth(source, folder / "new.csv")
    finally:
        os.umask(before)
    found = stat.S_IMODE((folder / "new.csv").stat().st_mode)
    return "" if code == 0 and found == 0o666 & ~mask else f"umask {mask:o}: mode {found:o}"


def _linked(source: Path, folder: Path, rng: Rng) -> str:
    target, link = folder / "target.csv", folder / "link.csv"
    if rng.integers(2):
        target.write_text("old")
    link.symlink_to(target)
    code = _smooth(source, link, "--overwrite")
    return "" if code == 0 and link.is_symlink() and target.stat().st_size > 100 else "link lost"


def _in_run(source: Path, folder: Path, rng: Rng) -> str:
    run = folder / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    name = str(rng.choice(["config.json", "results.csv", "out.csv", "scores.npz"]))
    code = _smooth(source, run / name, "--overwrite", "--format", "csv-long")
    left = sorted(p.name for p in run.iterdir())
    return "" if code == 1 and left == ["config.json"] else f"a run got {left}"


def _in_store(source: Path, folder: Path, rng: Rng) -> str:
    del rng
    (folder / "store" / "train").mkdir(parents=True)
    (folder / "store" / "MANIFEST.json").write_text("{}")
    code = _smooth(source, folder / "store" / "train" / "out.csv")
    return "" if code == 1 and not any((folder / "store" / "train").iterdir()) else "store written"


def _linked_note(source: Path, folder: Path, rng: Rng) -> str:
    del source
    target, victim = folder / "store", folder / "victim"
    victim.write_text("mine")
    names = (owner_file(target), folder / ".store.lock")
    names[int(rng.integers(2))].symlink_to(victim)
    try:
        with exclusive_lock(target):
            return "a lock was made of a link"
    except PoseSmootherError:
        return "" if victim.read_text() == "mine" else "the link's target changed"


def _foreign_work(source: Path, folder: Path, rng: Rng) -> str:
    del source
    folders = Folders.beside(folder / "store")
    foreign = (folders.work, folders.building)[int(rng.integers(2))]
    if rng.integers(2):
        foreign.mkdir()
        (foreign / "mine").write_text("mine")
    else:
        (folder / "mine").write_text("mine")
        foreign.symlink_to(folder)
    try:
        begin_work(folders)
        return "a foreign folder was taken"
    except PoseSmootherError:
        pass
    return "" if (foreign / "mine").read_text() == "mine" else "a foreign folder was emptied"


def _own_work(source: Path, folder: Path, rng: Rng) -> str:
    del source, rng
    folders = Folders.beside(folder / "store")
    begin_work(folders)
    (folders.building / "train").mkdir(parents=True)
    (folders.work / "spool").mkdir()
    begin_work(folders)
    remove_work(folders)
    return "" if not any(folder.iterdir()) else "a build's own folders stay"


_KINDS: tuple[Callable[[Path, Path, Rng], str], ...] = (
    *(_over_input, _over_foreign, _umask, _linked, _in_run, _in_store),
    *(_linked_note, _foreign_work, _own_work),
)


def attempt(ready: Path, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """One meeting."""
    kind = _KINDS[index % len(_KINDS)]
    problem = kind(ready, folder, rng)
    return Attempt(1, [f"{kind.__name__}: {problem}"] if problem else [])
