"""HTTP Basic: what is read as a credential, who is let in, and that nothing tells why somebody is not."""

import asyncio
import base64
import math
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookup.access import basic
from lookup.access.basic import MAX_CREDENTIAL_BYTES, MAX_WAITING, Busy, Hashing, parse, verify
from lookup.access.caller import Caller, Limits, Refused
from lookup.access.client import Password
from lookup.access.clientsfile import edit
from lookup.access.registry import Registry
from lookup.access.roles import Role
from tests.access.registered import NOW, ORGANIZATION, PASSWORD, SALT, certificate, client, hashed, put, registered

THEN = NOW.timestamp()
names = st.text("abcXYZ019._-", max_size=30).map("c".__add__)
passwords = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


def credential(name: str = "clinic", password: str = PASSWORD) -> bytes:
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


class TestParse:
    @given(name=names, password=passwords, scheme=st.sampled_from([b"Basic", b"basic", b"BASIC"]))
    def test_reads_what_is_written(self, name: str, password: str, scheme: bytes) -> None:
        written = scheme + b" " + base64.b64encode(f"{name}:{password}".encode())
        assert parse(written) == (name, password.encode())

    @given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda some: b"Basic " + base64.b64encode(some)))
    @example(b"Basic " + base64.b64encode(b"a:b") + b"=")
    def test_one_credential_has_one_writing(self, octets: bytes) -> None:
        try:
            name, password = parse(octets)
        except Refused as refused:
            found = None
            assert_silent(refused, octets)
        else:
            found = octets[:6] + base64.b64encode(name.encode() + b":" + password)
        assert found in (None, octets)

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer " + base64.b64encode(b"clinic:secret"),
            b"Basic  " + base64.b64encode(b"clinic:secret"),
            b"Basic " + base64.b64encode(b"clinic:secret") + b" ",
            b"Basic " + base64.b64encode(b"clinic:secr").replace(b"=", b""),  # no padding
            b"Basic Y2xpbmljOnN=",  # its last character has bits that mean nothing
            b"Basic " + base64.b64encode(b"clinic:s")[:-1] + b"\n",
            b"Basic " + base64.urlsafe_b64encode(b"clinic:\xc3\xbf\xc3\xbe?"),
            b"Basic " + base64.b64encode(b"clinic"),
            b"Basic " + base64.b64encode(b"clinic:"),
            b"Basic " + base64.b64encode(b":secret"),
            b"Basic " + base64.b64encode(b"two words:secret"),
            b"Basic " + base64.b64encode(b"clinic:sec\xffret"),
            b"Basic " + base64.b64encode(b"clinic:sec\0ret"),
            b"Basic " + base64.b64encode(b"clinic:sec\x7fret"),
            b"Basic " + base64.b64encode(b"c" * 65 + b":secret"),
            b"Basic " + base64.b64encode(b"clinic:" + b"s" * MAX_CREDENTIAL_BYTES),
        ],
    )
    def test_anything_else_is_malformed(self, octets: bytes) -> None:
        with pytest.raises(Refused) as refused:
            parse(octets)
        assert (refused.value.why, refused.value.client) == ("malformed", None)

    def test_a_password_may_have_colons(self) -> None:
        assert parse(credential(password="a:b:")) == ("clinic", b"a:b:")


def assert_silent(refused: Refused, octets: bytes) -> None:
    assert refused.why == "malformed"
    assert refused.__cause__ is None
    assert refused.__suppress_context__ or refused.__context__ is None
    assert len(octets) < 4 or str(octets) not in str(refused)


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    made = Hashing()
    yield made
    made.close()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    shown = registered(certificate())
    return Registry(
        put(
            tmp_path / "clients.json",
            client(unit=ORGANIZATION, protected=True, limits=Limits(persons_per_day=9)),
            client("gone", disabled=True),
            client(
                "rotating",
                passwords=(
                    Password(scrypt=hashed("new")),
                    Password(scrypt=hashed(), until=NOW + timedelta(hours=1)),
                ),
            ),
            client("certified", salt=None, passwords=(), certificates=(shown,)),
            client("tokens", salt=None, passwords=(), roles=frozenset(), token_client="t"),
        )
    )


Ask = Callable[..., Caller]


@pytest.fixture
def ask(registry: Registry, hashing: Hashing) -> Ask:
    return lambda *who, now=THEN: asyncio.run(verify(credential(*who), registry, now, hashing))


class TestVerify:
    def test_a_right_password_is_its_client(self, ask: Ask) -> None:
        assert ask() == Caller(
            client="clinic",
            kind="basic",
            roles=frozenset({Role.READ}),
            protected=True,
            organization=ORGANIZATION,
            unit=ORGANIZATION,
            expires=math.inf,
            limits=Limits(persons_per_day=9),
        )

    @pytest.mark.parametrize(
        ("name", "password", "why", "told"),
        [
            ("clinic", "wrong", "wrong-password", "clinic"),
            ("clinic", PASSWORD.upper(), "wrong-password", "clinic"),
            ("CLINIC", PASSWORD, "unknown-client", None),
            ("nobody", PASSWORD, "unknown-client", None),
            ("gone", PASSWORD, "disabled", "gone"),
            ("gone", "wrong", "wrong-password", "gone"),
            ("certified", PASSWORD, "wrong-password", "certified"),
            ("tokens", PASSWORD, "wrong-password", "tokens"),
        ],
    )
    def test_anything_else_is_refused(self, ask: Ask, name: str, password: str, why: str, told: str | None) -> None:
        with pytest.raises(Refused) as refused:
            ask(name, password)
        assert (refused.value.why, refused.value.client) == (why, told)
        assert PASSWORD not in repr(refused.value)

    def test_while_rotating_both_are_taken_and_the_old_one_until_its_time(self, ask: Ask) -> None:
        assert ask("rotating", "new").expires == math.inf
        assert ask("rotating", PASSWORD).expires == THEN + 3600
        assert ask("rotating", PASSWORD, now=THEN + 3599.9).client == "rotating"
        with pytest.raises(Refused, match="password-expired"):
            ask("rotating", PASSWORD, now=THEN + 3600)
        assert ask("rotating", "new", now=THEN + 3600).client == "rotating"

    @pytest.mark.parametrize("name", ["clinic", "nobody", "gone", "rotating", "certified", "tokens"])
    def test_a_wrong_password_costs_the_same_whoever_is_named(
        self, ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = []

        def counting(password: bytes, salt: bytes) -> bytes:
            done.append(len(salt))
            return bytes(32)

        monkeypatch.setattr(basic, "scrypt", counting)
        with pytest.raises(Refused):
            ask(name, "wrong")
        assert done == [len(SALT)]

    def test_a_client_disabled_while_its_password_is_hashed_is_refused(
        self, registry: Registry, hashing: Hashing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(password: bytes, salt: bytes) -> bytes:
            with edit(tmp_path / "clients.json") as some:
                some["clinic"] = client(disabled=True)
            assert registry.refresh()
            return hashed()

        monkeypatch.setattr(basic, "scrypt", meanwhile)
        with pytest.raises(Refused, match="disabled"):
            asyncio.run(verify(credential(), registry, THEN, hashing))

    def test_so_is_one_that_another_has_come_in_place_of(
        self, registry: Registry, hashing: Hashing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(password: bytes, salt: bytes) -> bytes:
            with edit(tmp_path / "clients.json") as some:
                some["clinic"] = client(salt=bytes(16))
            assert registry.refresh()
            return hashed()

        monkeypatch.setattr(basic, "scrypt", meanwhile)
        with pytest.raises(Refused, match="wrong-password"):
            asyncio.run(verify(credential(), registry, THEN, hashing))


class Gate:
    """scrypt that waits until it is let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.done = threading.Event(), 0
        monkeypatch.setattr(basic, "scrypt", self)

    def __call__(self, password: bytes, salt: bytes) -> bytes:
        assert self.open.wait(60)
        self.done += 1
        return hashed()


class TestHashing:
    def test_more_than_may_wait_are_told_that_we_are_busy(
        self, registry: Registry, hashing: Hashing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate = Gate(monkeypatch)

        async def story() -> list[Any]:
            tries = [
                asyncio.ensure_future(verify(credential("nobody", str(i)), registry, THEN, hashing))
                for i in range(MAX_WAITING)
            ]
            await asyncio.sleep(0)
            for name in ("clinic", "nobody"):
                with pytest.raises(Busy):
                    await verify(credential(name), registry, THEN, hashing)
            gate.open.set()
            ended = await asyncio.gather(*tries, return_exceptions=True)
            assert (await verify(credential(), registry, THEN, hashing)).client == "clinic"
            return ended

        assert {str(one) for one in asyncio.run(story())} == {"unknown-client"}
        assert gate.done == MAX_WAITING + 1

    def test_the_same_credential_on_many_connections_is_hashed_once(
        self, registry: Registry, hashing: Hashing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate = Gate(monkeypatch)

        async def story() -> list[Any]:
            tries = [asyncio.ensure_future(verify(credential(), registry, THEN, hashing)) for _ in range(100)]
            await asyncio.sleep(0)
            tries.pop(0).cancel()  # the first to ask goes away
            gate.open.set()
            return await asyncio.gather(*tries)

        assert [one.client for one in asyncio.run(story())] == ["clinic"] * 99
        assert gate.done == 1

    def test_is_on_a_nice_thread_of_its_own(self, hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def looking(password: bytes, salt: bytes) -> bytes:
            seen.append((threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, 0)))
            return b""

        monkeypatch.setattr(basic, "scrypt", looking)
        hashed_something: Awaitable[bytes] = hashing.hash(b"", SALT)
        before = os.getpriority(os.PRIO_PROCESS, 0)
        assert asyncio.run(_wait(hashed_something)) == b""
        assert seen == [("scrypt_0", min(19, before + 4))]
        assert os.getpriority(os.PRIO_PROCESS, 0) == before

    def test_is_scrypt(self) -> None:
        # RFC 7914, section 12, has this password, salt and N, r, p with 64 octets; these are the first 32
        # when p is 1 and N 16384.
        expected = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        assert basic.scrypt(b"pleaseletmein", b"SodiumChloride").hex() == expected


async def _wait(what: Awaitable[bytes]) -> bytes:
    return await what
