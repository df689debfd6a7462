"""The pages of the documentation, as tests read them: their blocks, and commands with what comes of them.

In a ```console block a line that begins with `$ ` is a command, `> ` goes on with it, and what follows is what it
prints: `...` in a line is any text, and a line of `...` is any lines, or none.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.service import ROOT

DOCS = ROOT / "docs"
RUNBOOKS = DOCS / "operations"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_PROMPT = re.compile(r"National id:")


class Command(NamedTuple):
    """A command as it stands in a page, from which line, and the lines that it is to print.

    `typed`: it asks for a national id, which a terminal does not show; the page says so in its first line.
    """

    line: int
    text: str
    prints: list[str]
    typed: bool


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the blocks in a language."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        if found[1] == language:
            yield text.count("\n", 0, found.start(2)) + 1, found[2]


def commands(page: Path) -> Iterator[Command]:
    """Every command in the page's console blocks, in their order."""
    for first, text in blocks(page, "console"):
        command: list[str] = []
        prints: list[str] = []
        began = first
        for number, line in enumerate([*text.splitlines(), "$ "], first):
            if line.startswith("$ "):
                if command:
                    yield _command(began, command, prints)
                command, prints, began = [line[2:]], [], number
            elif (line == ">" or line.startswith("> ")) and not prints:
                command.append(line[2:])
            else:
                prints.append(line)


def _command(line: int, command: list[str], prints: list[str]) -> Command:
    typed = bool(prints) and _PROMPT.match(prints[0]) is not None
    return Command(line, "\n".join(command), prints[typed:], typed)


def agrees(printed: list[str], prints: list[str]) -> bool:
    """Whether this was printed, all of it and nothing else."""
    pattern = "".join(
        "(?:.*\n)*?" if line.strip() == "..." else ".*?".join(map(re.escape, line.split("..."))) + "\n"
        for line in prints
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None
