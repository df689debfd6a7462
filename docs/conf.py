"""How `make site` makes a site of the documentation: the pages as they stand in the repository, links and all.

Nothing of a page is written for the site. What it adds is the navigation, which it makes of the folders, so that a new
page is in it by itself. Its source is the whole repository, of which it takes the pages below: a link from one file to
another is the same in both, and one that leads nowhere fails the build. Nothing is fetched, neither here nor by who
reads it.
"""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

project = "Fastlegeregisteret"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/**/*.md", "bench/*.md", "bench/results/*.md"]
exclude_patterns = [".*", "build", "data", "dist", "site", "tests", "**/__pycache__"]

myst_heading_anchors = 4
highlight_language = "none"  # of a block that names no language
# Results that a program has written begin where it began; and an example with `...` in it is of no language.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_title = "Fastlege\u00adregisteret"  # where it is long for its place
html_show_sphinx = html_show_copyright = False
html_copy_source = False

# The parts of the navigation, and below the first page of a folder those in it: some in this order, the others by name.
NAVIGATION = {
    "Run it": ["docs/operations", "docs/operations/README", "docs/security", "docs/audit-format"],
    "Ask it": ["docs/integrators/README", "docs/api", "docs/fhir", "docs/soap", "docs/soap-parties", "docs/page"],
    "Feed it": ["docs/feed-format", "docs/flr-export"],
    "Change it": ["ARCHITECTURE", "docs/generation-format", "docs/decisions/README", "docs/glossary"],
    "Numbers": ["bench/README", "bench/results/*"],
    "About": ["SECURITY", "CHANGELOG"],
}
FOLDERS = {
    "operations": [
        *("doctor", "install", "first-load", "daily-load", "bad-data", "rollback", "full-disk", "lost-node"),
        *("key-rotation", "revoked-client", "insight", "capacity"),
    ],
    "integrators": ["migrate", "rest", "soap", "fhir"],
    "decisions": [],
}


def toctree(pages: list[str], *options: str) -> str:
    """A part of the navigation, which the page that it stands in does not show."""
    return "\n".join(["\n\n```{toctree}", ":hidden:", ":glob:", *options, "", *(f"/{page}" for page in pages), "```\n"])


def below(folder: str) -> list[str]:
    """The pages of a folder but its first."""
    there = {path.stem for path in Path(__file__).with_name(folder).glob("*.md")} - {"README"}
    named = [page for page in FOLDERS[folder] if page in there]
    return [f"docs/{folder}/{page}" for page in (*named, *sorted(there.difference(named)))]


def navigate(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give the first page, and that of a folder, what is below it."""
    if name == root_doc:
        source[0] += "".join(toctree(pages, f":caption: {caption}") for caption, pages in NAVIGATION.items())
    for folder in FOLDERS:
        if name == f"docs/{folder}/README":
            source[0] += toctree(below(folder))


def begin(app: Sphinx, error: Exception | None) -> None:
    """Who asks for no page in particular gets the first one."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", navigate)
    app.connect("build-finished", begin)
