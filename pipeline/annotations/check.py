"""Annotations before preprocessing: what is there, and what is broken and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from pipeline.checksums import ChecksumList
from pipeline.ingest import Inputs
from pipeline.parse_files import scan
from pipeline.sources import source
from pipeline.worker_pool import Workers
from pose_smoother.boxes import boxes_around
from pose_smoother.text import one_line


@dataclass
class SourceSummary:
    """What one source holds.

    Attributes
    ----------
    n_frames, n_frames_left_out : frames of the clips, and those of the files that are in no clip.
    n_labelled : keypoints that could be annotated: frames times the dataset's labelled keypoints.
    n_annotated : keypoints with a usable position.
    actions : action or movement -> clips.
    rejected : file name -> reason.
    sha256 : file name -> hash.
    n_not_as_listed : files rejected for their hash.
    """

    dataset: str
    n_files: int = 0
    n_clips: int = 0
    n_frames: int = 0
    n_frames_left_out: int = 0
    n_boxed: int = 0
    n_labelled: int = 0
    n_annotated: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    action_frames: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, str] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    n_not_as_listed: int = 0


def check(inputs: Inputs, n_workers: int = 1, progress: bool = True) -> list[SourceSummary]:
    """Read every source once and count; nothing is written.

    Raises
    ------
    InvalidInputError : a path that is no such source at all.
    """
    results = []
    trust = ChecksumList(inputs.options.hashes)
    with Workers(n_workers) as workers:
        for dataset, path in sorted(inputs.paths.items()):
            found = SourceSummary(dataset)
            raw = source(dataset).items(path, inputs.options)
            n_before = trust.n_other
            outcomes = trust.judged(scan(dataset, raw, workers))
            for outcome in tqdm(
                outcomes, desc=f"reading {dataset}", unit="file", disable=not progress
            ):
                found.n_files += 1
                found.sha256[outcome.name] = outcome.sha256
                if outcome.reason:
                    found.rejected[outcome.name] = outcome.reason
                for clip in outcome.clips:
                    _count(found, clip)
            found.n_not_as_listed = trust.n_other - n_before
            results.append(found)
    trust.tell_absent()
    return results


def _count(found: SourceSummary, clip: Any) -> None:
    boxes, missing = boxes_around(clip.keypoints)
    found.n_clips += 1
    found.n_frames += len(clip.frames)
    found.n_frames_left_out += sum(n for why, n in clip.left_out.items() if why[:6] == "frames")
    found.n_boxed += int((~np.isnan(boxes[:, 0])).sum())
    found.n_labelled += len(clip.frames) * len(source(clip.dataset).LABELLED)
    found.n_annotated += int((~np.isnan(clip.keypoints[..., 0])).sum())
    found.actions[clip.action] += 1
    found.action_frames[clip.action] += len(clip.frames)
    found.left_out.update(clip.left_out)
    found.left_out.update({reason: int(mask.sum()) for reason, mask in missing.items()})


def release_counts(found: SourceSummary) -> dict[str, tuple[int, int]]:
    """What is counted of the dataset's release -> (counted here, in the release).

    Frames are those of the files, also where they are left out afterwards.
    """
    n_frames = found.n_frames + found.n_frames_left_out
    here = {"files": found.n_files, "clips": found.n_clips, "frames": n_frames}
    release = getattr(source(found.dataset), "RELEASE", {})
    return {what: (here.get(what, found.left_out[what]), n) for what, n in release.items()}


def release_lines(found: SourceSummary) -> list[str]:
    """How the counts differ from those of the dataset as released."""
    counts = release_counts(found)
    other = {what: pair for what, pair in counts.items() if pair[0] != pair[1]}
    if not other:
        return ["  as released: " + ", ".join(f"{n:,} {w}" for w, (_, n) in counts.items())]
    return [
        "  differs from the release",
        *(f"    {what:<52}{here:>12,}   (release: {n:,})" for what, (here, n) in other.items()),
    ]


def table(found: SourceSummary) -> str:
    """The counts of one source as readable lines."""
    share = found.n_annotated / found.n_labelled if found.n_labelled else 0.0
    lines = [
        f"{found.dataset}",
        f"  files                {found.n_files:>12,}   ({len(found.rejected):,} broken)",
        f"  clips                {found.n_clips:>12,}",
        f"  frames               {found.n_frames:>12,}   ({found.n_boxed:,} with a box)",
        f"  labelled keypoints   {found.n_labelled:>12,}",
        f"  annotated keypoints  {found.n_annotated:>12,}   ({share:.1%} of the labelled)",
        f"  {'action or movement':<24}{'clips':>8}{'frames':>12}",
    ]
    lines += [
        f"    {one_line(name) or '(none)':<22}{clips:>8,}{found.action_frames[name]:>12,}"
        for name, clips in sorted(found.actions.items())
    ]
    if left_out := {reason: n for reason, n in sorted(found.left_out.items()) if n}:
        lines.append("  not usable")
        lines += [f"    {reason:<52}{count:>12,}" for reason, count in left_out.items()]
    if release_counts(found):
        lines += release_lines(found)
    if found.rejected:
        lines.append("  broken files")
        shown = list(found.rejected.items())[:20]
        lines += [f"    {one_line(name)}: {one_line(reason)}" for name, reason in shown]
        if len(found.rejected) > len(shown):
            lines.append(f"    ... and {len(found.rejected) - len(shown):,} more")
    return "\n".join(lines)
