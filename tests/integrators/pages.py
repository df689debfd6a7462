"""The pages for integrators, read as their readers do: which blocks are run, and what each is said to print.

A block of `sh`, `python` or `java` is run. What it prints is the block of `text` or `json` behind it, where `...` is
anything, and blanks do not count; without one it prints nothing. A line of NOT_RUN before a block, of any language,
says that it is not; every block of another language has it. A comment `a day passes` has the next feed loaded.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "integrators"
PAGES = sorted(FOLDER.glob("*.md"))
RUN, EXPECTED = ("sh", "python", "java"), ("text", "json")
NOT_RUN = "*Not run by our tests.*"
DAY = "<!-- a day passes -->"
_PIECE = re.compile(rf"^({re.escape(DAY)})$|^```(\w*)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A block that is run; `where` is page and line."""

    where: str
    language: str
    text: str
    prints: str


def pieces(page: Path) -> Iterator[Block | None]:
    """The page's blocks that are run, in order; None where a day passes.

    Raises AssertionError on a block that is neither run, nor printed, nor marked.
    """
    text = page.read_text()
    found = list(_PIECE.finditer(text))
    for piece, following in zip(found, [*found[1:], None], strict=True):
        day, language, inside = piece.groups()
        where = f"{page.name}:{text.count(chr(10), 0, piece.start()) + 1}"
        before = text[: piece.start()].rstrip().rpartition("\n")[2]
        if day:
            yield None
        elif before == NOT_RUN:
            continue
        elif language in RUN:
            prints = following is not None and following[2] in EXPECTED
            yield Block(where, language, inside, following[3] if following is not None and prints else "")
        else:
            assert language in EXPECTED, (
                f"{where}: a block of {language or 'nothing'} that is not run, and does not say so"
            )


def says(printed: str, expected: str) -> bool:
    """Whether what was printed is what the page says."""
    parts = ("".join(part.split()) for part in expected.split("..."))
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(printed.split()), re.S) is not None
