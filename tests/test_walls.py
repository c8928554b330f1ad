"""The walls of the house (DESIGN section 11), read off the imports of every file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(p for top in ("pipeline", "trainer") for p in (ROOT / top).rglob("*.py"))


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
        shared = f"{module}.".startswith("pose_smoother.") or module == "pipeline"
        for inner in ("trainer", "pipeline/contract"):
            if place.startswith(f"{inner}/") and root == "pipeline" and not shared:
                found.append(f"{inner} imports {module}")
        if place.startswith("pipeline/") and root in ("torch", "trainer"):
            found.append(f"pipeline imports {module}")
        if root == "click" and file.name != "cli.py":
            found.append(f"click outside cli.py: {module}")
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

    assert list(sources()) == ["brace", "penn-action"]
    assert list(formats()) == ["hdf5", "zarr"]
