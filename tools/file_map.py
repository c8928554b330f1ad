"""Write README's file map from the first line of every file's docstring.

Command: python tools/file_map.py (``--check`` only says whether the map is current).
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- file map -->", "<!-- end of file map -->"
TOPS = ("pose_smoother", "pipeline", "trainer", "examples", "benchmarks", "tools")


def first_line(file: Path) -> str:
    """The first sentence of a file's docstring."""
    doc = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(doc.split("\n\n")[0].split()).removesuffix(".")


def lines_of(folder: Path, depth: int) -> list[str]:
    """A folder's files, then its folders, one line each."""
    init = folder / "__init__.py"
    told = first_line(init) if init.exists() else ""
    lines = [f"{'  ' * depth}{folder.name}/".ljust(34) + told]
    for file in sorted(folder.glob("*.py")):
        if file.name not in ("__init__.py", "__main__.py"):
            lines.append(f"{'  ' * (depth + 1)}{file.name}".ljust(34) + first_line(file))
    for inner in sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.py"))):
        lines += lines_of(inner, depth + 1)
    return [line.rstrip() for line in lines]


def file_map() -> str:
    """The whole map."""
    blocks = ["\n".join(lines_of(ROOT / top, 0)) for top in TOPS]
    return "```text\n" + "\n\n".join(blocks) + "\n```"


def readme_with_map(text: str) -> str:
    """README's text with the map in its place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{file_map()}\n{END}{after}"


def main() -> int:
    """Write or check."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    wanted = readme_with_map(text)
    if "--check" in sys.argv:
        return int(text != wanted)
    readme.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
