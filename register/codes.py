"""The code systems the register speaks, as one table.

A system is named by its number (the "OID" of the real interface). Small, stable systems are listed here with
their values; the large or changing ones (municipalities, districts, countries, ...) are `open`: their values
come with the feed, in its table `codes`. Values marked `placeholder` are ours: no public source gives the real
ones, and this table is the only place where they stand.
"""

from typing import NamedTuple

RELATIONSHIP = 7750
CONTRACT_STATUS = 7751
END_REASON = 7753
BEGIN_REASON = 7754
MEMBERSHIP_REQUIRED = 7755
MUNICIPALITY = 3402
DISTRICT = 3403
ADDRESS_TYPE = 3401
ADDRESS_COMPONENT = 9044
SEX = 3101
LANGUAGE = 3303
LANGUAGE_OTHER = 3301
COUNTRY = 9043
HEALTH_PERSONNEL = 9060
PERSON_STATUS = 5510
PERSON_STATUS_OTHER = 5511
BUSINESS_TYPE = 9040
PERSON_ID_TYPE = 8116
ORGANIZATION_ID_TYPE = 9051

GP = "LPFL"
SHARED_LIST_DOCTOR = "LPDL"
SUBSTITUTE = "LPVI"
STATUS_OPEN = "FAAA"


class Value(NamedTuple):
    """One value of a code system."""

    value: str
    text: str
    placeholder: bool = False


class System(NamedTuple):
    """One code system: its number, the name it has on the wire, and its values when it is closed."""

    oid: int
    simple_type: str
    values: tuple[Value, ...] = ()

    @property
    def open(self) -> bool:
        """Whether the values come with the feed."""
        return not self.values


_P = True  # a placeholder of ours

SYSTEMS: dict[int, System] = {
    system.oid: system
    for system in (
        System(
            RELATIONSHIP,
            "flrv2_relationship",
            (Value(GP, "Fastlege"), Value(SHARED_LIST_DOCTOR, "Lege på delt liste"), Value(SUBSTITUTE, "Vikar")),
        ),
        System(
            CONTRACT_STATUS,
            "flrv2_statuscode",
            (Value(STATUS_OPEN, "Åpen"), Value("FAAL", "Lukket", _P), Value("FAAS", "Låst", _P)),
        ),
        System(
            END_REASON,
            "flrv2_endreason",
            (
                Value("OHID", "Opphørt"),
                Value("OHBV", "Byttet fastlege etter eget ønske", _P),
                Value("OHLO", "Legen opphørte, listen flyttet", _P),
                Value("OHLR", "Listereduksjon", _P),
                Value("OHDO", "Død", _P),
                Value("OHUT", "Utvandret", _P),
                Value("OHRE", "Reservert mot ordningen", _P),
                Value("OHAV", "Avtalen avsluttet", _P),
            ),
        ),
        System(
            BEGIN_REASON,
            "flrv2_beginreason",
            (
                Value("BGVA", "Eget valg", _P),
                Value("BGTI", "Tildelt plass", _P),
                Value("BGFL", "Flyttet med listen", _P),
                Value("BGFO", "Fulgte forelder", _P),
                Value("BGFD", "Nyfødt", _P),
                Value("BGVE", "Fra venteliste", _P),
            ),
        ),
        System(
            MEMBERSHIP_REQUIRED,
            "flrv2_membership",
            (Value("MEIN", "Ingen krav", _P), Value("MEST", "Student", _P), Value("MEAN", "Ansatt", _P)),
        ),
        System(MUNICIPALITY, "kommunenummer"),
        System(DISTRICT, "bydel"),
        System(
            ADDRESS_TYPE,
            "adressetype",
            (
                Value("RES", "Besøksadresse"),
                Value("PST", "Postadresse"),
                Value("RES_FLO", "Besøksadresse registrert av FLO"),
            ),
        ),
        System(
            ADDRESS_COMPONENT,
            "type_adressekomponeneter",  # misspelt on the wire, and kept so: clients compare it
            (
                Value("E_TLF", "Telefonnummer"),
                Value("E_EDI", "EDI (Standardisert elektronisk melding)"),
                Value("E_EPO", "Epost-adresse"),
                Value("E_FAX", "Faxnummer"),
                Value("E_URL", "Hjemmeside"),
                Value("E_CEN", "Sentralbordnummer"),
            ),
        ),
        System(SEX, "kjonn", (Value("0", "Ikke kjent"), Value("1", "Mann"), Value("2", "Kvinne"))),
        System(LANGUAGE, "språk"),
        System(LANGUAGE_OTHER, "språk"),
        System(COUNTRY, "landkoder"),
        System(HEALTH_PERSONNEL, "kategori_helsepersonell"),
        System(PERSON_STATUS, "personstatus"),
        System(PERSON_STATUS_OTHER, "personstatus"),
        System(BUSINESS_TYPE, "helsevirksomhet_type"),
        System(
            PERSON_ID_TYPE,
            "id_type_person",
            (
                Value("FNR", "Fødselsnummer"),
                Value("DNR", "D-nummer"),
                Value("FHN", "FH-nummer"),
                Value("HPR", "HPR-nummer"),
            ),
        ),
        System(
            ORGANIZATION_ID_TYPE, "id_type_organisasjon", (Value("ENH", "Organisasjonsnummer"), Value("HER", "HER-ID"))
        ),
    )
}


def closed_values() -> dict[tuple[int, str], str]:
    """(system number, value) -> text of every value listed here."""
    return {(s.oid, v.value): v.text for s in SYSTEMS.values() for v in s.values}
