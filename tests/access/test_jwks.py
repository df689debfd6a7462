"""Issuers' keys: fetched once for all who wait, kept, turned, used through an outage, and never from anywhere else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk

import lookup.access.jwks
from bench.issuer import KeyServer, LocalIssuer, serving
from lookup.access.caller import Refused
from lookup.access.issuers import Issuer
from lookup.access.jwks import (
    AGAIN_SECONDS,
    FILE_SECONDS,
    MAX_OCTETS,
    OUTAGE_SECONDS,
    REFRESH_SECONDS,
    Keys,
    NotKeys,
    Unavailable,
    from_file,
    over_http,
)
from lookup.access.token import Verifier
from tests.access.tokens import NOW, bearer, run


@pytest.fixture
def local() -> LocalIssuer:
    return LocalIssuer(algorithm="ES256")


@pytest.fixture
def server(local: LocalIssuer) -> Iterator[KeyServer]:
    with serving(local) as server:
        yield server


def keys_of(local: LocalIssuer, **where: str) -> Keys:
    return Keys(Issuer(name="local", kind="helseid", issuer=local.name, **where))


def kid(local: LocalIssuer, place: int = -1) -> str:
    found = local.keys[place].kid
    assert isinstance(found, str)
    return found


async def settled(keys: Keys) -> None:
    """Until a fetch in the background has ended."""
    if keys._fetching is not None:
        await keys._fetching


class TestOverHttp:
    def test_many_who_miss_at_once_share_one_fetch(self, local: LocalIssuer, server: KeyServer) -> None:
        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            whens = [NOW] * 50 + [NOW + AGAIN_SECONDS] * 2
            found = await asyncio.gather(*(keys.find(kid(local), "EC", when) for when in whens))
            assert {key.kid for key in found} == {kid(local)}
            assert await keys.find(kid(local), "EC", NOW + REFRESH_SECONDS - 1) is found[0]

        run(ask())
        assert server.fetches == 1

    def test_the_loop_turns_while_keys_are_fetched(self, local: LocalIssuer, server: KeyServer) -> None:
        server.wait_seconds = 0.2

        async def ask() -> int:
            fetching = asyncio.create_task(keys_of(local, jwks_url=server.url).find(kid(local), "EC", NOW))
            turns = 0
            while not fetching.done():
                await asyncio.sleep(0.005)
                turns += 1
            await fetching
            return turns

        assert run(ask()) > 3

    def test_who_gives_up_waiting_takes_nothing_from_the_others(self, local: LocalIssuer, server: KeyServer) -> None:
        server.wait_seconds = 0.1

        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            impatient, patient = (asyncio.create_task(keys.find(kid(local), "EC", NOW)) for _ in range(2))
            await asyncio.sleep(0.02)
            impatient.cancel()
            assert (await patient).kid == kid(local)

        run(ask())
        assert server.fetches == 1

    def test_a_new_key_is_taken_at_once_and_an_old_one_goes(self, local: LocalIssuer, server: KeyServer) -> None:
        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            await keys.find(kid(local), "EC", NOW)
            local.turn()
            assert (await keys.find(kid(local), "EC", NOW + AGAIN_SECONDS)).kid == kid(local)
            assert (await keys.find(kid(local, 0), "EC", NOW + AGAIN_SECONDS)).kid == kid(local, 0)
            del local.keys[0]
            local.turn()
            await keys.find(kid(local), "EC", NOW + 2 * AGAIN_SECONDS)
            local.keys.insert(0, jwk.generate_key("EC", "P-256", {"kid": "gone"}))
            with pytest.raises(Refused, match="unknown-key"):
                await keys.find("withdrawn", "EC", NOW + 2 * AGAIN_SECONDS)

        run(ask())
        assert server.fetches == 3

    def test_made_up_ids_do_not_hammer_the_issuer(self, local: LocalIssuer, server: KeyServer) -> None:
        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            for number in range(200):
                with pytest.raises(Refused, match="unknown-key"):
                    await keys.find(f"made up {number}", "EC", NOW + number / 10)

        run(ask())
        assert server.fetches == 2  # in 20 seconds

    def test_they_are_fetched_again_before_they_age(self, local: LocalIssuer, server: KeyServer) -> None:
        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            before = await keys.find(kid(local), "EC", NOW)
            server.wait_seconds = 0.05
            later = NOW + REFRESH_SECONDS
            assert await keys.find(kid(local), "EC", later) is before  # without waiting
            await settled(keys)
            assert await keys.find(kid(local), "EC", later) is not before

        run(ask())
        assert server.fetches == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"status": 500},
            {"status": 302, "location": "/elsewhere"},
            {"body": b"<html>"},
            {"body": b'{"keys": []}'},
            {"body": b'{"keys": 1}'},
            {"body": b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}'},
            {"padding_octets": MAX_OCTETS},
        ],
        ids=lambda wrong: str(wrong)[:40],
    )
    def test_an_outage_is_lived_through(self, local: LocalIssuer, server: KeyServer, wrong: dict[str, Any]) -> None:
        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            before = await keys.find(kid(local), "EC", NOW)
            for name, value in wrong.items():
                setattr(server, name, value)
            for later in (REFRESH_SECONDS, REFRESH_SECONDS + 60, OUTAGE_SECONDS):
                assert await keys.find(kid(local), "EC", NOW + later) is before
                await settled(keys)
            with pytest.raises(Refused, match="unknown-key"):
                await keys.find("other", "EC", NOW + OUTAGE_SECONDS)
            with pytest.raises(Unavailable, match="keys-unavailable"):
                await keys.find(kid(local), "EC", NOW + OUTAGE_SECONDS + 20)
            server.status, server.body, server.location, server.padding_octets = 200, b"", "", 0
            with pytest.raises(Unavailable):  # not so soon
                await keys.find(kid(local), "EC", NOW + OUTAGE_SECONDS + 21)
            assert await keys.find(kid(local), "EC", NOW + OUTAGE_SECONDS + 31) is not before

        run(ask())

    def test_an_issuer_that_is_gone_says_nothing_of_a_token(self, local: LocalIssuer, server: KeyServer) -> None:
        server.stop()

        async def ask() -> None:
            keys = keys_of(local, jwks_url=server.url)
            for later in (0, 1, 20):
                with pytest.raises(Unavailable, match="keys-unavailable"):
                    await keys.find(kid(local), "EC", NOW + later)

        run(ask())
        server._server.server_close = lambda: None  # type: ignore[method-assign]
        server._server.shutdown = lambda: None  # type: ignore[method-assign]

    def test_they_are_there_before_anybody_asks(self, local: LocalIssuer, server: KeyServer) -> None:
        async def ask() -> None:
            issuer = Issuer(name="local", kind="helseid", issuer=local.name, jwks_url=server.url)
            gone = Issuer(name="gone", kind="helseid", issuer="https://gone.example", jwks_url="http://127.0.0.1:9/")
            verifier = Verifier([issuer, gone])
            await verifier.warm(NOW)
            assert server.fetches == 1
            await verifier.verify(bearer(local.mint(at=NOW)), NOW)
            verifier.close()

        run(ask())
        assert server.fetches == 1

    def test_no_proxy_is_asked_for_what_is_here(
        self, local: LocalIssuer, server: KeyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert over_http(server.url)() == local.jwks()

    def test_one_that_does_not_answer_is_given_up(self, server: KeyServer) -> None:
        server.wait_seconds = 0.5
        with pytest.raises(TimeoutError):
            over_http(server.url, 0.1)()

    def test_one_that_drips_is_cut_off(self, server: KeyServer) -> None:
        server.drip_seconds = 0.05
        with pytest.raises(TimeoutError, match="too slow"):
            over_http(server.url, 0.3)()

    def test_a_redirect_is_not_followed(self, local: LocalIssuer, server: KeyServer) -> None:
        with serving(LocalIssuer(algorithm="ES256")) as other:
            server.status, server.location = 307, other.url
            with pytest.raises(OSError, match="307"):
                over_http(server.url)()
            assert other.fetches == 0


class TestFromAFile:
    def test_another_file_is_taken_up(self, local: LocalIssuer, tmp_path: Path) -> None:
        file = tmp_path / "jwks.json"
        file.write_bytes(local.jwks())

        async def ask() -> None:
            keys = keys_of(local, jwks_file=str(file))
            before = await keys.find(kid(local), "EC", NOW)
            await keys.find(kid(local), "EC", NOW + FILE_SECONDS)
            await settled(keys)
            assert await keys.find(kid(local), "EC", NOW + FILE_SECONDS) is before
            local.turn()
            del local.keys[0]
            file.write_bytes(local.jwks())
            assert (await keys.find(kid(local), "EC", NOW + 2 * FILE_SECONDS)).kid == kid(local)
            with pytest.raises(Refused, match="unknown-key"):
                await keys.find(str(before.kid), "EC", NOW + 3 * FILE_SECONDS)

        run(ask())

    def test_a_file_that_is_no_good_changes_nothing(self, local: LocalIssuer, tmp_path: Path) -> None:
        file = tmp_path / "jwks.json"
        file.write_bytes(local.jwks())

        async def ask() -> None:
            keys = keys_of(local, jwks_file=str(file))
            before = await keys.find(kid(local), "EC", NOW)
            for step, text in enumerate((b"", b"{}", b'{"keys": [', local.jwks() + b" " * MAX_OCTETS), 1):
                file.write_bytes(text)
                assert await keys.find(kid(local), "EC", NOW + step * 10) is before
                await settled(keys)
            file.unlink()
            assert await keys.find(kid(local), "EC", NOW + 60) is before
            await settled(keys)
            with pytest.raises(Unavailable):
                await keys.find(kid(local), "EC", NOW + OUTAGE_SECONDS + 61)

        run(ask())

    def test_what_was_read_is_not_read_again(self, local: LocalIssuer, tmp_path: Path) -> None:
        file = tmp_path / "jwks.json"
        file.write_bytes(local.jwks())
        fetch = from_file(file)
        assert fetch() == local.jwks()
        assert fetch() is None
        file.write_bytes(b"{}")
        for _ in range(2):
            with pytest.raises(NotKeys):
                fetch()


def test_an_outage_is_told_of_once(local: LocalIssuer, server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    class _Log:
        def info(self, event: str, **_: Any) -> None:
            told.append(("info", event))

        def warning(self, event: str, **_: Any) -> None:
            told.append(("warning", event))

    monkeypatch.setattr(lookup.access.jwks, "log", _Log())
    server.status = 503

    async def ask() -> None:
        keys = keys_of(local, jwks_url=server.url)
        for step in range(5):
            with pytest.raises(Unavailable):
                await keys.find(kid(local), "EC", NOW + step * AGAIN_SECONDS)
        server.status = 200
        await keys.find(kid(local), "EC", NOW + 60)

    run(ask())
    assert told == [("warning", "keys of an issuer not to be had"), ("info", "keys of an issuer taken")]
