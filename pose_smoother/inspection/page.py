"""An inspection as one page that opens offline."""

import html
from collections.abc import Iterator
from itertools import compress

from pose_smoother.inspection.report import (
    HEADINGS,
    NOTHING,
    Inspection,
    KeypointReport,
    cells,
    conclusions,
    facts,
    headline,
)
from pose_smoother.web.page import asset, base_style, build_page

_HERE = "pose_smoother.inspection"


def report_page(found: Inspection) -> bytes:
    """The report as HTML: the same numbers as in the terminal, with bars for the noise."""
    template = asset(_HERE, "inspection.html")
    for key, value in _parts(found).items():
        template = template.replace(f"[[{key}]]", value)
    return build_page(
        template,
        title=f"{found.source or 'keypoints'}: inspection",
        styles=[base_style(), asset(_HERE, "inspection.css")],
        scripts=[],
    )


def _parts(found: Inspection) -> dict[str, str]:
    """HTML of each part of the page; text of the file is escaped."""
    lines = facts(found)
    shown = _shown(found.keypoints)
    absent = [name for name, is_shown in zip(HEADINGS, shown, strict=True) if not is_shown]
    columns = (f'<th scope="col">{name.capitalize()}</th>' for name in compress(HEADINGS, shown))
    return {
        "name": _text(found.source or "keypoints"),
        "headline": _text(headline(found).removeprefix(f"{found.source}: ")),
        "facts": "".join(f"<p>{_text(line)}</p>" for line in lines),
        "verdict": "".join(
            f"<div><dt>{_text(key.capitalize())}</dt><dd>{_text(value)}</dd></div>"
            for key, value in conclusions(found)
        ),
        "columns": "".join(columns),
        "rows": "".join(_rows(found.keypoints, shown)),
        "absent": f"Zero throughout, so left out: {', '.join(absent)}." if absent else "",
    }


def _shown(keypoints: tuple[KeypointReport, ...]) -> list[bool]:
    """Whether a column has anything to show: a phone has room for few."""
    columns = zip(*map(cells, keypoints), strict=True)
    return [set(column) != {NOTHING} for column in columns] or [True] * len(HEADINGS)


def _rows(keypoints: tuple[KeypointReport, ...], shown: list[bool]) -> Iterator[str]:
    """A table row for each keypoint, in the file's order."""
    most = max((one.noise or 0.0 for one in keypoints), default=0.0) or 1.0
    for one in keypoints:
        numbers = "".join(f"<td>{_text(value)}</td>" for value in compress(cells(one), shown))
        share = round(100 * (one.noise or 0.0) / most)
        bar = f'<td class="bar"><meter min="0" max="100" value="{share}">{share}</meter></td>'
        yield f"<tr><th scope='row'>{_text(one.name)}</th>{numbers}{bar}</tr>\n"


def _text(value: str) -> str:
    """Text as HTML; braces are escaped too, for the template's marks are written with them."""
    return html.escape(value).replace("{", "&#123;").replace("[", "&#91;")
