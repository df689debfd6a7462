"""The runbooks as a whole: each is played, what is not run is understood, and what is measured is as measured."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from loader.__main__ import parser as loader_parser
from lookup.__main__ import parser as lookup_parser
from tests.docs import test_access_runbooks, test_data_runbooks
from tests.docs.pages import RUNBOOKS, agrees, blocks, commands
from tests.docs.situations import SITUATIONS
from tests.service import PATIENCE_SECONDS, ROOT

PAGES = sorted(RUNBOOKS.glob("*.md"))
OURS = re.compile(r"(flr-loader|flr-lookup) ([^\n>|;&#]+)")
PARSERS = {"flr-loader": loader_parser, "flr-lookup": lookup_parser}


def test_every_page_with_commands_is_played() -> None:
    with_commands = {page.stem for page in PAGES if any(commands(page))}
    assert set(SITUATIONS) == {*test_access_runbooks.PAGES, *test_data_runbooks.PAGES} == with_commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_not_run_is_understood(page: Path) -> None:
    for line, text in blocks(page, "sh"):
        done = subprocess.run(
            ["bash", "-n"], input=text, text=True, capture_output=True, check=False, timeout=PATIENCE_SECONDS
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{page.name}:{line}"
        for found in OURS.finditer(text):
            PARSERS[found[1]]().parse_args(shlex.split(found[2]))


def test_capacity_has_the_curve_that_was_measured_last() -> None:
    page = (RUNBOOKS / "capacity.md").read_text()
    measured = max((ROOT / "bench" / "results").glob("*-growth.json"))
    assert f"({Path('../../bench/results', measured.name).with_suffix('.md')})" in page
    for one in json.loads(measured.read_text()):
        lookups = [one["lookup_ns"][how] for how in ("compiled, independent", "compiled, each on the last")]
        octets = one["persons"] * (one["index_bytes_a_person"] + one["people_bytes_a_person"])
        row = [f"{one['load_seconds']:.1f} s", *(f"{size / 1e6:.0f} MB" for size in (one["peak_bytes"], octets))]
        row += [f"{lookup:.0f} ns" for lookup in lookups]
        assert f"| {one['persons'] / 1e6:g} million | {' | '.join(row)} |" in page


@pytest.mark.parametrize(
    ("printed", "prints", "agreed"),
    [
        (["a 1 b"], ["a ... b"], True),
        (["a", "b"], ["a"], False),
        (["a", "x", "y", "b"], ["a", "...", "b"], True),
        (["a", "b"], ["a", "...", "b"], True),
        (["a.c"], ["abc"], False),
        ([], [], True),
        ([""], [], False),
    ],
)
def test_what_a_page_says_is_held_against_all_that_is_printed(
    printed: list[str], prints: list[str], agreed: bool
) -> None:
    assert agrees(printed, prints) == agreed
