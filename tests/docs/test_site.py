"""The documentation as a site: made without a warning, and with nothing from elsewhere; every link leads somewhere.

The build says so of links between pages, since its warnings are errors; here all that a browser follows is followed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.service import ROOT
from tests.test_tidy import FILES

PATIENCE_SECONDS = 300
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src"), ("form", "action")}


class Page(HTMLParser):
    """What a page refers to: (tag, attribute, target), and what it can be referred to by."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.refers: list[tuple[str, str, str]] = []
        self.anchors = {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            if name in {"href", "src", "action"} and value is not None:
                self.refers.append((tag, name, value))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    options = f"-q -W --keep-going -b html -c docs -d {out / 'trees'} . {out / 'site'}"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return out / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_document_is_in_it(pages: dict[Path, Page], site: Path) -> None:
    documents = {str(path.relative_to(ROOT).with_suffix("")) for path in FILES if path.suffix == ".md"}
    assert documents - {str(path.relative_to(site).with_suffix("")) for path in pages} == set()
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()


def test_every_document_is_in_the_navigation(pages: dict[Path, Page], site: Path) -> None:
    first = {urldefrag(target)[0] for tag, _, target in pages[site / "README.html"].refers if tag == "a"}
    documents = {str(path.relative_to(ROOT).with_suffix(".html")) for path in FILES if path.suffix == ".md"}
    assert documents - first - {"README.html"} == set()


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page], site: Path) -> None:
    far = [
        f"{path.relative_to(site)}: {target}"
        for path, page in pages.items()
        for tag, name, target in page.refers
        if (tag, name) in LOADED and urlsplit(target).netloc
    ]
    assert far == []
    styles = re.compile(r"@import|url\(\s*['\"]?(?:https?:)?//")
    assert [path.name for path in site.rglob("*.css") if styles.search(path.read_text())] == []


def test_every_link_leads_somewhere(pages: dict[Path, Page], site: Path) -> None:
    assert list(astray(pages, site)) == []


def astray(pages: dict[Path, Page], site: Path) -> Iterator[str]:
    for path, page in pages.items():
        for _, _, target in page.refers:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[there].anchors if there in pages else {"", unquote(parts.fragment)}
            if not there.is_file() or unquote(parts.fragment) not in known:
                yield f"{path.relative_to(site)}: {target}"


def test_the_search_knows_the_words_of_the_pages(site: Path) -> None:
    index = (site / "searchindex.js").read_text()
    assert {"rollback", "nginx", "insight"} <= set(re.findall(r"\b([a-z]+)\b", index))
