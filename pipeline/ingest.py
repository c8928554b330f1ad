"""From sources to the spool: every file parsed, every frame boxed, everything left out counted."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.checksums import ChecksumList
from pipeline.clip_table import ScannedClip
from pipeline.config import BuildConfig
from pipeline.parse_files import ParsedFile, scan
from pipeline.sources import Clip, SourceOptions, source
from pipeline.staging import SpoolWriter
from pipeline.worker_pool import Workers
from pose_smoother import seeds
from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl, RemotePath


@dataclass(frozen=True)
class Inputs:
    """Where the annotations are: dataset name -> path, and what the sources need besides."""

    paths: dict[str, PathOrUrl]
    options: SourceOptions


@dataclass(frozen=True)
class IngestResult:
    """A finished spool: all boxed clips, and what became of every input file.

    Attributes
    ----------
    left_out : reason -> count.
    sources : for each dataset its name, number of files, and the hash of their names and hashes.
    spool_sha256 : hash of each file of the spool.
    """

    n_frames: int
    left_out: dict[str, int]
    sources: list[dict[str, Any]]
    spool_sha256: dict[str, str]


def fingerprint(inputs: Inputs) -> str:
    """Hash of all input files' names, sizes and change times: another one makes a spool stale."""
    roots: list[tuple[str, PathOrUrl]] = [*inputs.paths.items()]
    roots += sorted(inputs.options.paths.items())
    if inputs.options.hashes is not None:
        roots.append(("hashes", inputs.options.hashes))
    digest = hashlib.sha256()
    for name, path in roots:
        for line in _seen_at(path):
            digest.update(json.dumps([name, *line]).encode() + b"\n")
    return digest.hexdigest()


def _seen_at(path: PathOrUrl) -> Iterator[tuple[str | int, ...]]:
    """Name, size and change time of every file, in an order of its own; folder by folder."""
    if isinstance(path, RemotePath):
        from pose_smoother.remote.objects import versions

        yield from (tuple(line) for line in versions(path))
    elif not path.exists():
        yield (str(path),)
    elif not path.is_dir():
        stat = path.stat()
        yield str(path.resolve()), stat.st_size, stat.st_mtime_ns
    else:
        for folder, inner, names in os.walk(path.resolve()):
            inner.sort()
            for file in (Path(folder, name) for name in sorted(names)):
                if file.is_file():
                    stat = file.stat()
                    yield str(file), stat.st_size, stat.st_mtime_ns


class ActionFilter:
    """Which actions of a dataset are kept; remembers the names that were present."""

    def __init__(self, dataset: str, chosen: tuple[str, ...] | None) -> None:
        module = source(dataset)
        default: tuple[str, ...] | None = getattr(module, "DEFAULT_ACTIONS", None)
        aliases: dict[str, str] = getattr(module, "ACTION_ALIASES", {})
        self.dataset = dataset
        self.applies = default is not None
        self.explicit = chosen is not None
        names = default if chosen is None else chosen
        self.wanted: set[str] | None = None
        if default is not None and names is not None and tuple(names) != ("all",):
            self.wanted = {aliases.get(name, name) for name in names}
        self.present: Counter[str] = Counter()

    def keeps(self, clip: Clip) -> bool:
        """Whether a clip is wanted."""
        self.present[clip.action] += 1
        return self.wanted is None or clip.action in self.wanted

    def check(self) -> None:
        """Raise InvalidInputError for a wanted action that no clip has."""
        if self.wanted is None or not self.present:
            return
        absent = sorted(self.wanted - set(self.present))
        if absent and (self.explicit or len(absent) == len(self.wanted)):
            names = ", ".join(f"{name} ({n})" for name, n in sorted(self.present.items()))
            raise InvalidInputError(
                f"no {self.dataset} clip has the action {', '.join(absent)}; present: {names}"
            )


def ingest(
    inputs: Inputs, folder: Path, config: BuildConfig, workers: Workers, progress: bool = True
) -> IngestResult:
    """Parse all sources and write the boxed frames of every kept clip to the spool.

    Raises
    ------
    InvalidInputError : a source that can't be read at all, no usable frame, or an action without a
        clip.
    """
    sources: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    trust = ChecksumList(inputs.options.hashes)
    with SpoolWriter(folder) as writer:
        for dataset, path in sorted(inputs.paths.items()):
            actions = ActionFilter(dataset, config.actions)
            seen: set[str] = set()
            digest, n_files = hashlib.sha256(), 0
            raw = source(dataset).items(path, inputs.options)
            outcomes = trust.judged(scan(dataset, raw, workers))
            for outcome in tqdm(
                outcomes, desc=f"reading {dataset}", unit="file", disable=not progress
            ):
                entry = _take(outcome, actions, seen, config, writer, left_out)
                writer.note_file(entry)
                line = f"{entry['name']} {entry['sha256']}"
                digest.update(("\n" * (n_files > 0) + line).encode())
                n_files += 1
                if entry["reason"] and not writer.n_clips:
                    reasons[entry["reason"]] += 1
            if n_files:
                found = {"dataset": dataset, "files": n_files, "sha256": digest.hexdigest()}
                sources.append(found)
            actions.check()
    trust.tell_absent()
    if not writer.n_clips:
        n_files = sum(found["files"] for found in sources)
        common = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
        raise InvalidInputError(
            f"no usable clip in {_names(inputs)} ({n_files} files read{common})"
        )
    counts = {key: n for key, n in sorted(left_out.items()) if n}
    return IngestResult(writer.n_frames, counts, sources, writer.sha256)


def _names(inputs: Inputs) -> str:
    return ", ".join(str(path) for path in inputs.paths.values())


def _take(
    outcome: ParsedFile,
    actions: ActionFilter,
    seen: set[str],
    config: BuildConfig,
    writer: SpoolWriter,
    left_out: Counter[str],
) -> dict[str, Any]:
    """Put the clips of one file into the spool; return the file's line of the report."""
    status, reason = "accepted", outcome.reason
    duplicate = next((clip.id for clip in outcome.clips if clip.id in seen), None)
    if not reason and duplicate is not None:
        reason = f"clip id {duplicate} stands in another file too"
    if reason:
        status = "rejected"
        left_out["files: rejected"] += 1
    kept = [clip for clip in outcome.clips if not reason and actions.keeps(clip)]
    if not reason and outcome.clips and not kept:
        status = "not selected"
    unwanted = 0 if reason else len(outcome.clips) - len(kept)
    left_out["clips: action not selected"] += unwanted
    for clip in kept:
        seen.add(clip.id)
        _spool_clip(clip, config, writer, left_out)
    return {
        "dataset": outcome.dataset,
        "name": outcome.name,
        "sha256": outcome.sha256,
        "status": status,
        "reason": reason,
        "clips": len(kept),
    }


def _spool_clip(
    clip: Clip,
    config: BuildConfig,
    writer: SpoolWriter,
    left_out: Counter[str],
) -> None:
    """Box one clip's frames and append them to the spool."""
    left_out.update(clip.left_out)
    boxes, missing = boxes_around(clip.keypoints, config.expand, config.keep_aspect)
    left_out.update({reason: int(mask.sum()) for reason, mask in missing.items()})
    boxed = ~np.isnan(boxes[:, 0])
    frames = clip.frames[boxed]
    if len(frames) == 0:
        left_out["clips: no frame with a box"] += 1
        return
    left_out["frames: absent from the source, inside a clip"] += int(
        clip.frames[-1] - clip.frames[0] + 1 - len(clip.frames)
    )
    generator = seeds.rng(config.seed, seeds.BOX_JITTER, 0, writer.n_clips)
    boxes = jittered(boxes[boxed], config.box_jitter, generator)
    exact = to_heatmap(clip.keypoints[boxed], boxes)
    outside = (nearest_pixel(exact)[..., 0] < 0) & ~np.isnan(exact[..., 0])
    left_out["keypoints: outside the jittered box"] += int(outside.sum())
    exact[outside] = np.nan
    breaks = np.flatnonzero(np.diff(frames) != 1) + 1
    runs = np.diff([0, *breaks, len(frames)]).tolist()
    scanned = ScannedClip(
        id=clip.id,
        dataset=clip.dataset,
        video=clip.video,
        action=clip.action,
        person=clip.person,
        fps=clip.fps,
        start=writer.n_frames,
        stop=writer.n_frames + len(frames),
        first_frame=int(frames[0]),
        last_frame=int(frames[-1]),
        runs=runs,
    )
    writer.append(scanned.record(), keypoints_exact=exact, boxes=boxes, frame=frames)


def jittered(
    boxes: NDArray[np.float64], share: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Boxes as a detector might cut them: moved and scaled at random in every frame.

    Each frame's box moves by U(-share, share) of its side along each axis, and each side's length
    is scaled by 1 + U(-share, share).

    Parameters
    ----------
    boxes : float64 (n, 4); NaN rows stay NaN.
    share : largest move, as a share of the side length; 0 returns the boxes unchanged.
    """
    if share == 0:
        return boxes
    draw = generator.uniform(-share, share, (len(boxes), 2, 2))
    side = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, 2:] + boxes[:, :2]) / 2 + draw[:, 0] * side
    half = side * (1 + draw[:, 1]) / 2
    return np.concatenate([centre - half, centre + half], axis=1)
