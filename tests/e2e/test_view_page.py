"""The viewer's page in headless Chromium: played, scrubbed, switched, and its pictures compared.

Set ``VIEW_PICTURES`` to a folder to look at the pictures that were taken.
"""

import io
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pose_smoother.poses.skeletons import skeleton
from pose_smoother.smoothing.arrays import from_any
from pose_smoother.smoothing.tracks import Rules
from pose_smoother.view.page import view_page
from pose_smoother.view.versions import from_smoother
from tests.e2e.chromium import BROWSER, Chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium"),
]
N_FRAMES = 600
HOSTILE = '</script><img src="http://x.example/" onerror="document.title=1">'


def walker() -> np.ndarray:
    """A person of 17 keypoints who walks through the picture and back, with a detector's noise."""
    rng = np.random.default_rng(0)
    t = np.arange(N_FRAMES) / 30
    at = {"nose": (0, 0), "eye": (8, -8), "ear": (16, -2), "shoulder": (32, 40)}
    at |= {"elbow": (44, 90), "wrist": (40, 140), "hip": (20, 150), "knee": (22, 220)}
    at |= {"ankle": (22, 290)}
    swing = {"elbow": 12, "wrist": 30, "knee": 24, "ankle": 44}
    clean = np.zeros((N_FRAMES, 17, 2))
    for k, name in enumerate(skeleton("coco-17").keypoints):
        side, _, part = name.rpartition("_")
        x, y = at[part]
        mirrored = -1 if side == "right" else 1
        step = mirrored * swing.get(part, 0) * np.sin(2 * np.pi * 0.9 * t)
        clean[:, k] = np.stack([mirrored * x + step + 300 + 220 * np.sin(t / 3), y + 60 + 0 * t], 1)
    noisy = clean + rng.normal(size=clean.shape) * 3
    noisy[100, 9] += 120
    noisy[200:212, 10] = np.nan
    return noisy


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    two = np.stack([walker(), walker()[::-1] + np.array([260, 10])], axis=1)
    scores = np.random.default_rng(1).uniform(0.2, 1, two.shape[:3])
    poses = from_any(two, scores, skeleton("coco-17").keypoints).poses
    rules = Rules(min_score=0.25)
    versions = [from_smoother(poses, name, 30.0, rules) for name in ("kalman", "hampel,gaussian")]
    file = tmp_path_factory.mktemp("view") / "page.html"
    file.write_bytes(view_page(poses, versions, title=HOSTILE, fps=30.0))
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(params=[(1440, 900, False), (390, 844, True)], ids=["1440", "390"])
def opened(browser: Chromium, page: Path, request: pytest.FixtureRequest) -> Iterator[Chromium]:
    width, height, touch = request.param
    browser.events.clear()
    browser.size(width, height, touch=touch)
    browser.open(page)
    yield browser
    save(browser, request.node.name)
    assert browser.problems() == []


def save(browser: Chromium, name: str) -> None:
    if folder := os.environ.get("VIEW_PICTURES"):
        Path(folder, f"{name}.png").write_bytes(browser.picture())


def frame(browser: Chromium) -> int:
    return int(browser.run("document.getElementById('timeline').getAttribute('aria-valuenow')"))


def pixels(browser: Chromium, selector: str) -> np.ndarray:
    """The part of the picture in which an element is, float (height, width, 4)."""
    return np.asarray(imread(io.BytesIO(browser.picture(browser.place(selector)))))


def differ(one: np.ndarray, two: np.ndarray) -> int:
    """How many pixels are not the same."""
    return int((np.abs(one - two).max(axis=-1) > 0.02).sum())


def test_it_plays_and_pauses(opened: Chromium) -> None:
    before = pixels(opened, "#stage")
    opened.key(" ")
    time.sleep(0.6)
    opened.key(" ")
    reached = frame(opened)
    assert 5 < reached < 200
    time.sleep(0.3)
    assert frame(opened) == reached
    assert differ(before, pixels(opened, "#stage")) > 500


def test_keys_move_in_time(opened: Chromium) -> None:
    for key, shift, expected in (
        ("ArrowRight", False, 1), ("ArrowRight", True, 11), ("ArrowLeft", False, 10),
        ("End", False, N_FRAMES - 1), ("ArrowRight", False, N_FRAMES - 1), ("Home", False, 0),
    ):  # fmt: skip
        opened.key(key, shift)
        assert frame(opened) == expected, (key, shift)


def test_the_timeline_is_scrubbed_by_mouse_or_touch(opened: Chromium) -> None:
    touch = opened.run("innerWidth") < 1000
    x, y, width, height = opened.place("#timeline")
    path = [(x + share * width, y + height / 2) for share in (0.1, 0.3, 0.5)]
    opened.drag(path, touch=touch)
    assert abs(frame(opened) - N_FRAMES / 2) < 8
    text = opened.run("document.getElementById('timeline').getAttribute('aria-valuetext')")
    assert text == f"frame {frame(opened)} of {N_FRAMES - 1}, {frame(opened) / 30:.2f} seconds"


def test_smoothers_and_layouts_are_switched(opened: Chromium) -> None:
    opened.key("ArrowRight", shift=True)
    first, numbers = (
        pixels(opened, "#stage"),
        opened.run("document.getElementById('numbers').innerText"),
    )
    opened.key("2")
    second = pixels(opened, "#stage")
    assert differ(first, second) > 30
    assert opened.run("document.getElementById('numbers').innerText") != numbers
    opened.key("1")
    assert differ(first, pixels(opened, "#stage")) == 0
    opened.key("o")
    assert differ(first, pixels(opened, "#stage")) > 1000
    opened.key("o")
    opened.key("r")
    assert differ(first, pixels(opened, "#stage")) > 0
    opened.key("r")
    assert differ(first, pixels(opened, "#stage")) == 0


def test_issues_are_found_one_after_the_other(opened: Chromium) -> None:
    opened.run("document.querySelector('#track').selectedIndex = 1")
    opened.run("document.querySelector('#track').dispatchEvent(new Event('change'))")
    seen = [0]
    for _ in range(12):
        opened.key("n")
        assert frame(opened) > seen[-1]
        seen.append(frame(opened))
        assert opened.run("document.getElementById('stage-note').textContent") != ""
    for expected in seen[-2:0:-1]:
        opened.key("p")
        assert frame(opened) == expected


def test_keypoints_are_chosen_and_drawn(opened: Chromium) -> None:
    assert opened.run("document.querySelectorAll('.plot').length") == 2
    box = "#keypoints tr:nth-child(11) input"
    if not opened.run(f"document.querySelector('{box}').checked"):
        opened.click(box)
    names = opened.run("[...document.querySelectorAll('.plot h3')].map((e) => e.textContent)")
    assert "right_wrist" in names
    before = pixels(opened, ".plot canvas")
    opened.key("ArrowRight", shift=True)
    assert differ(before, pixels(opened, ".plot canvas")) > 50


def test_dark_light_and_the_button_between_them(opened: Chromium) -> None:
    def background() -> str:
        return str(opened.run("getComputedStyle(document.body).backgroundColor"))

    light = background()
    opened.click("#theme")
    dark = background()
    assert dark != light
    opened.send(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert background() == dark
    opened.click("#theme")
    assert background() == light


CONTRASTS = """
(() => {
  const parse = (text) => { const c = document.createElement('canvas').getContext('2d');
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const lit = ([r, g, b]) => [r, g, b].map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; })
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return [255, 255, 255]; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    const text = walk.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest('script, .sr, option')) continue;
    const [a, b] = [lit(parse(getComputedStyle(e).color)), lit(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${e.className} ${text}: ${ratio.toFixed(2)}`);
  }
  return found;
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_it_is_readable_and_fits(
    browser: Chromium, page: Path, width: int, height: int, dark: bool
) -> None:
    browser.size(width, height, dark, touch=width < 1000)
    browser.open(page)
    save(browser, f"first-{width}-{'dark' if dark else 'light'}")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(CONTRASTS) == []
    browser.click("#help-open")
    assert browser.run(CONTRASTS) == []
    browser.key("Escape")


def test_every_control_is_named_and_reached_by_the_keyboard(browser: Chromium, page: Path) -> None:
    browser.size(1440, 900)
    browser.open(page)
    unnamed = browser.run(
        "[...document.querySelectorAll('button, input, select, [role=slider]')].filter((e) =>"
        "!(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []
    reached = set()
    for _ in range(60):
        browser.key("Tab")
        reached.add(browser.run("document.activeElement.id || document.activeElement.name"))
        outline = browser.run(
            "(() => { const e = document.activeElement; const shown = e.type === 'radio' ?"
            "e.nextElementSibling : e; return getComputedStyle(shown).outlineStyle; })()"
        )
        assert outline != "none" or browser.run("document.activeElement === document.body")
    assert reached >= {
        "theme",
        "version",
        "layout",
        "track",
        "show-raw",
        "play",
        "timeline",
        "span",
    }


def test_hostile_names_stay_text(browser: Chromium, page: Path) -> None:
    browser.size(1440, 900)
    browser.open(page)
    assert browser.run("document.getElementById('title').textContent") == HOSTILE
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert json.loads(browser.run("JSON.stringify(document.title)")).startswith("</script>")
    assert browser.problems() == []


def test_the_note_says_what_lies_outside_and_is_not_under_the_buttons(opened: Chromium) -> None:
    opened.key("Home")
    for _ in range(10):
        opened.key("ArrowRight", shift=True)
    note = "document.getElementById('stage-note')"
    before = opened.run(f"{note}.textContent")
    assert re.search(r"\d+ rejected$", before), before
    for _ in range(12):
        opened.click("#zoom-in")
    assert opened.run(f"{note}.textContent") == f"{before}, outside the picture"
    opened.run(f"{note}.textContent = 'of a long file '.repeat(20)")
    left, _, width, _ = opened.place("#stage-note")
    assert left + width <= opened.place(".zoom")[0]
