"""The clients file as it is read: strictly, with file and line, and silent about hashes."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.access.caller import Limits
from lookup.access.client import Certificate, Client, Password
from lookup.access.clientsfile import ClientsError, decode, encode, read_clients
from lookup.access.roles import Role
from tests.access.registered import NOW, ORGANIZATION, OTHER_ORGANIZATION, client, hashed, put

SOMEWHERE = Path("clients.json")
HASH = base64.b64encode(hashed()).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return put(tmp_path / "clients.json", client())


moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
passwords = st.builds(Password, scrypt=st.binary(min_size=32, max_size=32), until=st.none() | moments)
certificates = st.builds(Certificate, sha256=st.binary(min_size=32, max_size=32).map(bytes.hex), until=moments)


@st.composite
def clients(draw: st.DrawFn) -> Client:
    has, shown = (
        draw(st.lists(passwords, max_size=2)),
        draw(st.lists(certificates, max_size=2, unique_by=lambda one: one.sha256)),
    )
    token = st.sampled_from(["t", "!~", "c" * 256])
    return Client(
        name=draw(st.text("aZ0._-", max_size=63).map("c".__add__)),
        organization=draw(st.sampled_from([ORGANIZATION, OTHER_ORGANIZATION])),
        unit=draw(st.none() | st.just(ORGANIZATION)),
        roles=draw(st.frozensets(st.sampled_from(Role), min_size=1)) if has or shown else frozenset(),
        protected=draw(st.booleans()),
        limits=draw(st.builds(Limits, persons_per_day=st.integers(0, 10**9), unknown_share=st.floats(0, 1))),
        disabled=draw(st.booleans()),
        created=draw(moments),
        salt=draw(st.binary(min_size=16, max_size=16)) if has else None,
        passwords=tuple(has),
        certificates=tuple(shown),
        token_client=draw(token if not (has or shown) else st.none() | token),
    )


def unshared(found: list[Client]) -> dict[str, Client]:
    """Those that can be in one file: each credential is of one client."""
    kept: dict[str, Client] = {}
    seen: set[str | None] = set()
    for one in found:
        mine = {*(each.sha256 for each in one.certificates), one.token_client} - {None}
        if one.name not in kept and not mine & seen:
            kept[one.name] = one
            seen |= mine
    return kept


def fault_of(octets: bytes) -> str:
    """What is wrong with them, if anything is."""
    try:
        decode(octets, SOMEWHERE)
    except ClientsError as error:
        return str(error)
    return "clients.json: nothing"


class TestFile:
    @settings(max_examples=40)
    @given(st.lists(clients(), max_size=3).map(unshared))
    def test_what_is_written_reads_as_what_was_meant(self, some: dict[str, Client]) -> None:
        again = decode(encode(some), SOMEWHERE)
        assert again == some
        assert list(again) == list(some)
        assert encode(again) == encode(some)

    @given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    def test_any_octets_are_clients_or_an_error_of_ours(self, data: bytes) -> None:
        for octets in (data, b'{"version":1,"clients":[' + data + b"]}"):
            assert fault_of(octets).startswith("clients.json:")

    @given(st.data())
    def test_a_file_with_one_octet_changed_is_clients_or_an_error_without_a_hash(self, data: st.DataObject) -> None:
        octets = bytearray(encode({"clinic": client()}))
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        assert HASH[5:20] not in fault_of(bytes(octets))

    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("name", "two words", "name: 1 to 64 of letters"),
            ("name", "", "name: 1 to 64 of letters"),
            ("name", "a" * 65, "name: 1 to 64 of letters"),
            ("name", "c-01810099999", "shaped like a national id"),
            ("organization", 999999998, "organization: not an organisation number"),
            ("organization", -999999999, "organization: not an organisation number"),
            ("organization", "999999999", "Expected `int`, got `str` - at `$.organization`"),
            ("unit", 1, "unit: not an organisation number"),
            ("roles", ["FlrRead", "FlrReed"], "Invalid enum value 'FlrReed' - at `$.roles[1]`"),
            ("roles", [HASH], "Invalid enum value '(a long text)' - at `$.roles[0]`"),
            ("roles", [], "roles: who has a password or a certificate needs one"),
            ("limits", {"persons_per_day": -1}, "limits: none is below 0"),
            ("limits", {"unknown_share": 1.5}, "unknown_share is from 0 to 1"),
            ("limits", {"persons": 1}, "unknown field `persons` - at `$.limits`"),
            ("salt", "AAAA", "length >= 16 - at `$.salt`"),
            ("salt", None, "salt: passwords need one"),
            ("passwords", [{"scrypt": "AAAA"}], "length >= 32 - at `$.passwords[0].scrypt`"),
            ("passwords", [{"scrypt": "=" + HASH}], "Invalid base64 encoded string - at `$.passwords[0].scrypt`"),
            ("passwords", [{"scrypt": HASH}] * 3, "two at most"),
            ("passwords", [{"scrypt": HASH, "until": "2026-11-26T12:00:00"}], "at `$.passwords[0].until`"),
            ("passwords", [], "a client has a password, a certificate or a token_client"),
            ("certificates", [{"sha256": "A" * 64, "until": "2026-11-26T12:00:00Z"}], "not 64 hexadecimal digits"),
            ("certificates", [{"sha256": "a" * 64, "until": "2026-11-26T12:00:00Z"}] * 2, "one stands twice"),
            ("certificates", [{"sha256": "a" * 64}], "missing required field `until` - at `$.certificates[0]`"),
            ("token_client", "a b", "token_client: 1 to 256 visible ASCII"),
            ("token_client", "01810099999", "shaped like a national id"),
            ("created", "2026-11-26T12:00:00", "at `$.created`"),
            ("colour", "red", "unknown field `colour`"),
            (HASH, "red", "unknown field `(a long text)`"),
        ],
    )
    def test_a_wrong_member_is_refused_with_its_line(self, tmp_path: Path, name: str, value: Any, why: str) -> None:
        right = client("other", salt=bytes(16))
        members = msgspec.to_builtins(client()) | {name: value}
        path = put(tmp_path / "clients.json", right)
        path.write_bytes(path.read_bytes()[:-4] + b",\n" + json.dumps(members).encode() + b"\n]}\n")
        with pytest.raises(ClientsError) as refused:
            read_clients(path)
        assert str(refused.value).startswith(f"{path}:3: ")
        assert why in str(refused.value)
        assert HASH not in str(refused.value)
        assert "01810099999" not in str(refused.value)

    @pytest.mark.parametrize(
        ("before", "after", "why"),
        [
            ('"version":1', '"version":2', ":1: "),
            ('"version":1,', '"version":1,"version":1,', ":1: the member 'version' stands twice"),
            ('"created"', '"disabled":true,"disabled":false,"created"', ":2: the member 'disabled' stands twice"),
            ('"created"', '"created" "created"', ":2: JSON is malformed"),
            ("]}\n", "", ": Input data was truncated"),
            ("]}\n", "]}\n{}", ":4: JSON is malformed"),
        ],
    )
    def test_a_wrong_file_is_refused_with_its_line(self, path: Path, before: str, after: str, why: str) -> None:
        path.write_text(path.read_text()[::-1].replace(before[::-1], after[::-1], 1)[::-1])
        with pytest.raises(ClientsError) as refused:
            read_clients(path)
        assert why in str(refused.value)

    def test_what_says_who_asks_is_of_one_client_alone(self, tmp_path: Path) -> None:
        shown = Certificate(sha256="a" * 64, until=NOW)
        one, other = client("one", certificates=(shown,)), client("other", certificates=(shown,))
        with pytest.raises(ClientsError, match=r":3: certificates: one has the same one"):
            read_clients(put(tmp_path / "clients.json", one, other))
        one, other = client("one", token_client="t"), client("other", token_client="t")
        with pytest.raises(ClientsError, match=r":3: token_client: one has the same one"):
            read_clients(put(tmp_path / "clients.json", one, other))
        line = encode({"one": one}).splitlines()[1]
        with pytest.raises(ClientsError, match=r":3: name: another client has it"):
            decode(b'{"version":1,"clients":[\n' + line + b",\n" + line + b"]}", SOMEWHERE)

    @pytest.mark.parametrize("mode", [0o644, 0o642, 0o660, 0o666, 0o641])
    def test_a_file_that_others_may_read_or_change_is_refused(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        with pytest.raises(ClientsError, match=rf"has the mode {mode:04o}.*chmod 0640 "):
            read_clients(path)

    @pytest.mark.parametrize("mode", [0o770, 0o757])
    def test_nor_one_in_a_folder_that_others_may_change(self, path: Path, mode: int) -> None:
        path.parent.chmod(mode)
        with pytest.raises(ClientsError, match=rf"has the mode {mode:04o}.*chmod 0750 "):
            read_clients(path)

    @pytest.mark.parametrize("mode", [0o640, 0o600, 0o400])
    def test_what_user_and_group_alone_may_read_is_read(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        path.parent.chmod(0o755)
        assert list(read_clients(path)) == ["clinic"]

    def test_no_repr_tells_a_hash(self) -> None:
        secret = client()
        assert repr(secret) == "<Client clinic>"
        assert (repr(secret.passwords), f"{secret.passwords[0]}") == ("(<Password>,)", "<Password>")
