"""docs/integrators: every block is run against a register in service, and prints what the page says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.integrators.demonstrated import Demonstrated
from tests.integrators.pages import PAGES, Block, pieces, says

PATIENCE_SECONDS = 60
names = [page.stem for page in PAGES]


def run(block: Block, register: Demonstrated, folder: Path) -> str:
    """What a block prints.

    Block and output may hold the numbers that are asked about, as those of an integrator do: they stand in files that
    are nowhere when it is over, and `tests.leaks` is not told of them.
    """
    program = folder / "Example.java"
    command = {"sh": ["bash", "-euo", "pipefail", "-s"], "python": [sys.executable, "-"], "java": ["java", program]}
    with TemporaryFile() as text, TemporaryFile() as said, TemporaryFile() as complained:
        text.write(block.text.encode())
        text.seek(0)
        if block.language == "java":
            program.write_text(block.text)
        try:
            process = subprocess.Popen(
                command[block.language],
                stdin=text,
                stdout=said,
                stderr=complained,
                cwd=folder,
                env=register.environment(),
            )
            try:
                code = process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()
                process.wait()
        finally:
            program.unlink(missing_ok=True)
        said.seek(0)
        complained.seek(0)
        printed, complaint = said.read().decode(), complained.read().decode()
    assert code == 0, f"{block.where}: exit code {code}\n{printed}\n{complaint}"
    return printed


def check(block: Block, register: Demonstrated, folder: Path) -> None:
    printed = run(block, register, folder)
    assert says(printed, block.prints), f"{block.where}: printed\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_a_page(register: Demonstrated, page: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        assert "CI" not in os.environ, "curl is not installed (Debian: apt install curl)"
        pytest.skip("curl is not installed (Debian: apt install curl)")
    for block in pieces(page):
        if block is None:
            register.let_a_day_pass()
        elif block.language != "java":
            check(block, register, tmp_path)


JAVA = [block for page in PAGES for block in pieces(page) if block is not None and block.language == "java"]


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java; nothing but these examples needs one")
@pytest.mark.parametrize("block", JAVA, ids=[block.where for block in JAVA])
def test_a_program_in_java(register: Demonstrated, block: Block, tmp_path: Path) -> None:
    check(block, register, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", page.read_text())
    assert links
    for target, heading in links:
        led = (page.parent / target).resolve() if target else page
        assert led.is_file(), target
        headings = re.findall(r"^#+ (.*)$", led.read_text(), re.M)
        assert not heading or heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize(
    ("printed", "expected", "right"),
    [
        ('{"a":1}\n', '{\n  "a": 1\n}\n', True),
        ('{"a":1}', '{"a":2}', False),
        ("one two three", "one ... three", True),
        ("one two three", "one ...", True),
        ("one two three four", "one ... three", False),
        ("something", "", False),
        ("", "", True),
    ],
)
def test_what_is_printed_is_held_against_the_page(printed: str, expected: str, right: bool) -> None:
    assert says(printed, expected) is right
