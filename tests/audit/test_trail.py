"""The audit as a worker has it: keys made once, a thread beside it, who asked without any national id."""

import os
from pathlib import Path

import pytest

from lookup.access.caller import Caller
from lookup.access.roles import Role
from lookup.audit.keys import KeysUnfit, add_keys, public_lines, read_keys, read_publics
from lookup.audit.record import CLOSED, READ, SEAL, WHO, hash_of
from lookup.audit.segment import segments
from lookup.audit.trail import Trail, audit_keys
from lookup.audit.who import Who, text_of, who_of
from lookup.key import parse
from lookup.settings import Settings
from tests.audit.writing import KEYS, contents

NIN = "13816511016"
CALLER = Caller(
    client="clinic", kind="dpop", roles=frozenset({Role.READ, Role.LOOKUP}), pid=NIN, hpr_number=7, organization=1
)


@pytest.mark.parametrize("sync", ["interval", "durable"])
def test_records_rotates_and_stops(in_memory: Path, sync: str) -> None:
    settings = Settings(data_dir=in_memory, audit_sync=sync, audit_sync_seconds=0.01, audit_segment_bytes=1 << 16)  # type: ignore[arg-type]
    trail = Trail(settings, 0, audit_keys(settings))
    number = trail.who(CALLER)
    for nin in range(1500):
        assert trail.ledger.record(nin, number, 0, 0, 1, None, [(nin, 0, 0)])
    trail.tick()
    assert trail.available
    trail.stop()
    paths = segments(in_memory / "audit" / "w0")
    found = [record for path in paths for record in contents(path)]
    assert [r.time_ns for r in found if r.kind == READ] == list(range(1500))
    assert {(contents(path)[-1].kind, contents(path)[-1].flags) for path in paths} == {(SEAL, CLOSED)}
    assert len(paths) > 1


def test_who_asked_is_told_without_a_national_id(tmp_path: Path) -> None:
    text = text_of(CALLER, KEYS)
    assert NIN.encode() not in text
    assert who_of(text) == Who(
        client="clinic",
        kind="dpop",
        roles=("FlrLookup", "FlrRead"),
        organization=1,
        hpr_number=7,
        pid=hash_of(parse(NIN), KEYS.newest).hex(),
        pid_key=1,
    )


def test_the_segments_tell_no_number(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, audit_segment_bytes=1 << 16)
    trail = Trail(settings, 0, audit_keys(settings))
    trail.ledger.record(1, trail.who(CALLER), 0, 0, 1, None, [(parse(NIN), 0, 0)])
    trail.stop()
    (path,) = segments(tmp_path / "audit" / "w0")
    assert [r.kind for r in contents(path)] == [WHO, READ, SEAL]
    for shape in (NIN.encode(), parse(NIN).to_bytes(5, "little"), parse(NIN).to_bytes(5, "big")):
        assert shape not in path.read_bytes()


class TestKeys:
    def test_are_made_once_for_their_owner_alone(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        first, second = audit_keys(settings), audit_keys(settings)
        path = tmp_path / "access" / "audit-keys.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert (first.subject, first.public) == (second.subject, second.public)
        assert list(path.parent.iterdir()) == [path]

    def test_new_ones_leave_the_old_ones_there(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        one = add_keys(path, subject=True, seal=True)
        two = add_keys(path, subject=True, seal=False)
        three = add_keys(path, subject=False, seal=True)
        assert [keys.version for keys in (one, two, three)] == [1, 2, 2]
        assert three.subject[1] == one.newest
        assert three.newest == two.newest != one.newest
        assert three.public[:1] == one.public
        assert len(three.public) == 2

    def test_the_public_ones_are_enough_to_verify(self, tmp_path: Path) -> None:
        path = tmp_path / "public"
        path.write_text("# kept elsewhere\n" + public_lines(KEYS))
        key, signature = KEYS.sign(b"message")
        assert read_publics(path).problem(key, signature, b"message") is None
        assert "forged" in (read_publics(path).problem(key, signature, b"another") or "")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("{", "no key file"),
            ('{"format":1,"subject":[],"seal":[]}', "must have keys"),
            ('{"format":1,"subject":[{"version":1,"made":"","secret":"zz"}],"seal":[]}', "not hexadecimal"),
        ],
    )
    def test_what_is_no_key_file_is_refused(self, tmp_path: Path, text: str, why: str) -> None:
        path = tmp_path / "keys.json"
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(KeysUnfit, match=why):
            read_keys(path)

    def test_one_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        add_keys(path, subject=True, seal=True)
        os.chmod(path, 0o640)  # noqa: PTH101
        with pytest.raises(KeysUnfit, match="0600"):
            read_keys(path)

    def test_tell_nothing_of_themselves(self, tmp_path: Path) -> None:
        keys = add_keys(tmp_path / "keys.json", subject=True, seal=True)
        assert keys.newest.hex() not in repr(keys) + str(vars(keys).get("_file", ""))
        bad = tmp_path / "bad"
        bad.write_text("ed25519:00\n")
        with pytest.raises(KeysUnfit, match=":1: not"):
            read_publics(bad)
