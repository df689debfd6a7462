"""Who asks, where that needs nothing but to be said: a name and password, or a token that one has already.

Tokens that are fetched are in flr_client.tokens.
"""

from collections.abc import Generator

import httpx


class Basic(httpx.BasicAuth):
    """A registered name and its password (HTTP Basic). Only inside TLS."""

    def __repr__(self) -> str:
        return "<Basic>"


class Bearer(httpx.Auth):
    """An access token that the caller has got somewhere; it is shown as it is."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __repr__(self) -> str:
        return "<Bearer>"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Show it with each request."""
        request.headers["Authorization"] = self._header
        yield request
