"""The gate of a service, put together from its settings: clients, issuers, proxies, and what they may ask."""

import os

from lookup.access import basic, certificate
from lookup.access.caller import Caller, Refused
from lookup.access.dpop import Proofs
from lookup.access.gate import BASIC, Gate
from lookup.access.issuers import read_issuers
from lookup.access.quota import Quotas
from lookup.access.registry import Registry
from lookup.access.replay import ReplayMemory
from lookup.access.token import Verifier, split
from lookup.core import Seen
from lookup.settings import Settings

TOKENS = 'Bearer, DPoP algs="ES256 ES384 ES512 PS256 RS256"'


class Credentials:
    """What a service takes, and the gate that asks. Made before the fork; `begin` in each worker, and then `refresh`.

    Raises ClientsError, IssuersError, PublicUrlsError, ValueError and OSError for settings that cannot be.
    """

    def __init__(self, settings: Settings) -> None:
        self.registry = Registry(settings.clients_path)
        self.issuers = () if settings.issuers_file is None else read_issuers(settings.issuers_file)
        proxies = certificate.Proxies.of_setting(settings.trusted_proxies)
        urls = settings.public_urls.split()
        proofs = Proofs(urls, Seen(ReplayMemory(settings.dpop_memory_bytes)))
        self._hashing: basic.Hashing | None = None
        self.verifier = Verifier(self.issuers)
        tokens = {"bearer": self._token, "dpop": self._token} if self.issuers else {}
        self.gate = Gate(
            {"basic": self._basic, **tokens},
            Quotas(),
            os.urandom(32),
            certificate=self._certificate,
            trusts=proxies.is_trusted,
            certificate_field=settings.proxy_certificate_header,
            bind=lambda shown, caller: proofs.bound(split(shown)[1], caller.key or ""),
            challenge=f"{BASIC}, {TOKENS}" if self.issuers else BASIC,
        )

    def begin(self) -> None:
        """In a worker: what outlives no fork. And the clients as they are now, not as they were at the start."""
        self._hashing = basic.Hashing()
        self.refresh()

    async def warm(self) -> None:
        """Fetch the issuers' keys, before the first token comes."""
        await self.verifier.warm(self.gate.epoch_ns() / 1e9)

    def refresh(self) -> None:
        """Take up the clients if they have changed: then every credential is looked at anew."""
        if self.registry.refresh():
            self.gate.forget()

    @property
    def unfit(self) -> bool:
        """Whether the clients file is unfit or gone, and the clients those of before."""
        return self.registry.fault is not None

    async def _basic(self, shown: bytes, now: float) -> Caller:
        assert self._hashing is not None
        return await basic.verify(shown, self.registry, now, self._hashing)

    async def _certificate(self, shown: bytes, now: float) -> Caller:
        return certificate.verify(shown, self.registry, now)

    async def _token(self, shown: bytes, now: float) -> Caller:
        return self.registered(await self.verifier.verify(shown, now))

    def registered(self, caller: Caller) -> Caller:
        """A token's caller, as the client is registered, where it is. Raises Refused where that is disabled."""
        client = self.registry.of_token(caller.client) or self.registry.of_token(caller.client.partition(":")[2])
        if client is None:
            return caller
        if client.disabled:
            raise Refused("disabled", client.name)
        return caller.registered(client.name, protected=client.protected, limits=client.limits)
