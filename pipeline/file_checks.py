"""What is wrong with the files and shards of a store in a folder, by its manifest."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pose_smoother.store.damage_errors import file_problem, is_plain_file
from pose_smoother.store.names import MANIFEST
from pose_smoother.store.open import format_module

#: Begins the names of problems that are files too many, not shards or files that are bad.
EXTRA = "extra file "
#: A file of stores that earlier versions made (where their annotations were); nothing reads it.
LEGACY_RECIPE = "recipe.json"


def store_problems(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """All that is wrong: file, or shard (``shard train/heatmaps/00017``) -> its problem."""
    shards = format_module(manifest["format"]).check_shards(path, manifest)
    damaged = {f"shard {name}": f"is damaged ({why})" for name, why in shards.items()}
    extra = {EXTRA + name: "is not in the manifest" for name in extra_files(path, manifest)}
    return _file_problems(path, manifest) | extra | damaged


def _file_problems(path: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Files that are missing or changed; those that are shards are left out."""
    problems = {}
    for name, entry in manifest["files"].items():
        if "shard" in entry:
            continue
        if problem := file_problem(path / name, entry):
            is_there = is_plain_file(path / name)
            problems[name] = f"is damaged ({problem})" if is_there else f"is {problem}"
    return problems


def extra_files(path: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Names of the files and links that do not belong to a store, sorted."""
    known = {*manifest["files"], MANIFEST, LEGACY_RECIPE}
    yield from sorted({*_names(path)} - known, key=lambda name: name.split("/"))


def _names(path: Path) -> Iterator[str]:
    """Names of all files below a folder, and of links, which are not followed."""
    folders = [""]
    while folders:
        inside = folders.pop()
        with suppress(OSError), os.scandir(f"{path}/{inside}") as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{inside}{entry.name}/")
                else:
                    yield inside + entry.name
