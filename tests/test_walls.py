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


#: Where every exception is caught and none is reported as damage, with the reason.
CATCHES_ALL = {
    "pipeline/cluster/task.py": "the error is the task's result",
    "pipeline/cluster/workers.py": "what Dask itself raises: no file is read",
    "pose_smoother/cli_support.py": "the error is printed with its type",
    "pose_smoother/files/hdf5_file.py": "only what follows a refused write is dropped",
}


def warnings_caught(file: Path) -> list[int]:
    """Lines of ``except Exception`` that also catch a warning which a filter made an error."""
    lines = []
    for node in ast.walk(ast.parse(file.read_text())):
        passes = False
        for handler in node.handlers if isinstance(node, ast.Try) else []:
            caught = "" if handler.type is None else ast.unparse(handler.type)
            passes = passes or ("Warning" in caught and ast.unparse(handler.body[-1]) == "raise")
            if caught in ("", "Exception", "BaseException") and not passes:
                lines.append(handler.lineno)
    return lines


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_warning_made_an_error_is_not_called_damage(file: Path) -> None:
    place = file.relative_to(ROOT).as_posix()
    if place.startswith(("pose_smoother/", "pipeline/")) and place not in CATCHES_ALL:
        assert warnings_caught(file) == []


def test_a_caught_warning_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("try:\n    read()\nexcept Exception:\n    raise ValueError from None\n")
    assert warnings_caught(bad) == [3]
    bad.write_text("try:\n    read()\nexcept Warning:\n    raise\nexcept Exception:\n    pass\n")
    assert warnings_caught(bad) == []
