"""One HTML file from a template, styles, scripts and data; text of a file can't become code.

The page's content security policy allows the scripts and styles that are in it, by their hashes,
and no request at all.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

_POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data: blob:; "
    "media-src blob: data: file: 'self'; base-uri 'none'; form-action 'none'"
)


def asset(package: str, name: str) -> str:
    """The text of a package's data file."""
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")


def base_style() -> str:
    """The style of all pages; its dark colours are the system's choice, or the page's switch."""
    style = asset(__package__, "base.css")
    dark = re.search(r':root\[data-theme="dark"\] (\{[^}]*\})', style)
    assert dark is not None
    by_system = f':root:not([data-theme="light"]) {dark[1]}'
    return f"{style}@media (prefers-color-scheme: dark) {{\n{by_system}\n}}\n"


def build_page(
    template: str, *, title: str, styles: Sequence[str], scripts: Sequence[str], data: Any = None
) -> bytes:
    """Fill a template.

    Parameters
    ----------
    template : HTML with ``{{policy}}``, ``{{title}}``, ``{{style}}``, and, where there are any,
        ``{{data}}`` and ``{{script}}``, each once.
    title : plain text.
    styles, scripts : parts of the page's one style sheet and of its one script.
    data : what JSON can hold; the script reads it from the element ``data``.
    """
    style = "\n".join(styles)
    script = "(() => {\n'use strict';\n" + "\n".join(scripts) + "\n})();" if scripts else ""
    values = {
        "policy": _POLICY.format(script=_hash(script), style=_hash(style)),
        "title": html.escape(title),
        "style": style,
        "script": script,
        "data": as_json(data),
    }
    first, *rest = template.split("{{")
    parts = [first]
    for piece in rest:  # one pass: what is filled in is not searched again
        key, end, after = piece.partition("}}")
        parts.append(values[key] + after if end else "{{" + piece)
    return "".join(parts).encode("utf-8", errors="replace")


def as_json(data: Any) -> str:
    """JSON that may be put into a script element: no character of it can end the element."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
