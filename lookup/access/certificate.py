"""A client's certificate, as the proxy that has ended its TLS asserts it in a header.

Only a proxy that the setting `trusted_proxies` names is believed; from anybody else the header means nothing, and the
request has no credential. What is asked for is that exactly this certificate is registered (by the SHA-256 of its DER)
and in its period. The proxy sees to it that the client holds the key, which every TLS handshake proves; chains and
revocation lists are the proxy's, too.
"""

import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography import x509

from lookup.access.caller import Caller, Refused
from lookup.access.registry import Registry

# Either may be set by the proxy, and only the one that the setting names is looked at: the other would be the client's.
HEADERS: Final = ("Client-Cert", "X-SSL-Client-Cert")
MAX_HEADER_BYTES = 8192
UNIX = "unix"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?")


class Proxies:
    """The proxies that are believed: networks, and `unix` for whoever may write to our unix socket."""

    def __init__(self, told: Iterable[str]) -> None:
        """Raises ValueError for what is no network, or is all of them."""
        self._networks: list[IPv4Network | IPv6Network] = []
        self._unix = False
        for one in told:
            if one == UNIX:
                self._unix = True
                continue
            try:
                network = ip_network(one)
            except ValueError:
                raise ValueError(f"{one}: not a network (10.1.0.0/16, 10.1.2.3, fd00::/8) and not `unix`") from None
            if not network.prefixlen:
                raise ValueError(f"{one}: that is everybody, and anybody could say who he is")
            self._networks.append(network)

    @classmethod
    def of_setting(cls, text: str) -> "Proxies":
        """As the setting has them: with commas between."""
        return cls(filter(None, map(str.strip, text.split(","))))

    def is_trusted(self, peer: str | None) -> bool:
        """Whether a connection from this address is a proxy's; None is one by our unix socket."""
        if peer is None:
            return self._unix
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or IPv6Address(int(address))  # without its zone
        return any(address in network for network in self._networks)


def der_of(value: bytes) -> bytes:
    """The certificate in a header's value. Raises Refused.

    `Client-Cert` of RFC 9440 (base64 between colons), or what nginx has in $ssl_client_escaped_cert (PEM in URL
    encoding): no value is both.
    """
    if len(value) > MAX_HEADER_BYTES:
        raise Refused("malformed")
    if value[:1] == b":" and value[-1:] == b":" and len(value) > 2:
        encoded = value[1:-1]
    else:
        pem = _PEM.fullmatch(unquote_to_bytes(value))
        if pem is None:
            raise Refused("malformed")
        encoded = pem[1].replace(b"\n", b"")
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise Refused("malformed") from None


def verify(value: bytes, registry: Registry, now: float) -> Caller:
    """Who shows the certificate in this header's value, at `now` in seconds since 1970. Raises Refused.

    Only for a header that comes from a proxy that is believed (`Proxies.is_trusted`), and came once.
    """
    der = der_of(value)
    found = registry.of_certificate(sha256(der).hexdigest())
    if found is None:
        raise Refused("unknown-certificate")
    client, registered = found
    if client.disabled:
        raise Refused("disabled", client.name)
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        raise Refused("malformed", client.name) from None
    moment = datetime.fromtimestamp(now, UTC)
    if moment < certificate.not_valid_before_utc:
        raise Refused("certificate-not-yet-valid", client.name)
    until = min(certificate.not_valid_after_utc, registered.until)
    if moment >= until:
        raise Refused("certificate-expired", client.name)
    return client.caller("certificate", until)
