"""For whoever tries the demo's page: an issuer where the showcase's own doctors sign in, and the settings."""

from pathlib import Path

from bench.issuer import settings
from bench.norway.showcase import showcase
from bench.provider import CLIENT_ID, Person, Provider
from lookup.page.keyfile import PageKey, make
from register.model import Doctor


def provider_of(folder: Path) -> Provider:
    """The issuer; the page's key is made in this folder."""
    make(folder / "page-key.json")
    doctors = [one for one in showcase()["doctors"] if isinstance(one, Doctor)]
    people = [Person(f"{one.first_name} {one.last_name}", one.nin, one.hpr_number) for one in doctors]
    return Provider(people, PageKey(folder / "page-key.json").public(), "")


def settings_of(folder: Path, provider: Provider, url: str) -> dict[str, str]:
    """The environment of a service with the page at a URL of loopback. Its issuers file is written."""
    issuers = folder / "issuers.toml"
    issuers.write_text(settings(provider.issuer, f"{provider.url}/jwks"))
    provider.redirect_uri = f"{url}/oppslag/tilbake"
    return {
        "FLR_ISSUERS_FILE": str(issuers),
        "FLR_PAGE_ISSUER": "local",
        "FLR_PAGE_URL": url,
        "FLR_PAGE_CLIENT_ID": CLIENT_ID,
        "FLR_PAGE_KEY_FILE": str(folder / "page-key.json"),
    }
