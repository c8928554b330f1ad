"""The walls of the house (DESIGN section 11), read off the imports of every file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    p for top in ("pose_smoother", "pipeline", "trainer") for p in (ROOT / top).rglob("*.py")
)

#: What each package must not import: the programs know the library, and nothing of each other.
MAY_NOT_IMPORT = {
    "pose_smoother": ("pipeline", "trainer", "torch"),
    "pipeline": ("trainer", "torch"),
    "trainer": ("pipeline",),
}


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported at the top of the file) for every import of a file."""
    tree = ast.parse(file.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            yield node.module, id(node) in top
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in top


def violations(file: Path) -> list[str]:
    """The imports of a file that break a wall."""
    place = file.relative_to(ROOT).as_posix()
    found = []
    for module, at_top in imports(file):
        root = module.split(".")[0]
        for top, others in MAY_NOT_IMPORT.items():
            if place.startswith(f"{top}/") and root in others:
                found.append(f"{top} imports {module}")
        if root == "click" and not file.name.startswith("cli"):
            found.append(f"click outside cli*.py: {module}")
        if root == "matplotlib" and at_top:
            found.append(f"matplotlib at the top of a file: {module}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_keep_to_the_walls(file: Path) -> None:
    assert violations(file) == []


def test_a_breach_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_walls.ROOT", tmp_path)
    (tmp_path / "trainer").mkdir()
    bad = tmp_path / "trainer" / "bad.py"
    bad.write_text("from pipeline.build import preprocess\nimport click\nimport matplotlib\n")
    assert len(violations(bad)) == 4  # the module and the name count, and click, and matplotlib


def test_registered_names_are_unique_and_listed() -> None:
    from pipeline.sources import sources
    from pose_smoother.store.store import formats

    assert {"brace", "penn-action"} <= set(sources())
    assert {"hdf5", "zarr"} <= set(formats())
