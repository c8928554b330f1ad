"""Questions to a finished store: what is in it, is it whole, does anything leak between splits."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.file_checks import EXTRA, store_problems
from pipeline.ingest_report import left_out
from pose_smoother.errors import DamagedShardError, StoreError
from pose_smoother.remote.path import PathOrUrl, RemotePath
from pose_smoother.store.damage_errors import how_to_repair
from pose_smoother.store.names import (
    CONTRACT_VERSION,
    FRAME_ARRAYS,
    MANIFEST,
    REPORT,
    SPLITS,
    STEPS,
)
from pose_smoother.store.open import format_module, open_store, read_manifest
from pose_smoother.store.split_overlap import leak_audit
from pose_smoother.store.store import Store


def info(store: Store) -> dict[str, Any]:
    """What is in a store, in the layout of ``info --json`` (DESIGN section 10)."""
    splits: dict[str, dict[str, Any]] = {}
    split_of_clip = store.clips["split"]
    for split in SPLITS:
        splits[split] = {
            "clips": int((split_of_clip == split).sum()),
            "frames": store.n_frames(split),
            "windows": {f"step{step}": len(store.windows(split, step)) for step in STEPS},
        }
    total = {
        "clips": sum(part["clips"] for part in splits.values()),
        "frames": sum(part["frames"] for part in splits.values()),
        "windows": {
            f"step{step}": sum(part["windows"][f"step{step}"] for part in splits.values())
            for step in STEPS
        },
    }
    files = sum(entry["bytes"] for entry in store.manifest["files"].values())
    return {
        "contract": CONTRACT_VERSION,
        "format": store.format,
        "bytes": files + (store.folder / MANIFEST).stat().st_size,
        "splits": splits,
        "total": total,
        "left_out": left_out(store.local(REPORT)),
    }


@dataclass(frozen=True)
class Audit:
    """What ``verify`` found.

    Attributes
    ----------
    problems : file, or shard (``shard train/heatmaps/00017``) -> what is wrong with it.
    n_shards : shards that were hashed.
    n_parts : shards and other files.
    shared : what -> how many of them stand in more than one split.
    counted : what -> how many there are in all.
    may_share : whether the store was built by a protocol that shares frames on purpose.
    """

    problems: dict[str, str]
    n_shards: int
    n_parts: int
    shared: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    may_share: bool = False

    @property
    def leaks(self) -> bool:
        """Whether a frame or a video is in two splits against the rule."""
        return not self.may_share and bool(self.shared.get("frames") or self.shared.get("videos"))


def verify(path: PathOrUrl) -> Audit:
    """Hash every file and shard again, and count what is shared between splits.

    At an address everything is read from the server again, whatever the cache holds.

    Raises
    ------
    StoreError : no store, no manifest, a damaged manifest, another contract version.
    """
    manifest = read_manifest(path)
    problems = _problems(path, manifest)
    shards = [entry for entry in manifest["files"].values() if "shard" in entry]
    n_shards = len(manifest["shards"]) or len(shards)
    n_parts = len(manifest["files"]) + len(manifest["shards"])
    if problems:
        return Audit(problems, n_shards, n_parts)
    with _verified(path, manifest) as store:
        try:
            shared, counted = leak_audit(store)
        except (DamagedShardError, StoreError) as error:
            return Audit({"content": str(error)}, n_shards, n_parts)
        return Audit({}, n_shards, n_parts, shared, counted, may_share=store.config.may_share)


def _problems(path: PathOrUrl, manifest: dict[str, Any]) -> dict[str, str]:
    """All that is wrong with the files and shards of a store."""
    if isinstance(path, RemotePath):
        from pipeline.remote_checks import object_problems

        return object_problems(path, manifest)
    return store_problems(path, manifest)


def _verified(path: PathOrUrl, manifest: dict[str, Any]) -> Store:
    """A store whose files were hashed just now: those in a folder need no second look."""
    if isinstance(path, RemotePath):
        return open_store(path)
    return format_module(manifest["format"]).open_reader(path, manifest)


def verdict(path: PathOrUrl, audit: Audit) -> str:
    """The problems of an audit in one line, with what to do."""
    found = [f"{name} {why}" for name, why in audit.problems.items()]
    shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    valid = audit.n_parts - sum(not name.startswith(EXTRA) for name in audit.problems)
    rest = f"the other {valid} verify" if valid > 0 else "nothing verifies"
    return f"{path}: {shown}; {rest}. {how_to_repair(path)}"


def differences(first: Store, second: Store) -> list[str]:
    """Where the content of two stores differs; empty when it is equal.

    The formats may be others, and so may be the form that heatmaps are stored in.
    """
    found = []
    if _without_form(first.attrs) != _without_form(second.attrs):
        found.append("attributes")
    for column, values in first.clips.items():
        if not _same(values, second.clips[column]):
            found.append(f"clips/{column}")
    for split in SPLITS:
        if first.n_frames(split) != second.n_frames(split):
            found.append(f"{split}: number of frames")
            continue
        for step in STEPS:
            if not _same(first.windows(split, step), second.windows(split, step)):
                found.append(f"{split}/windows/step{step}")
        found += [
            f"{split}/{name}"
            for name in FRAME_ARRAYS
            if not _same_array(first, second, split, name)
        ]
    return found


def _without_form(attrs: dict[str, Any]) -> dict[str, Any]:
    config = {k: v for k, v in (attrs.get("config") or {}).items() if k != "stored_heatmaps"}
    return {**attrs, "config": config}


def _same_array(first: Store, second: Store, split: str, name: str) -> bool:
    rows = FRAME_ARRAYS[name].shard_frames
    return all(
        _same(
            first.read(split, name, start, min(start + rows, first.n_frames(split))),
            second.read(split, name, start, min(start + rows, first.n_frames(split))),
        )
        for start in range(0, first.n_frames(split), rows)
    )


def _same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    numeric = first.dtype.kind == "f"
    same_kind = first.dtype == second.dtype and first.shape == second.shape
    return same_kind and bool(np.array_equal(first, second, equal_nan=numeric))
