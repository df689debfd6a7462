"""Why a clinician asks: the reasons that there are to choose from, as they stand in the audit and on the page."""

import secrets

# In the order of the page. The words on the left stand in audits: they are never given another meaning.
REASONS = {
    "emergency": "Øyeblikkelig hjelp",
    "treatment": "Undersøkelse eller behandling av pasienten",
    "message": "Epikrise, svar eller annen melding til fastlegen",
    "coordination": "Samarbeid med fastlegen om pasienten",
    "administration": "Administrasjon av helsehjelpen",
}


def event(reason: str) -> bytes:
    """The id of a lookup on the page, which the audit keeps with its record: `page:REASON:` and twelve digits."""
    return f"page:{reason}:{secrets.token_hex(6)}".encode()
