"""What is wrong with the objects of a store at an address, each read from the server again."""

from typing import Any

from pipeline.file_checks import EXTRA, LEGACY_RECIPE
from pose_smoother.files.atomic import hash_mismatch
from pose_smoother.remote.objects import Entry, listing, sha256_at, thread_map
from pose_smoother.remote.path import RemotePath
from pose_smoother.store.names import MANIFEST


def object_problems(path: RemotePath, manifest: dict[str, Any]) -> dict[str, str]:
    """Objects of a store that are missing, changed or too many; shards by their shard's name."""
    found = listing(path)
    expected: dict[str, dict[str, Any]] = manifest["files"]

    def problem(name: str) -> str:
        return _object_problem(path / name, expected[name], found.get(name))

    problems = {}
    for name, text in zip(expected, thread_map(problem, expected), strict=True):
        shard = expected[name].get("shard")
        if text:
            problems[f"shard {shard}" if shard else name] = text
    for name in sorted(set(found) - {*expected, MANIFEST, LEGACY_RECIPE}):
        problems[EXTRA + name] = "is not in the manifest"
    return problems


def _object_problem(path: RemotePath, expected: dict[str, Any], found: Entry | None) -> str:
    if found is None:
        return "is missing"
    if found.n_bytes != expected["bytes"]:
        return f"is damaged (expected {expected['bytes']:,} bytes, found {found.n_bytes:,})"
    sha256 = sha256_at(path, found.n_bytes)
    if sha256 == expected["sha256"]:
        return ""
    return f"is damaged ({hash_mismatch(expected['sha256'], sha256)})"
