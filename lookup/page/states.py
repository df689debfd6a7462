"""What can come of a lookup, and of a sign-in, in plain words. Each is an answer of its own.

None is ever taken for another.
"""

from typing import NamedTuple

from lookup import shapes
from lookup.answers import ASSIGNED, NONE, UNKNOWN, VACANT, WITHHELD
from lookup.page.wording import name


class Told(NamedTuple):
    """A heading, what stands over it and under it. `alert`: something that was wanted has not been done."""

    kind: str
    kicker: str
    heading: str
    lines: tuple[str, ...] = ()
    alert: bool = False


_SAYS_NOTHING = "Det sier ingenting om personen har fastlege."
_STATES = {
    VACANT: Told(VACANT, "Uten fastlege nå", "Liste uten fastlege"),
    NONE: Told(
        NONE,
        "Står ikke på noen liste",
        "Ingen fastlege",
        (
            "Personen er kjent i registeret, men står ikke på noen fastlegeliste nå.",
            "Det kan være et eget valg, eller at personen venter på plass, har flyttet ut eller er død. Registeret sier"
            " ikke hvilket.",
        ),
    ),
    WITHHELD: Told(
        WITHHELD,
        "Opplysningene gis ikke ut",
        "Skjermet",
        (
            "Registeret gir ikke ut opplysninger om denne personen her.",
            "Det betyr ikke at personen er uten fastlege.",
        ),
    ),
    UNKNOWN: Told(
        UNKNOWN,
        "Ikke i registeret",
        "Ukjent nummer",
        (
            "Nummeret er riktig bygd opp, men registeret har aldri sett det. Se etter tastefeil.",
            "Det er ikke det samme som at personen er uten fastlege.",
        ),
    ),
}
_UNREADY = Told("unready", "Feil hos oss", "Kan ikke svare nå", (f"Prøv igjen om litt. {_SAYS_NOTHING}",), alert=True)
# by the word of a problem (lookup/problems.py)
PROBLEMS = {
    "unready": _UNREADY,
    "audit-unavailable": _UNREADY._replace(
        lines=("Oppslaget kunne ikke loggføres, og da gis det ikke noe svar.", *_UNREADY.lines)
    ),
    "quota": Told(
        "refused",
        "Ikke slått opp",
        "For mange oppslag",
        ("Det er slått opp så mye som det er lov til for denne gang. Prøv igjen senere.",),
        alert=True,
    ),
    "forbidden": Told(
        "refused",
        "Ikke slått opp",
        "Ingen tilgang",
        ("Innloggingen din gir ikke rett til å slå opp. Spør den som gir tilganger hos dere.",),
        alert=True,
    ),
    "forged": Told(
        "refused",
        "Ikke slått opp",
        "Skjemaet kom ikke herfra",
        ("Åpne siden på nytt og prøv igjen. Ingenting er slått opp.",),
        alert=True,
    ),
    "invalid-request": Told(
        "refused",
        "Ikke slått opp",
        "Skjemaet kunne ikke leses",
        ("Åpne siden på nytt og prøv igjen. Ingenting er slått opp.",),
        alert=True,
    ),
    "ended": Told(
        "refused",
        "Ikke slått opp",
        "Du er logget ut",
        ("Det er gått for lang tid. Logg inn igjen og slå opp på nytt. Ingenting er slått opp.",),
        alert=True,
    ),
    "not-signed-in": Told(
        "refused",
        "Ikke logget inn",
        "Innloggingen ble ikke godtatt",
        ("Prøv igjen. Skjer det flere ganger, ta kontakt med den som gir tilganger hos dere.",),
        alert=True,
    ),
    "cancelled": Told(
        "refused", "Ikke logget inn", "Innloggingen ble avbrutt", ("Du er ikke logget inn.",), alert=True
    ),
    "no-issuer": Told(
        "unready",
        "Ikke logget inn",
        "Innloggingen svarer ikke",
        ("HelseID svarer ikke nå. Prøv igjen om litt.",),
        alert=True,
    ),
}
SIGNED_OUT = Told("notice", "", "Du er logget ut", ("På en maskin flere bruker, logg også ut av HelseID.",))


def told(status: str, answer: shapes.LookupAnswer | None) -> Told:
    """What an answer says. A GP's name is the heading where there is one."""
    if status == ASSIGNED and answer is not None and answer.gp is not None:
        return Told(ASSIGNED, "Fastlege", name(answer.gp))
    state = _STATES[status]
    if status != VACANT or answer is None:
        return state
    whom = "Vikaren står" if len(answer.substitutes) == 1 else "Vikarene står" if answer.substitutes else ""
    then = f"{whom} nedenfor." if whom else "Ingen vikar er registrert. Ta kontakt med kontoret."
    return state._replace(lines=(f"Personen står på en liste som ikke har fast lege nå. {then}",))


def problem(word: str) -> Told:
    """What a problem says, by its word; whatever is not foreseen is a fault of ours."""
    return PROBLEMS.get(word, _UNREADY)
