"""docs/fhir.md: its commands are answered, and what it says of codes and parameters is what is served."""

import re
import shlex
from pathlib import Path

from litestar.testing import TestClient

from lookup.fhir.outcome import CODES
from lookup.fhir.parameters import ALL
from tests.fhir.searchset import searchset
from tests.lookup import village

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fhir.md").read_text()
GIVEN = {
    "$NIN": village.LISTED,
    "$HER_ID": "4000001",
    "$HPR": str(village.KARI),
    "$OFFICE": str(village.OFFICE),
    "$FLR": "",
    "$WHO": "client:password",
}


def commands() -> list[list[str]]:
    text = PAGE
    for name, value in GIVEN.items():
        text = text.replace(name, value)
    return [shlex.split(block) for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


def test_every_command_is_answered(client: TestClient) -> None:
    asked = commands()
    assert len(asked) == 5
    for command in asked:
        (path,) = [word for word in command if word.startswith("/fhir/")]
        if "--data-urlencode" not in command:
            assert client.get(path).status_code == 200
            continue
        name, _, value = command[command.index("--data-urlencode") + 1].partition("=")
        answer = client.post(path, data={name: value})
        assert answer.status_code == 200, command
        assert searchset(answer.content).total >= 1


def test_every_code_and_parameter_is_there() -> None:
    for code in {*CODES.values()} - {"expired"}:  # no search starts a follower again
        assert f"`{code}`" in PAGE
    for searched in ALL:
        for parameter in searched.parameters:
            for name in parameter.asked_by:
                assert f"`{name}`" in PAGE
