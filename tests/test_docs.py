"""The docs site: it builds, every link leads somewhere, nothing is fetched from elsewhere."""

import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.e2e.chromium import BROWSER, Chromium
from tests.pages import DOCS, GROUPS, ROOT

pytest.importorskip("mkdocs")

PAGES = sorted(p for p in DOCS.rglob("*.md") if "tables" not in p.parts)
COMMAND = re.compile(
    r"(?:python -m (pipeline|trainer)|^(pose-smoother)) ([a-z-]+)([^\n`|]*)", re.MULTILINE
)
#: Attributes by which a page makes the browser fetch something by itself.
FETCHED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}


class Page(HTMLParser):
    """The links, the fetched addresses and the anchors of one page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        if found.get(FETCHED.get(tag, "")) and found.get("rel") != "canonical":
            self.fetched.append(found[FETCHED[tag]] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; strict: a page missing from the nav or a broken link in it is an error."""
    out = tmp_path_factory.mktemp("docs") / "site"
    # Not quiet: it would count no warning.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(out)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return out


def test_every_page_of_docs_is_built(site: Path) -> None:
    made = {p.relative_to(site).with_suffix("") for p in site.rglob("*.html")}
    for page in PAGES:
        at = page.relative_to(DOCS)
        at = at.with_name("index") if at.name == "README.md" else at.with_suffix("")
        assert at in made


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        for address in Page(file).fetched:
            assert not urlsplit(address).netloc, f"{file.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", style.read_text()), style.name


def test_links_lead_to_pages_and_anchors_that_exist(site: Path) -> None:
    pages = {p: Page(p) for p in site.rglob("*.html") if p.name != "404.html"}
    n_checked = 0
    for file, page in pages.items():
        for link in (*page.links, *page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{file.relative_to(site)}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{file.name}: {link}"
            n_checked += 1
    assert n_checked > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_commands_and_their_options_exist(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    for ours, library, name, rest in COMMAND.findall(text):
        program = ours or library
        group = GROUPS[program]
        assert name in group.commands, f"{program} {name}"
        known = {opt for p in group.commands[name].params for opt in p.opts}
        words = shlex.split(rest.split("#")[0].replace("'", "").replace('"', ""))
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known | {"--help"}, f"{program} {name}: {used - known}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: {target}"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium")
@pytest.mark.parametrize("page", ["index.html", "results/penn-nine/index.html"])
def test_search_finds_pages_when_the_site_is_opened_from_disk(
    site: Path, page: str, tmp_path: Path
) -> None:
    with Chromium(tmp_path) as chromium:
        chromium.send("Page.navigate", url=(site / page).as_uri())
        chromium.wait("document.querySelector('.md-search__input')")
        chromium.wait("document.readyState === 'complete'")
        chromium.run("document.querySelector('.md-search__input').focus()")
        chromium.send("Input.insertText", text="butterworth")
        chromium.wait("document.querySelector('.md-search-result__link')")
        found = chromium.run(
            "[...document.querySelectorAll('.md-search-result__link')].map((link) => link.href)"
        )
        assert any("python.html" in link for link in found)
        assert chromium.problems() == []
