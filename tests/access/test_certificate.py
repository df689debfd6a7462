"""Certificates that a proxy asserts: from whom they are believed, how they are read, and when they are taken."""

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from lookup.access.caller import Refused
from lookup.access.certificate import MAX_HEADER_BYTES, Proxies, der_of, verify
from lookup.access.registry import Registry
from tests.access.registered import NOW, certificate, client, put, registered

THEN = NOW.timestamp()
DAY = 86400


def rfc9440(made: x509.Certificate) -> bytes:
    return b":" + base64.b64encode(made.public_bytes(Encoding.DER)) + b":"


def nginx(made: x509.Certificate) -> bytes:
    """As nginx writes $ssl_client_escaped_cert."""
    return quote(made.public_bytes(Encoding.PEM).decode(), safe="-._~").encode()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    old, gone = certificate("old"), certificate("gone")
    return Registry(
        put(
            tmp_path / "clients.json",
            client(certificates=(registered(certificate()), registered(old, NOW + timedelta(hours=1)))),
            client("long", certificates=(registered(certificate("long"), NOW + timedelta(days=90)),)),
            client("gone", certificates=(registered(gone),), disabled=True),
            client("early", certificates=(registered(certificate("early", 1, 2)),)),
        )
    )


class TestProxies:
    def test_nobody_is_believed_unless_named(self) -> None:
        nobody = Proxies.of_setting("")
        assert not any(map(nobody.is_trusted, (None, "127.0.0.1", "::1", "10.0.0.1", "", "nonsense")))

    @pytest.mark.parametrize(
        "peer", ["10.1.2.3", "10.1.255.255", "::ffff:10.1.2.3", "192.0.2.7", "fd00::1", "fd00::1%eth0"]
    )
    def test_those_named_are(self, peer: str) -> None:
        assert Proxies.of_setting(" 10.1.0.0/16, 192.0.2.7,fd00::/8 ").is_trusted(peer)

    @pytest.mark.parametrize("peer", [None, "10.2.0.1", "::ffff:10.2.0.1", "192.0.2.8", "fe80::1", "10.1", "", "unix"])
    def test_and_no_others(self, peer: str | None) -> None:
        assert not Proxies.of_setting("10.1.0.0/16,192.0.2.7,fd00::/8").is_trusted(peer)

    def test_a_unix_socket_is_for_whoever_may_write_to_it(self) -> None:
        proxies = Proxies.of_setting("unix")
        assert (proxies.is_trusted(None), proxies.is_trusted("127.0.0.1")) == (True, False)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("10.1.2.3/16", "not a network"),  # an address with a mask: somebody has misread his own network
            ("proxy.example.org", "not a network"),
            ("10.0.0.0/8;unix", "not a network"),
            ("0.0.0.0/0", "everybody"),
            ("10.0.0.0/8,::/0", "everybody"),
        ],
    )
    def test_what_is_no_network_is_an_error(self, text: str, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            Proxies.of_setting(text)


class TestRead:
    @pytest.mark.parametrize("write", [rfc9440, nginx])
    def test_reads_both_writings(self, write: Callable[[x509.Certificate], bytes]) -> None:
        assert der_of(write(certificate())) == certificate().public_bytes(Encoding.DER)

    @given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda some: b":" + some + b":"))
    def test_anything_else_is_malformed(self, value: bytes) -> None:
        try:
            der = der_of(value)
        except Refused as refused:
            assert (refused.why, refused.client) == ("malformed", None)  # noqa: PT017 -- it need not come
        else:
            assert base64.b64encode(der) == value[1:-1]

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b":",
            b"::",
            rfc9440(certificate())[1:],
            rfc9440(certificate()).replace(b"=", b"") if b"=" in rfc9440(certificate()) else b":AAA:",
            rfc9440(certificate()) + b", " + rfc9440(certificate("other")),
            nginx(certificate()) * 2,
            nginx(certificate()).replace(b"BEGIN", b"begin"),
            certificate().public_bytes(Encoding.PEM).replace(b"\n", b" "),
            b":" + b"A" * MAX_HEADER_BYTES + b":",
        ],
    )
    def test_so_are_these(self, value: bytes) -> None:
        with pytest.raises(Refused, match="malformed"):
            der_of(value)


class TestVerify:
    @pytest.mark.parametrize("write", [rfc9440, nginx])
    def test_a_registered_one_is_its_client(
        self, registry: Registry, write: Callable[[x509.Certificate], bytes]
    ) -> None:
        caller = verify(write(certificate()), registry, THEN)
        assert (caller.client, caller.kind, caller.expires) == ("clinic", "certificate", THEN + 30 * DAY)
        assert (caller.roles, caller.organization) == (client().roles, client().organization)

    @pytest.mark.parametrize(
        ("subject", "days", "now", "why", "told"),
        [
            ("nobody", (-1, 30), THEN, "unknown-certificate", None),
            ("clinic", (-1, 31), THEN, "unknown-certificate", None),  # the same name and key: another certificate
            ("clinic", (-1, 30), THEN + 30 * DAY, "certificate-expired", "clinic"),
            ("clinic", (-1, 30), THEN - DAY - 1, "certificate-not-yet-valid", "clinic"),
            ("long", (-1, 30), THEN + 30 * DAY, "certificate-expired", "long"),
            ("early", (1, 2), THEN, "certificate-not-yet-valid", "early"),
            ("old", (-1, 30), THEN + 3600, "certificate-expired", "clinic"),
            ("gone", (-1, 30), THEN, "disabled", "gone"),
        ],
    )
    def test_anything_else_is_refused(
        self, registry: Registry, subject: str, days: tuple[int, int], now: float, why: str, told: str | None
    ) -> None:
        with pytest.raises(Refused) as refused:
            verify(rfc9440(certificate(subject, *days)), registry, now)
        assert (refused.value.why, refused.value.client) == (why, told)

    def test_one_that_is_being_replaced_is_taken_until_its_time(self, registry: Registry) -> None:
        assert verify(rfc9440(certificate("old")), registry, THEN + 3599).expires == THEN + 3600

    def test_octets_behind_it_make_it_another(self, registry: Registry) -> None:
        longer = certificate().public_bytes(Encoding.DER) + b"\0"
        with pytest.raises(Refused, match="unknown-certificate"):
            verify(b":" + base64.b64encode(longer) + b":", registry, THEN)

    def test_a_fingerprint_of_what_is_no_certificate_is_no_way_in(self, tmp_path: Path) -> None:
        from hashlib import sha256

        shown = registered(certificate())
        nonsense = type(shown)(sha256=sha256(b"nonsense").hexdigest(), until=shown.until)
        registry = Registry(put(tmp_path / "other.json", client(certificates=(nonsense,))))
        with pytest.raises(Refused, match="malformed"):
            verify(b":" + base64.b64encode(b"nonsense") + b":", registry, THEN)
