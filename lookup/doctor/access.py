"""Who may ask, and what they are shown: clients, issuers of tokens, proxies, our certificate."""

import ipaddress
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from lookup.access.certificate import Proxies
from lookup.access.client import Client
from lookup.access.clientsfile import ClientsError, read_clients
from lookup.access.dpop import Proofs, PublicUrlsError
from lookup.access.issuers import Issuer, IssuersError, read_issuers
from lookup.access.jwks import NotKeys, from_file, over_http, read_keys
from lookup.access.replay import ReplayMemory, Seen
from lookup.doctor.finding import Finding, Installation, ok, shell, warning, wrong
from lookup.tls import WrongCertificate, certificate_of

CLIENTS, ISSUERS, PROXIES, TLS = "clients", "issuers", "proxies", "tls"
SOON_SECONDS = 30 * 86_400
_LEAST_MEMORY = 1 << 10


def clients(site: Installation) -> Iterator[Finding]:
    """The file is fit to be read, and somebody may ask."""
    path = site.settings.clients_path
    try:
        found = read_clients(path) if path.exists() else {}
    except ClientsError as error:
        what, then, mend = str(error).rpartition(" See who has, then: ")
        yield wrong(CLIENTS, what if then else str(error), mend if then else shell("editor", path))
        return
    now = datetime.now(UTC)
    asking = sum(_may_ask(client, now) for client in found.values())
    if asking:
        yield ok(CLIENTS, f"{asking} of {len(found)} may ask")
    elif site.settings.issuers_file is not None:
        yield ok(CLIENTS, "none; tokens are taken")
    else:
        yield warning(
            CLIENTS,
            f"nobody may ask: {path} has {len(found)} clients, and no issuer of tokens is named",
            site.command("flr-lookup clients add --org N --role ROLE"),
        )


def _may_ask(client: Client, now: datetime) -> bool:
    if client.disabled:
        return False
    untils = [*(one.until for one in client.passwords), *(one.until for one in client.certificates)]
    return client.token_client is not None or any(until is None or until > now for until in untils)


def issuers(site: Installation) -> Iterator[Finding]:
    """The file is fit, keys are there (with `deep` those of URLs, too), and proofs can be held against our URLs."""
    path = site.settings.issuers_file
    try:
        Proofs(site.settings.public_urls.split(), Seen(ReplayMemory(_LEAST_MEMORY)))
        found = () if path is None else read_issuers(path)
    except PublicUrlsError as error:
        yield wrong(ISSUERS, f"public_urls: {error}", "FLR_PUBLIC_URLS=https://HOST")
        return
    except IssuersError as error:
        yield wrong(ISSUERS, str(error), shell("editor", path))
        return
    if path is None:
        yield ok(ISSUERS, "none: no tokens are taken")
        return
    bound = [issuer.name for issuer in found if issuer.dpop == "required"]
    if bound and not site.settings.public_urls:
        yield wrong(
            ISSUERS,
            f"{', '.join(bound)}: tokens come with proofs, which name a URL, and without public_urls none is taken",
            "FLR_PUBLIC_URLS=https://HOST",
        )
    for issuer in found:
        yield _keys(issuer, deep=site.deep)


def _keys(issuer: Issuer, *, deep: bool) -> Finding:
    """Whether an issuer's keys can be had. Those at a URL are fetched only when somebody asks for it."""
    where = issuer.jwks_file or issuer.jwks_url or ""
    try:
        if issuer.jwks_file is not None:
            from_file(Path(where))()
        elif deep:
            read_keys(over_http(where)() or b"")
        else:
            return ok(ISSUERS, f"{issuer.name}; whether its keys can be fetched, --deep tells")
    except (OSError, HTTPException, NotKeys) as error:
        see = shell(*(["curl", "-sS"] if issuer.jwks_file is None else ["cat"]), where)
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error) or type(error).__name__
        return wrong(ISSUERS, f"{issuer.name}: its keys cannot be had at {where}: {why}", see)
    return ok(ISSUERS, f"{issuer.name}, and its keys")


def proxies(site: Installation) -> Iterator[Finding]:
    """Those that are believed are not everybody."""
    told = site.settings.trusted_proxies
    try:
        Proxies.of_setting(told)
    except ValueError as error:
        yield wrong(PROXIES, f"trusted_proxies: {error}", "FLR_TRUSTED_PROXIES=ADDRESS")
    else:
        yield ok(PROXIES, f"{told} may say who a client is" if told else "none is believed")


def tls(site: Installation) -> Iterator[Finding]:
    """The certificate can be shown, and is valid for a while; and no passwords go over a network without it."""
    settings = site.settings
    try:
        certificate = certificate_of(settings)
    except WrongCertificate as error:
        yield wrong(TLS, str(error), shell("openssl", "x509", "-noout", "-dates", "-in", settings.tls_certificate))
        return
    if certificate is None:
        if settings.uds is None and not settings.trusted_proxies and not _loopback(settings.host):
            yield warning(
                TLS,
                f"none on {settings.host}: unless the network is protected, passwords can be read on it",
                "FLR_TLS_CERTIFICATE=FILE FLR_TLS_KEY=FILE",
            )
        else:
            yield ok(TLS, "left to a proxy")
        return
    left = certificate.expires - time.time()
    until = f"{datetime.fromtimestamp(certificate.expires, UTC):%Y-%m-%d %H:%MZ}"
    renew = "systemctl reload flr-lookup"
    if left < 0:
        yield wrong(TLS, f"the certificate ended {until}: put a new one in its place", renew)
    elif left < SOON_SECONDS:
        yield warning(TLS, f"the certificate ends {until}: put a new one in its place", renew)
    else:
        yield ok(TLS, f"the certificate is valid until {until}")


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
