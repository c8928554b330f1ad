"""Row 24: stores from strangers, fuzzed, with hashes that fit: read, or refused in one line."""

import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from pipeline.verify import info, verify
from pose_smoother.store.names import MANIFEST, SPLITS
from pose_smoother.store.open import open_store
from tests.faults import servers
from tests.faults.damage import (
    BYTE_DAMAGE,
    Rng,
    change_hdf5,
    change_json,
    change_value,
    damaged,
    make_special,
    pick,
)
from tests.faults.forked import run_all
from tests.faults.harness import Attempt
from tests.faults.hostile_stores import seal_again
from tests.faults.rows.row05_store import what_training_sees

NUMBER, FAULT = 24, "fuzzed stores, with hashes that fit"
TRIES, SHARE = 1_500, 2
_STORES = 25
_MAX_SECONDS, _MAX_MIB = 20.0, 1_100.0


def needs() -> str:
    """Pipes and links."""
    return "" if Path("/dev/zero").exists() else "needs /dev/zero"


def prepare(folder: Path) -> list[Path]:
    """A store of a few windows in each format."""
    zarr = servers.store_to_train()
    labels = zarr.parent / "labels"
    return [zarr, servers.build(labels, folder / "hdf5", "hdf5")]


def _fuzz(store: Path, rng: Rng) -> str:
    """Change one file of a store; most get a hash that fits; what was done."""
    files = sorted(p for p in store.rglob("*") if p.is_file())
    by_kind: list[list[Path]] = [
        [p for p in files if p.suffix in (".json", ".h5")],
        [p for p in files if p.suffix not in (".json", ".h5")] or files,
    ]
    file = pick(rng, by_kind[int(rng.integers(4)) == 0])
    assert isinstance(file, Path)
    kind, said = int(rng.integers(10)), list[str]()
    if kind < 6 and file.name == MANIFEST:
        with suppress(ValueError):  # numbers that are none cannot be sealed: it stays
            seal_again(store, lambda manifest: said.append(change_value(manifest, rng)))
        return f"{file.name}: {said[0]}"
    if kind < 6 and file.suffix == ".json":
        what = change_json(file, rng)
    elif kind < 6 and file.suffix == ".h5":
        what = change_hdf5(file, rng)
    elif kind < 9:
        what = str(pick(rng, list(BYTE_DAMAGE)))
        file.write_bytes(damaged(file.read_bytes(), what, rng))
    else:
        what = make_special(file, rng, ("/dev/zero", "/etc/passwd", file.name), 1 << 36)
    if rng.integers(5) and file.name != MANIFEST and kind < 9:
        seal_again(store)
    return f"{file.relative_to(store)}: {what}"


def _train(store: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return str([what_training_sees(store, split) for split in SPLITS])


def _verify(store: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return str(len(verify(store).problems))


def _info(store: Path) -> str:
    with warnings.catch_warnings(), open_store(store) as opened:
        warnings.simplefilter("error")
        return f"{info(opened)} {opened.config}"


_READERS = (_train, _verify, _info)


def attempt(ready: list[Path], folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Stores with one odd file each; what reads stores meets each of them."""
    del index
    found = Attempt(_STORES)
    actions, words = [], []
    for number in range(_STORES):
        sound = ready[int(rng.integers(len(ready)))]
        store = Path(shutil.copytree(sound, folder / f"{number}"))
        what = _fuzz(store, rng)
        reader = _READERS[int(rng.integers(len(_READERS)))]
        actions.append(lambda store=store, reader=reader: reader(store))
        words.append(f"{reader.__name__} {sound.name}, {what}")
    for outcome, word in zip(run_all(actions), words, strict=True):
        if problem := outcome.problem(_MAX_SECONDS, _MAX_MIB):
            found.problems.append(f"{word}: {problem}")
        elif outcome.kind == "refused" and str(folder) not in outcome.text:
            found.problems.append(f"{word}: the store is not named: {outcome.text[:200]}")
        found.notes["slowest, s"] = max(found.notes.get("slowest, s", 0.0), outcome.seconds)
        found.notes["refused in 25"] = found.notes.get("refused in 25", 0) + (
            outcome.kind == "refused"
        )
    return found
