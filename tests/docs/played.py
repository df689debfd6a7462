"""A runbook's commands, run as they stand in the page; they must print what stands under them."""

import os
import shutil
from pathlib import Path

import pytest

from register.ids import mask
from tests.docs.pages import RUNBOOKS, agrees, commands
from tests.docs.situations import SITUATIONS
from tests.docs.stages import Stage, well

NEEDED = ("curl", "openssl", "unshare")


def play(name: str, folder: Path, feeds: Path) -> None:
    """Run a page's commands in a folder, in the situation that it is for."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:  # a compiler is all that the README asks for; where it counts, these have to be there
        assert "CI" not in os.environ, f"not installed: {missing}"
        pytest.skip(f"not installed: {missing}")
    stage, page = Stage(folder, feeds), RUNBOOKS / f"{name}.md"
    SITUATIONS[name](stage)
    wanted = list(commands(page))
    with stage.shell() as shell:
        well(shell, stage.first)
        for command, following in zip(wanted, [*wanted[1:], None], strict=True):
            printed, code = shell.run(stage.here(command.text), stage.number if command.typed else None)
            told = mask("\n".join([f"{page.name}:{command.line}: {command.text}", *printed]))
            if not agrees(printed, command.prints):
                pytest.fail(f"{told}\n-- is printed, and the page says\n" + "\n".join(command.prints))
            if code and (following is None or following.text != "echo $?"):
                pytest.fail(f"{told}\n-- ended with {code}, and the page does not say so")
