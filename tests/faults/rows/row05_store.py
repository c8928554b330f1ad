"""Row 5: files of a finished store damaged in every way; verify finds all, a rerun mends them."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.verify import verify
from pose_smoother.errors import PoseSmootherError
from pose_smoother.store.names import MANIFEST, SPLITS
from pose_smoother.store.open import open_store
from tests.faults import servers
from tests.faults.damage import BYTE_DAMAGE, damaged
from tests.faults.harness import Attempt
from tests.faults.stores import content, differences
from trainer.data.stream import WindowStream
from trainer.noise.gaussian import NoiseConfig

NUMBER, FAULT = 5, "damaged files of a store"
TRIES, SHARE = 600, 8
_WAYS = (*BYTE_DAMAGE, "deleted", "swapped", "copied over another", "copied beside")


@dataclass
class Ready:
    """A sound store of each format, its files' hashes, and what training reads of each split."""

    stores: dict[str, Path]
    sound: dict[str, dict[str, str]]
    seen: dict[tuple[str, str], str]
    labels: Path

    def case(self, index: int) -> tuple[str, str, str]:
        """Format, file and way of damage: every file in every way, in a mixed order."""
        cases = [
            (kind, name, way)
            for way in _WAYS
            for kind, files in self.sound.items()
            for name in files
        ]
        return cases[index * 101 % len(cases)]  # 101 is prime: all come before one comes again


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """A store of each format."""
    del folder
    source, stores = servers.sound_stores()
    seen = {(k, s): what_training_sees(path, s) for k, path in stores.items() for s in SPLITS}
    return Ready(stores, {kind: content(path) for kind, path in stores.items()}, seen, source)


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Damage one file; look, train, and now and then mend."""
    kind, name, way = ready.case(index)
    store = Path(shutil.copytree(ready.stores[kind], folder / "store"))
    hurt = _damage(store, ready.sound[kind], name, way, rng)
    case = f"{kind} {name} {way}"
    found = Attempt()
    if not _verify_finds(store, hurt):
        found.problems.append(f"{case}: verify found nothing")
    _train(ready, store, kind, case, found)
    if index % 4 == 0:
        _mend(ready, store, kind, case, found)
    return found


def _damage(
    store: Path, sound: dict[str, str], name: str, way: str, rng: np.random.Generator
) -> str:
    """Damage a file; the name that verify should tell."""
    file = store / name
    others = [other for other in sound if sound[other] != sound[name]]
    other = store / others[int(rng.integers(len(others)))]
    if way in BYTE_DAMAGE:
        file.write_bytes(damaged(file.read_bytes(), way, rng))
    elif way == "deleted":
        file.unlink()
    elif way == "swapped":
        mine, theirs = file.read_bytes(), other.read_bytes()
        file.write_bytes(theirs)
        other.write_bytes(mine)
    elif way == "copied over another":
        file.write_bytes(other.read_bytes())
    else:
        shutil.copy(file, file.with_name(f"{file.name}9"))
        return f"{name}9"
    return name


def _verify_finds(store: Path, hurt: str) -> bool:
    """Whether verify has a problem that names the file (or its shard)."""
    try:
        problems = verify(store).problems
    except PoseSmootherError as error:
        return MANIFEST in str(error)
    array, _, chunk = hurt.partition("/c/")
    if chunk and not array.startswith("clips") and not hurt.endswith("9"):
        return f"shard {array}/{int(chunk.split('/')[0]):05d}" in problems
    return any(name.endswith(hurt) for name in problems)


def _train(ready: Ready, store: Path, kind: str, case: str, found: Attempt) -> None:
    """Read as training does: either the very same content, or an error that says what to do."""
    for split in SPLITS:
        try:
            seen = what_training_sees(store, split)
        except PoseSmootherError as error:
            if "preprocess" not in str(error):
                found.problems.append(f"{case}: the error says not what to do: {error}")
            continue
        if seen != ready.seen[kind, split]:
            found.problems.append(f"{case}: training on {split} went on with other numbers")


def what_training_sees(store: Path, split: str) -> str:
    """A hash of everything that training reads of a split."""
    digest = hashlib.sha256()
    noise = NoiseConfig(1.0, (1.0,))
    with open_store(store) as opened:
        stream = WindowStream(opened, split, 1, noise, 256, consumes="coordinates")
        for batch in stream.epoch(1):
            for part in (batch.window, batch.clip, batch.noisy, batch.keypoints, batch.labelled):
                digest.update(part.numpy().tobytes())
        digest.update(opened.read(split, "heatmaps").tobytes())
        digest.update("".join(opened.clips["id"]).encode())
    return digest.hexdigest()


def _mend(ready: Ready, store: Path, kind: str, case: str, found: Attempt) -> None:
    """Give the command that made the store again, as the messages say: it is as it was."""
    attributes = {"zarr": "zarr.json", "hdf5": "data.h5"}[kind]
    hurt = {n for n in (MANIFEST, attributes) if content(store).get(n) != ready.sound[kind][n]}
    words = ["preprocess", "--penn-action", ready.labels, "--out", store, "--format", kind]
    ended = servers.server("pipeline").run(words, store.parent / "log")
    for file in store.rglob("*9"):
        if f"{file.relative_to(store)} does not belong to the store" in ended.said:
            file.unlink()
    if len(hurt) == 2 and "that can be recognized" in ended.said:
        return  # nothing says any more that this is a store
    if ended.code != 0:
        found.problems.append(f"{case}: mending ended with {ended.code}: {ended.said[-300:]}")
    elif harm := differences(content(store), ready.sound[kind]):
        found.problems.append(f"{case}: after mending {harm}")
