"""Where a store came from on this machine, so that `repair` can make parts of it again.

It lies in the store but is no part of its content: the same annotations read from another place
give the same store. It has a checksum of its own and names its manifest's, so damage is found.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config import BuildConfig
from pipeline.ingest import Inputs
from pipeline.sources import SourceOptions
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import add_checksum, verify_checksum
from pose_smoother.remote.path import PathOrUrl, as_path_or_url
from pose_smoother.store.names import RECIPE


@dataclass(frozen=True)
class Recipe:
    """What a store was made from.

    Attributes
    ----------
    manifest : hash of the manifest's bytes.
    """

    inputs: Inputs
    config: BuildConfig
    format: str
    code_version: str
    manifest: str

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        options = self.inputs.options
        hashes = {"hashes": str(options.hashes.resolve())} if options.hashes else {}
        return add_checksum(
            hashes
            | {
                "paths": {name: str(p.resolve()) for name, p in self.inputs.paths.items()},
                "manual": str(options.manual.resolve()) if options.manual else None,
                "tables": str(options.tables.resolve()) if options.tables else None,
                "config": asdict(self.config),
                "format": self.format,
                "code_version": self.code_version,
                "manifest": self.manifest,
            }
        )


def read_recipe(store: Path) -> Recipe:
    """A store's recipe.

    Raises
    ------
    StoreError : absent, damaged, or of another version of this program.
    """
    try:
        found = verify_checksum((store / RECIPE).read_bytes())
        options = SourceOptions(
            manual=_place(found["manual"]),
            tables=_place(found["tables"]),
            hashes=Path(found["hashes"]) if "hashes" in found else None,
        )
        paths = {str(name): as_path_or_url(path) for name, path in found["paths"].items()}
        return Recipe(
            Inputs(paths, options),
            config_from(found["config"]),
            found["format"],
            found["code_version"],
            found["manifest"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{store / RECIPE} is damaged or absent ({error})") from None


def recipe_problem(store: Path, manifest_sha256: str) -> str:
    """What is wrong with a store's recipe; "" when nothing is."""
    try:
        raw = (store / RECIPE).read_bytes()
    except FileNotFoundError:
        return f"{RECIPE} is missing"
    except OSError as error:
        return f"{RECIPE} is damaged ({error})"
    return recipe_fault(raw, manifest_sha256)


def recipe_fault(raw: bytes, manifest_sha256: str) -> str:
    """What is wrong with a recipe's bytes; "" when nothing is."""
    try:
        found = verify_checksum(raw)
    except ValueError as error:
        return f"{RECIPE} is damaged ({error})"
    if found.get("manifest") != manifest_sha256:
        return f"{RECIPE} belongs to another store"
    return ""


def config_from(saved: dict[str, Any]) -> BuildConfig:
    """A config as it was saved, in a recipe or in a store's attributes."""
    known = {k: v for k, v in saved.items() if k in BuildConfig.__dataclass_fields__}
    for name in ("actions", "test_actions"):
        if isinstance(known.get(name), list):
            known[name] = tuple(known[name])
    if known["actions"] == "default":
        known["actions"] = None
    return BuildConfig(**known)


def _place(text: str | None) -> PathOrUrl | None:
    return None if text is None else as_path_or_url(text)
