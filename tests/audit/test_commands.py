"""The audit's commands, as an operator calls them."""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lookup.__main__ import main
from lookup.access.caller import Caller
from lookup.access.roles import Role
from lookup.audit.keys import read_keys
from lookup.audit.record import OUTCOME
from lookup.audit.segment import path_of, segments
from lookup.audit.trail import Trail, audit_keys
from lookup.settings import Settings
from tests import tiny

LOOKUP, BATCH, PATIENTS = 0, 1, 7
GP = Caller(
    client="clinic",
    kind="dpop",
    roles=frozenset({Role.READ}),
    organization=123456785,
    unit=987654325,
    pid=tiny.GP,
    hpr_number=7000001,
)
SYSTEM = Caller(client="ward", kind="basic", roles=frozenset({Role.LOOKUP}))
EVENTS = [
    (GP, LOOKUP, "assigned", b"event-a", [(tiny.ASSIGNED, "assigned", 0)]),
    (SYSTEM, LOOKUP, "assigned", None, [(tiny.OLD, "assigned", 0)]),
    (SYSTEM, BATCH, "several", b"event-b", [(tiny.VACANT, "vacant", 0), (tiny.ASSIGNED, "assigned", 0)]),
    (None, LOOKUP, "unauthenticated", None, []),
    (GP, PATIENTS, "several", None, [(tiny.PROTECTED, "listed", 1)]),
]
Command = Callable[..., tuple[int, str, str]]


def recorded(data_dir: Path, version: int = 1, **settings: object) -> None:
    """What happened, in the audit of a data folder."""
    set_ = Settings(data_dir=data_dir, audit_segment_bytes=1 << 16, **settings)  # type: ignore[arg-type]
    trail = Trail(set_, 0, audit_keys(set_))
    for place, (caller, operation, outcome, event, subjects) in enumerate(EVENTS):
        who = trail.who(caller) if caller else 0
        told = [(int(nin), OUTCOME[of], flags) for nin, of, flags in subjects]
        at = 1_790_000_000_000_000_000 + place * 10**9
        assert trail.ledger.record(at, who, operation, OUTCOME[outcome], 41 * bool(subjects), event, told)
    trail.stop()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    recorded(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Command:
    def call(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsysbinary.readouterr()
        code = main(["audit", *arguments])
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return call


class TestInsight:
    def test_tells_who_looked_at_a_person_by_any_number_they_have_had(self, data_dir: Path, command: Command) -> None:
        tiny.announce(data_dir, tiny.generation(data_dir).name)
        code, out, err = command("insight", "--data-dir", str(data_dir), "--json", typed=tiny.ASSIGNED + "\n")
        assert (code, err) == (0, "")
        rows = [json.loads(line) for line in out.splitlines()]
        assert [(row["client"], row["operation"], row["outcome"], row["event_id"]) for row in rows] == [
            ("clinic", "gpLookup", "assigned", "event-a"),
            ("ward", "gpLookup", "assigned", ""),
            ("ward", "gpLookupBatch", "assigned", "event-b"),
        ]
        assert (rows[0]["organization"], rows[0]["unit"], rows[0]["person_behind"]) == (123456785, 987654325, "known")
        assert (rows[0]["time"], rows[0]["generation"]) == ("2026-09-21T14:13:20.000000Z", 41)
        assert rows[1]["person_behind"] == "unknown"
        by_old = command("insight", "--data-dir", str(data_dir), "--json", typed=tiny.OLD)
        assert by_old == (0, out, "")

    def test_says_so_when_it_knows_of_no_other_numbers(self, data_dir: Path, command: Command) -> None:
        code, out, err = command("insight", "--data-dir", str(data_dir), typed=tiny.ASSIGNED)
        assert code == 0
        assert "only this number was searched" in err
        assert "2 records, of 1 number of the person." in out
        assert "2026-09-21T14:13:20.000000Z  clinic" in out

    def test_of_every_version_of_the_key(self, data_dir: Path, command: Command) -> None:
        assert command("keys", "new", "--data-dir", str(data_dir))[0] == 0
        recorded(data_dir)
        code, out, _ = command("insight", "--data-dir", str(data_dir), "--json", typed=tiny.ASSIGNED)
        assert code == 0
        assert len(out.splitlines()) == 4

    def test_marks_a_protected_person(self, data_dir: Path, command: Command) -> None:
        _, out, _ = command("insight", "--data-dir", str(data_dir), "--json", typed=tiny.PROTECTED)
        assert [json.loads(line)["protected"] for line in out.splitlines()] == [True]

    def test_shows_a_record_that_was_changed_as_such(self, data_dir: Path, command: Command) -> None:
        path = path_of(data_dir / "audit" / "w0", 1)
        data = path.read_bytes()
        path.write_bytes(data.replace(b"event-a", b"event-x"))
        _, out, _ = command("insight", "--data-dir", str(data_dir), typed=tiny.ASSIGNED)
        assert "event-x  (not as it was written" in out

    def test_never_tells_the_number_again(self, data_dir: Path, command: Command) -> None:
        for typed in (tiny.ASSIGNED, tiny.ASSIGNED[:-1] + "x", tiny.NOBODY):
            for more in ([], ["--json"]):
                code, out, err = command("insight", "--data-dir", str(data_dir), *more, typed=typed)
                assert code == (64 if "x" in typed else 0)
                assert typed not in out + err
                assert typed[:6] not in out + err

    def test_takes_no_number_from_the_command_line_and_does_not_repeat_it(
        self, data_dir: Path, command: Command, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        with pytest.raises(SystemExit) as error:
            command("insight", "--data-dir", str(data_dir), tiny.ASSIGNED)
        assert error.value.code == 64
        said = capsysbinary.readouterr().err
        assert b"unrecognized arguments" in said
        assert tiny.ASSIGNED.encode() not in said

    def test_asks_at_a_terminal_without_echo(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr("getpass.getpass", lambda _: tiny.VACANT)
        assert main(["audit", "insight", "--data-dir", str(data_dir), "--json"]) == 0
        assert json.loads(capsysbinary.readouterr().out)["operation"] == "gpLookupBatch"


class TestVerify:
    def test_whole_and_not(self, data_dir: Path, command: Command) -> None:
        code, out, _ = command("verify", "--data-dir", str(data_dir))
        assert (code, out.splitlines()[-1]) == (0, "It is as it was written.")
        path = path_of(data_dir / "audit" / "w0", 1)
        data = bytearray(path.read_bytes())
        data[400] ^= 4
        path.write_bytes(data)
        code, out, _ = command("verify", "--data-dir", str(data_dir), "--json")
        assert code == 65
        told = json.loads(out)
        assert told["series"][0]["findings"][0]["where"] == "w0/0000000001.seg"

    def test_elsewhere_with_the_public_keys_and_a_head(self, data_dir: Path, command: Command) -> None:
        kept = data_dir / "kept"
        for name in ("keys", "head"):
            more = ["show"] if name == "keys" else []
            code, out, _ = command(name, *more, "--data-dir", str(data_dir))
            assert code == 0
            kept.with_suffix(f".{name}").write_text(out)
        (data_dir / "access" / "audit-keys.json").unlink()
        arguments = ["verify", "--data-dir", str(data_dir), "--public", str(kept.with_suffix(".keys"))]
        assert command(*arguments, "--head", str(kept.with_suffix(".head")))[0] == 0
        path_of(data_dir / "audit" / "w0", 1).unlink()
        assert command(*arguments, "--head", str(kept.with_suffix(".head")))[0] == 65

    def test_without_an_audit_or_a_key_it_says_so(self, tmp_path: Path, data_dir: Path, command: Command) -> None:
        assert command("verify", "--data-dir", str(data_dir), "--audit-dir", str(tmp_path / "none"))[0] == 74
        assert command("verify", "--data-dir", str(tmp_path / "none"))[0] == 74
        (data_dir / "access" / "audit-keys.json").chmod(0o644)
        code, _, err = command("verify", "--data-dir", str(data_dir))
        assert (code, "0600" in err) == (78, True)


class TestExport:
    def test_every_disclosure_and_refusal_and_no_number(self, data_dir: Path, command: Command) -> None:
        code, out, _ = command("export", "--data-dir", str(data_dir))
        assert code == 0
        rows = [json.loads(line) for line in out.splitlines()]
        assert [row["outcome"] for row in rows] == [outcome for _, _, outcome, _, _ in EVENTS]
        assert [len(row["subjects"]) for row in rows] == [len(subjects) for *_, subjects in EVENTS]
        assert rows[3]["who"] is None
        assert not any(str(int(nin)) in out for nin in (tiny.ASSIGNED, tiny.GP, tiny.OLD, tiny.PROTECTED))

    def test_as_audit_events(self, data_dir: Path, command: Command) -> None:
        code, out, _ = command("export", "--data-dir", str(data_dir), "--fhir")
        assert code == 0
        found = [json.loads(line) for line in out.splitlines()]
        for one in found:  # what R4 demands of one
            assert one["resourceType"] == "AuditEvent"
            assert {"type", "recorded", "agent", "source"} <= set(one)
            assert one["type"]["code"] == "rest"
            assert sum(agent["requestor"] for agent in one["agent"]) == 1
            assert one["source"]["observer"]["display"]
            assert one["action"] in "CRUDE"
            assert one["outcome"] in {"0", "4", "8", "12"}
            assert all({"what", "type"} <= set(entity) for entity in one["entity"])
        gp, _, batch, refused, listed = found
        assert gp["agent"][0]["who"]["identifier"] == {"system": "urn:fastlegeregisteret:client", "value": "clinic"}
        assert gp["agent"][-1]["who"]["identifier"] == {"system": "urn:oid:2.16.578.1.12.4.1.4.4", "value": "7000001"}
        patients = [entity for entity in batch["entity"] if entity.get("role", {}).get("code") == "1"]
        assert [entity["detail"][0]["valueString"] for entity in patients] == ["vacant", "assigned"]
        assert patients[1]["what"] == next(entity for entity in gp["entity"] if "role" in entity)["what"]
        assert (refused["outcome"], refused["entity"]) == ("4", [])
        assert listed["entity"][-1]["securityLabel"][0]["coding"][0]["code"] == "R"
        assert len({one["id"] for one in found}) == len(found)


class TestPrune:
    def old(self, data_dir: Path) -> list[Path]:
        """Series with segments that end long ago, and one that is in use."""
        for _ in range(3):
            recorded(data_dir)
        return segments(data_dir / "audit" / "w0")

    def test_removes_what_is_old_and_leaves_a_series_that_verifies(
        self, data_dir: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = self.old(data_dir)
        arguments = ["--data-dir", str(data_dir)]
        assert command("prune", *arguments)[:2] == (0, "")
        monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + 3651 * 86400 * 10**9)
        expected = "".join(f"w0/{path.name}\n" for path in paths[:-1])
        assert command("prune", *arguments, "--pretend")[:2] == (0, expected)
        assert segments(data_dir / "audit" / "w0") == paths
        assert command("prune", *arguments)[:2] == (0, expected)
        assert segments(data_dir / "audit" / "w0") == paths[-1:]
        code, out, _ = command("verify", *arguments)
        assert code == 0
        assert "were removed by `prune`" in out
        monkeypatch.undo()

    @pytest.mark.parametrize("harm", ["note changed", "note gone", "one more gone"])
    def test_what_else_is_missing_is_still_found(
        self, data_dir: Path, command: Command, monkeypatch: pytest.MonkeyPatch, harm: str
    ) -> None:
        paths = self.old(data_dir)
        monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + 3651 * 86400 * 10**9)
        assert command("prune", "--data-dir", str(data_dir))[0] == 0
        note = paths[0].with_name("pruned.json")
        if harm == "note changed":
            note.write_text(note.read_text().replace('"through":3', '"through":2'))
        elif harm == "note gone":
            note.unlink()
        else:
            recorded(data_dir)
            paths[-1].unlink()
        assert command("verify", "--data-dir", str(data_dir))[0] == 65

    def test_one_that_was_interrupted_is_noted_and_can_be_finished(
        self, data_dir: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = self.old(data_dir)
        left = paths[1].read_bytes()
        monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + 3651 * 86400 * 10**9)
        assert command("prune", "--data-dir", str(data_dir))[0] == 0
        paths[1].write_bytes(left)
        code, out, _ = command("verify", "--data-dir", str(data_dir))
        assert (code, "was interrupted" in out) == (0, True)
        assert command("prune", "--data-dir", str(data_dir))[:2] == (0, f"w0/{paths[1].name}\n")

    def test_removes_nothing_of_a_series_that_was_changed(
        self, data_dir: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = self.old(data_dir)
        data = bytearray(paths[1].read_bytes())
        data[300] ^= 1
        paths[1].write_bytes(data)
        monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + 3651 * 86400 * 10**9)
        assert command("prune", "--data-dir", str(data_dir))[0] == 65
        assert segments(data_dir / "audit" / "w0") == paths

    def test_for_ever_is_for_ever(self, data_dir: Path, command: Command) -> None:
        assert command("prune", "--data-dir", str(data_dir), "--audit-days", "0")[0] == 64


def test_keys_are_shown_and_made_without_telling_a_secret(data_dir: Path, command: Command) -> None:
    path = data_dir / "access" / "audit-keys.json"
    shown = command("keys", "show", "--data-dir", str(data_dir))[1]
    more = command("keys", "new", "--seal", "--data-dir", str(data_dir))
    keys = read_keys(path)
    assert more[1] == shown + f"ed25519:{keys.public[1].hex()}\n"
    secrets = [one["secret"] for kind in ("subject", "seal") for one in json.loads(path.read_bytes())[kind]]
    assert len(secrets) == 3
    assert not any(secret in "".join(map(str, more)) + shown for secret in secrets)
