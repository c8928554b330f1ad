"""Write docs/map.md from the first line of every file's docstring.

Command: python tools/map.py (``--check`` only says whether the map is current).
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "map.md"
TOPS = ("pose_smoother", "pipeline", "trainer", "examples", "benchmarks", "tools")
HEAD = """\
# Map of the code

Made by `python tools/map.py` from the first line of every file; don't edit. `pose_smoother` is the
library, `pipeline` and `trainer` are the two programs on it; neither program imports the other.
`tests/` mirrors the three packages; next to them are `property/`, `golden/`, `e2e/` and `faults/`.
"""


def first_line(file: Path) -> str:
    """The first sentence of a file's docstring."""
    doc = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(doc.split("\n\n")[0].split()).removesuffix(".")


def lines_of(folder: Path, depth: int) -> list[str]:
    """A folder's files, then its folders, one line each."""
    init = folder / "__init__.py"
    about = first_line(init) if init.exists() else ""
    lines = [f"{'  ' * depth}{folder.name}/".ljust(34) + about]
    for file in sorted(folder.glob("*.py")):
        if file.name not in ("__init__.py", "__main__.py"):
            lines.append(f"{'  ' * (depth + 1)}{file.name}".ljust(34) + first_line(file))
    for inner in sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.py"))):
        lines += lines_of(inner, depth + 1)
    return [line.rstrip() for line in lines]


def page() -> str:
    """The whole page."""
    blocks = [
        f"## {top}\n\n```text\n" + "\n".join(lines_of(ROOT / top, 0)) + "\n```" for top in TOPS
    ]
    return HEAD + "\n" + "\n\n".join(blocks) + "\n"


def main() -> int:
    """Write or check."""
    wanted = page()
    if "--check" in sys.argv:
        return int(not FILE.exists() or FILE.read_text() != wanted)
    FILE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
