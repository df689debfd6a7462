"""`push`, `pull` and `load URL` as commands: exit codes, what is printed, jitter, staleness."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from loader import __main__ as command
from loader.__main__ import main
from loader.publish import point
from tests import tiny
from tests.loader import feeds
from tests.loader.nodes import Node, builder, node, read_here

__all__ = ["builder", "node", "read_here"]
pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture
def place(builder: Node, tmp_path: Path) -> str:
    builder.build(5)
    return str(tmp_path / "store")


def of(node: Node) -> list[str]:
    return ["--data-dir", str(node.data)]


def test_quiet_and_with_json(builder: Node, node: Node, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "--to", place, *of(builder)]) == 0
    assert main(["pull", "--from", place, *of(node)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["push", "--to", place, "--json", *of(builder)]) == 0
    assert main(["pull", "--from", place, "--json", *of(node)]) == 0
    pushed, pulled = map(json.loads, capsys.readouterr().out.splitlines())
    assert (pushed["outcome"], pulled["outcome"], pulled["generation"]) == ("nothing new", "nothing new", node.current)


def test_a_pinned_node_says_so(builder: Node, node: Node, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["push", "--to", place, *of(builder)])
    point(node.data, "PIN", node.build(4))
    assert main(["pull", "--from", place, *of(node)]) == 0
    assert "pinned" in capsys.readouterr().out


def test_metrics_are_written(builder: Node, node: Node, place: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("FLR_METRICS_FILE", str(tmp_path / "flr.prom"))
    main(["push", "--to", place, *of(builder)])
    main(["pull", "--from", place, *of(node)])
    lines = (tmp_path / "flr.prom").read_text().splitlines()
    assert {"flr_loader_published 1.0", "flr_loader_serial 5.0", "flr_loader_exit_code 0.0"} <= set(lines)
    assert main(["pull", "--from", str(tmp_path / "elsewhere"), *of(node)]) == 69
    assert "flr_loader_exit_code 69.0" in (tmp_path / "flr.prom").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["pull", "--from", "http://127.0.0.1:9/gone"], 69, "error sending request"),
        (["pull", "--from", "nowhere"], 69, "there is no such folder"),
        (["pull", "--from", "http://example.org/register"], 78, "not over plain HTTP"),
        (["load", "http://example.org/feed"], 78, "not over plain HTTP"),
        (["load", "http://127.0.0.1:9/gone"], 69, "error sending request"),
        (["pull", "--from", "https://kari:hemmelig@example.org/"], 64, "credentials come from the environment"),
        (["pull", "--from", "https://example.org/?X-Signature=hemmelig"], 64, "credentials come from the environment"),
        (["pull", "--from", "ftp://example.org/"], 64, "neither s3://"),
        (["pull", "--from", "s3://"], 64, "neither s3://"),
        (["push", "--to", "https://example.org/"], 64, "HTTP is for pulling"),
        (["push", "--to", "nowhere/deeper"], 78, "there is no folder"),
    ],
    ids=str,
)
def test_exit_codes(
    builder: Node,
    place: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    told: str,
) -> None:
    monkeypatch.setattr("loader.objects._retry", lambda: {"max_retries": 0})
    before = builder.current
    assert main([*arguments, *of(builder)]) == code
    err = capsys.readouterr().err
    assert told in err
    assert "hemmelig" not in err
    assert builder.current == before


def test_access_denied_is_69(
    builder: Node, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    async def deny(*_: object) -> None:
        raise obstore.exceptions.PermissionDeniedError("the text of the store")

    monkeypatch.setattr("obstore.get_async", deny)
    assert main(["push", "--to", place, *of(builder)]) == 69
    assert "newest.json: access is denied" in capsys.readouterr().err


def test_nothing_in_service_is_nothing_to_push(node: Node, place: str) -> None:
    assert main(["push", "--to", place, *of(node)]) == 65


def test_without_the_library_the_extra_is_named(
    node: Node, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    for arguments in (["pull", "--from", place], ["push", "--to", place], ["load", "s3://bucket/feeds"]):
        assert main([*arguments, *of(node)]) == 78
        assert "fastlegeregisteret[cluster]" in capsys.readouterr().err


def test_the_other_verbs_do_without_it(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setattr("loader.load.ask_reader", lambda *_: None)
    assert main(["load", str(feeds.write(tmp_path / "feed", feeds.tables())), *of(node)]) == 0


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(command.time, "sleep", waited.append)
    monkeypatch.setenv("FLR_JITTER_SECONDS", "30")
    return waited


def test_starts_are_spread(place: str, builder: Node, waits: list[float]) -> None:
    for _ in range(25):
        main(["push", "--to", place, *of(builder)])
        main(["load", "ftp://example.org/", *of(builder)])
    assert len(set(waits)) == 50
    assert 0 <= min(waits) < 10
    assert 20 < max(waits) <= 30
    waits.clear()
    main(["load", "no-folder", *of(builder)])
    assert waits == []  # no store is reached for


def test_at_a_terminal_nobody_waits(
    place: str, builder: Node, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["push", "--to", place, *of(builder)])
    assert waits == []


def test_stale_data_ends_status_with_65(
    builder: Node, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["status", *of(builder)]) == 0
    monkeypatch.setattr(command.time, "time", lambda: 1795482000.0 + 3600)  # an hour after tiny.AS_OF
    assert main(["status", "--stale-after", "3600", *of(builder)]) == 0
    capsys.readouterr()
    assert main(["status", "--stale-after", "3599", *of(builder)]) == 65
    out, err = capsys.readouterr()
    assert "current " in out
    assert err.endswith("which is in service, is 3600 s old: 3599 s is the limit\n")
    monkeypatch.setenv("FLR_STALE_AFTER_SECONDS", "1")
    assert main(["status", *of(builder)]) == 65
    point(builder.data, "PIN", tiny.generation(builder.data, 6, as_of="2026-11-24T03:00:00+01:00").name)
    assert main(["status", *of(builder)]) == 0  # what is pinned is what is served


def test_nothing_in_service_is_stale(node: Node) -> None:
    assert main(["status", "--stale-after", "9", *of(node)]) == 65


def documented(after: str) -> str:
    """A block of the documentation, by how it begins."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    return next(block for block in text.split("```") if block.startswith(after))


def test_the_documented_cron_lines_are_commands() -> None:
    lines = [line for line in documented("\nMAILTO").splitlines() if "flr-loader" in line]
    verbs = {
        command.parser().parse_args(shlex.split(line.split("flr-loader ")[1].split("#")[0].split(">")[0])).verb
        for line in lines
    }
    assert verbs == {"load", "push", "pull", "prune", "status"}


def test_prune_removes_what_was_fetched(node: Node) -> None:
    left = node.data / "staging" / "fetching" / "5-01234567" / "index.mdb"
    left.parent.mkdir(parents=True)
    left.touch()
    assert main(["prune", *of(node)]) == 0
    assert list((node.data / "staging").iterdir()) == []
