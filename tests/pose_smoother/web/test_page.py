"""Pages are put together so that no text of a file becomes code."""

import base64
import hashlib
import json
import re

from pose_smoother.web.page import as_json, asset, base_style, build_page

TEMPLATE = (
    '<meta content="{{policy}}"><title>{{title}}</title><style>{{style}}</style>'
    '<script type="application/json">{{data}}</script><script>{{script}}</script>{{'
)
HOSTILE = "</script><!--<script>{{script}} & \u2028"


def page(data: object = None) -> str:
    made = build_page(TEMPLATE, title=HOSTILE, styles=["a{}"], scripts=["f()", "g()"], data=data)
    return made.decode()


def test_data_cannot_end_its_element() -> None:
    text = as_json({"name": HOSTILE})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"name": HOSTILE}


def test_what_is_filled_in_is_not_filled_again() -> None:
    found = page({"name": HOSTILE})
    assert found.count("f()") == 1
    assert found.count("</script>") == 2
    assert found.endswith("{{")


def test_the_policy_allows_this_script_and_style_alone() -> None:
    found = page()
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", found, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in found
    assert "default-src 'none'" in found


def test_dark_colours_are_written_once_and_used_twice() -> None:
    style, source = base_style(), asset("pose_smoother.web", "base.css")
    assert source.count("color-scheme: dark;") == 1
    switch, system = re.findall(r"\{([^{}]*color-scheme: dark;[^{}]*)\}", style)
    assert switch == system
    light = re.search(r":root \{([^}]*)\}", style)
    assert light
    names = [re.findall(r"--[\w-]+", text) for text in (light[1], switch)]
    assert set(names[1]) == set(names[0]) - {"--radius"}
