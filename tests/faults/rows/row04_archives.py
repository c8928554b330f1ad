"""Row 4: single flipped bits in archives; the content is the same, or something is told."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.parse_files import ParsedFile, scan
from pipeline.sources import SourceOptions, source
from pipeline.worker_pool import Workers
from pose_smoother.errors import InvalidInputError
from tests.faults.harness import Attempt
from tests.faults.inputs import VIDEO, manual_frame, sound_segment
from tests.pipeline.penn_files import label_arrays, mat_bytes

NUMBER, FAULT = 4, "flipped bits in archives"
TRIES, SHARE = 1_000, 2
_FLIPS = 20


@dataclass
class Ready:
    """Sound archives, what they hold, and the workers that parse."""

    workers: Workers
    archives: dict[str, bytes]
    sound: dict[str, str]

    def close(self) -> None:
        """End the workers."""
        self.workers.__exit__(None, None, None)


def needs() -> str:
    """Nothing."""
    return ""


def prepare(folder: Path) -> Ready:
    """A tar.gz of labels, a zip of segments, a zip of manual keypoints."""
    import io
    import tarfile

    with tarfile.open(folder / "penn.tar.gz", "w:gz") as archive:
        for index in range(6):
            info = tarfile.TarInfo(f"Penn_Action/labels/{index:04d}.mat")
            data = mat_bytes(label_arrays(6 + index, index))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    starts = range(0, 60, 10)
    with zipfile.ZipFile(folder / "dataset.zip", "w", zipfile.ZIP_DEFLATED) as segments:
        for start in starts:
            name = f"dataset/2011/{VIDEO}/{VIDEO}_{start}-{start + 9}_toprock.json"
            segments.writestr(name, sound_segment(start))
    with zipfile.ZipFile(folder / "manual_keypoints.zip", "w") as manual:
        for start in starts:
            name = f"manual_keypoints/2011/{VIDEO}/img-{start + 3:06d}.npz"
            manual.writestr(name, manual_frame(start))
    names = ("penn.tar.gz", "dataset.zip", "manual_keypoints.zip")
    ready = Ready(Workers(1), {name: (folder / name).read_bytes() for name in names}, {})
    for name in names:
        outcomes = _read(ready, folder, name)
        assert not any(outcome.reason for outcome in outcomes)
        ready.sound[name] = _digest(outcomes)
    return ready


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """Flip single bits of one archive, one after another."""
    name = list(ready.archives)[index % 3]
    found = Attempt(_FLIPS)
    for other, data in ready.archives.items():
        (folder / other).write_bytes(data)
    n_told = 0
    for _ in range(_FLIPS):
        data = bytearray(ready.archives[name])
        at, bit = int(rng.integers(len(data))), int(rng.integers(8))
        data[at] ^= 1 << bit
        (folder / name).write_bytes(data)
        try:
            outcomes = _read(ready, folder, name)
        except InvalidInputError:
            n_told += 1
            continue
        if any(outcome.reason for outcome in outcomes):
            n_told += 1
        elif _digest(outcomes) != ready.sound[name]:
            found.problems.append(f"{name}: bit {bit} of byte {at} changed the content silently")
    found.notes["harmless flips of 20"] = _FLIPS - n_told
    return found


def _read(ready: Ready, folder: Path, name: str) -> list[ParsedFile]:
    if name == "penn.tar.gz":
        kind, path, options = "penn-action", folder / name, SourceOptions()
    else:
        kind, path = "brace", folder / "dataset.zip"
        options = SourceOptions({"brace-manual": folder / "manual_keypoints.zip"})
    return list(scan(kind, source(kind).items(path, options), ready.workers))


def _digest(outcomes: list[ParsedFile]) -> str:
    """A hash of all clips."""
    digest = hashlib.sha256()
    for clip in (clip for outcome in outcomes for clip in outcome.clips):
        digest.update(f"{clip.id} {clip.video} {clip.action}".encode())
        digest.update(clip.frames.tobytes() + clip.keypoints.tobytes())
    return digest.hexdigest()
