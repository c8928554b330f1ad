"""The walls between packages, rooms and files (DESIGN section 11), read from every file's imports.

Imports inside functions and under ``TYPE_CHECKING`` count like those at the top.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("pose_smoother", "pipeline", "trainer")
FILES = sorted(p for top in PACKAGES for p in (ROOT / top).rglob("*.py"))

#: What each package must not import: the programs import the library, and never each other.
MAY_NOT_IMPORT = {
    "pose_smoother": ("pipeline", "trainer", "torch"),
    "pipeline": ("trainer", "torch"),
    "trainer": ("pipeline",),
}

#: The rooms of each package, lowest first: a room imports from its own level and from lower ones.
#: A module belongs to the longest name that it begins with.
ORDER: dict[str, tuple[tuple[str, ...], ...]] = {
    "pose_smoother": (
        ("errors", "extras", "seeds", "skeleton", "registry", "text", "versions", "progress_bars"),
        ("stages",),
        ("heatmap", "impulse_renderer", "boxes", "points"),
        ("files", "video", "dask_cluster"),
        ("bench", "store.names", "store.damage_errors", "store.config"),
        ("remote",),
        ("store",),
        ("poses",),
        ("pretrained",),
        ("filters",),
        ("smoothing",),
        ("web",),
        ("inspection",),
        ("view",),
        ("cli_support",),
        ("cli_batch",),
        ("inspection.cli", "view.cli"),
        ("cli", "__main__"),
    ),
    "pipeline": (
        ("sources",),
        ("synthetic",),
        ("worker_pool",),
        ("cluster",),
        ("",),  # the modules of the package itself: ingest, build, shards, verify, ...
        ("annotations",),
        ("bench",),
        ("cli",),
        ("__main__",),
    ),
    "trainer": (
        ("experiments", "settings", "cli_options"),
        ("metrics",),
        ("noise",),
        ("data",),
        ("models",),
        ("runs",),
        ("evaluation",),
        ("distributed",),
        ("training",),
        ("calibrate",),
        ("report",),
        ("inference",),
        ("plots", "finetune", "sweep", "pretrain"),
        ("bench",),
        ("cli",),
        ("__main__",),
    ),
}


@cache
def parsed(text: str) -> ast.Module:
    """The syntax tree of a file's text; each file is read by several tests."""
    return ast.parse(text)


def module_name(file: Path) -> str:
    """The dotted name of a file's module; a package's own is that of its folder."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether importing the file imports it) for every import of a file."""
    tree = parsed(file.read_text())
    inside = {id(node) for later in filter(_is_later, ast.walk(tree)) for node in ast.walk(later)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            yield node.module, id(node) not in inside
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in inside


def _is_later(node: ast.AST) -> bool:
    """Whether importing the file doesn't run a node: a function, or ``if TYPE_CHECKING``."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def import_graph(files: list[Path]) -> dict[str, set[str]]:
    """Module -> the modules among these files that it imports.

    The library's own ``__init__`` is left out: it lists what users import, from every room.
    """
    names = {module_name(file) for file in files}
    graph: dict[str, set[str]] = {}
    for file in files:
        found = set()
        for node in ast.walk(parsed(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:  # a module of the package, or a name of its __init__
                    inner = f"{node.module}.{alias.name}"
                    found.add(inner if inner in names else str(node.module))
        name = module_name(file)
        graph[name] = (found & names) - {name, "pose_smoother"}
    graph["pose_smoother"] = set()
    return graph


def circles(graph: Mapping[str, set[str]]) -> set[tuple[str, ...]]:
    """The groups of modules each of which imports the others, directly or not (Tarjan)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = set()

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in graph.get(module, ()):
            if other not in number:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.add(tuple(sorted(group)))

    for module in graph:
        if module not in number:
            visit(module)
    return found


def level(module: str) -> int | None:
    """A module's level in the order of its package; None where no room of the order has it."""
    package, _, rest = module.partition(".")
    best: tuple[int, int] | None = None
    for number, rooms in enumerate(ORDER[package]):
        for room in rooms:
            if not room or rest == room or rest.startswith(f"{room}."):
                best = max(best or (-1, -1), (len(room), number))
    return None if best is None else best[1]


def upward(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """The imports inside a package that go to a higher level."""
    found = set()
    for module, others in graph.items():
        for other in others:
            if module.partition(".")[0] == other.partition(".")[0] and "." in other:
                lower, higher = level(module), level(other)
                if lower is not None and higher is not None and higher > lower:
                    found.add((module, other))
    return found


def violations(file: Path) -> list[str]:
    """The imports of a file that break a wall."""
    path = file.relative_to(ROOT).as_posix()
    found = []
    for module, at_top in imports(file):
        root = module.split(".")[0]
        for top, others in MAY_NOT_IMPORT.items():
            if path.startswith(f"{top}/") and root in others:
                found.append(f"{top} imports {module}")
        if root == "click" and not file.name.startswith("cli"):
            found.append(f"click outside cli*.py: {module}")
        if root == "matplotlib" and at_top:
            found.append(f"matplotlib at the top of a file: {module}")
    return found


def test_imports_keep_to_the_walls() -> None:
    found = {file.relative_to(ROOT).as_posix(): violations(file) for file in FILES}
    assert {path: broken for path, broken in found.items() if broken} == {}


def test_a_breach_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_walls.ROOT", tmp_path)
    (tmp_path / "trainer").mkdir()
    bad = tmp_path / "trainer" / "bad.py"
    bad.write_text("from pipeline.build import preprocess\nimport click\nimport matplotlib\n")
    assert len(violations(bad)) == 4  # the module and the name count, and click, and matplotlib
    bad.write_text("try:\n    import matplotlib\nexcept ImportError:\n    pass\n")
    assert len(violations(bad)) == 1
    bad.write_text("def draw():\n    import matplotlib\n")
    assert violations(bad) == []
    (tmp_path / "pose_smoother").mkdir()
    bad = tmp_path / "pose_smoother" / "bad.py"
    bad.write_text("def late():\n    import torch\n")
    assert len(violations(bad)) == 1


def test_no_circles_of_imports() -> None:
    assert circles(import_graph(FILES)) == set()


def test_rooms_import_downwards_only() -> None:
    assert sorted(upward(import_graph(FILES))) == []


def test_every_module_has_a_level() -> None:
    modules = [name for name in map(module_name, FILES) if "." in name]
    assert [name for name in modules if level(name) is None] == []


def test_a_circle_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_walls.ROOT", tmp_path)
    folder = tmp_path / "trainer" / "data"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("def late():\n    from trainer.data import two\n")
    (folder / "two.py").write_text("from trainer.data.three import name\n")
    (folder / "three.py").write_text("import trainer.data.one\nimport trainer.training.step\n")
    (tmp_path / "trainer" / "training").mkdir()
    (tmp_path / "trainer" / "training" / "step.py").write_text("import trainer.data.one\n")
    graph = import_graph(sorted(tmp_path.rglob("*.py")))
    ring = {"trainer.data.one", "trainer.data.two", "trainer.data.three", "trainer.training.step"}
    assert circles(graph) == {tuple(sorted(ring))}
    assert upward(graph) == {("trainer.data.three", "trainer.training.step")}


def test_library_needs_no_framework() -> None:
    modules = [
        module_name(file)
        for file in FILES
        if file.is_relative_to(ROOT / "pose_smoother")
        and not file.name.startswith(("cli", "__main"))
    ]
    code = (
        "import importlib, sys\n"
        "for name in ('torch', 'click', 'matplotlib', 'pandas'): sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


#: Exceptions that are no errors: nothing failed.
NO_ERRORS = {"Interrupted", "_Interrupted", "Enough"}


def test_exceptions_are_called_errors() -> None:
    bad = []
    for file in FILES:
        for node in ast.walk(parsed(file.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                raises = any(b.endswith(("Error", "Exception")) or b in NO_ERRORS for b in bases)
                if raises and not node.name.endswith("Error") and node.name not in NO_ERRORS:
                    bad.append(f"{module_name(file)}.{node.name}")
    assert bad == []


def test_handlers_of_value_error_let_invalid_input_pass() -> None:
    """InvalidInputError is a ValueError: a handler of those must not rewrite its text."""
    bad = []
    for file in FILES:
        for node in ast.walk(parsed(file.read_text())):
            if not isinstance(node, ast.Try):
                continue
            raised = {
                ast.unparse(n.exc.func)
                for part in node.body
                for n in ast.walk(part)
                if isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call)
            }
            caught = [ast.unparse(h.type) if h.type else "" for h in node.handlers]
            first = next((c for c in caught if "ValueError" in c or "InvalidInput" in c), "")
            if "InvalidInputError" in raised and "ValueError" in first:
                bad.append(f"{module_name(file)}: line {node.lineno}")
    assert bad == []


def test_registered_names_are_unique_and_listed() -> None:
    from pipeline.sources import sources
    from pose_smoother.store.open import formats

    assert {"brace", "penn-action"} <= set(sources())
    assert {"hdf5", "zarr"} <= set(formats())


#: Where every exception is caught and none is reported as damage, with the reason.
CATCHES_ALL = {
    "pipeline/cluster/workers.py": "what Dask itself raises: no file is read",
    "pose_smoother/cli_support.py": "the error is printed with its type",
    "pose_smoother/files/hdf5_file.py": "only what follows a refused write is dropped",
}


def warnings_caught(file: Path) -> list[int]:
    """Lines of ``except Exception`` that also catch a warning which a filter made an error."""
    lines = []
    for node in ast.walk(parsed(file.read_text())):
        passes = False  # an earlier handler lets warnings through
        for handler in node.handlers if isinstance(node, ast.Try) else []:
            caught = "" if handler.type is None else ast.unparse(handler.type)
            passes = passes or ("Warning" in caught and ast.unparse(handler.body[-1]) == "raise")
            goes_on = ast.unparse(handler.body[-1]) == "raise"  # cleans up, and hides nothing
            if caught in ("", "Exception", "BaseException") and not passes and not goes_on:
                lines.append(handler.lineno)
    return lines


def test_a_warning_made_an_error_is_not_called_damage() -> None:
    found = {
        file.relative_to(ROOT).as_posix(): warnings_caught(file)
        for file in FILES
        if not file.is_relative_to(ROOT / "trainer")
    }
    assert {path for path, lines in found.items() if lines} <= CATCHES_ALL.keys()


def test_a_caught_warning_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("try:\n    read()\nexcept Exception:\n    raise ValueError from None\n")
    assert warnings_caught(bad) == [3]
    bad.write_text("try:\n    read()\nexcept Warning:\n    raise\nexcept Exception:\n    pass\n")
    assert warnings_caught(bad) == []


#: Modules that write to the terminal; all others say it through `pose_smoother.cli_support.say`.
MAY_PRINT = ("pose_smoother/cli_support.py", "trainer/sweep/progress_display.py")


def test_one_place_prints() -> None:
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                if name == "print" or ast.unparse(node.func) in ("click.echo", "click.secho"):
                    found.append(file.relative_to(ROOT).as_posix())
    assert set(found) <= set(MAY_PRINT)
    assert "pose_smoother/cli_support.py" in found
