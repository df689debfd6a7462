"""The values of the open code systems, table `codes` of the feed: what the made-up population uses, and a little more.

Municipalities, districts, countries and languages have their real codes. Person statuses (5510), health personnel
(9060) and business types (9040) are a plausible few of ours.
"""

from bench.norway.municipalities import districts, municipalities
from register.codes import BUSINESS_TYPE, COUNTRY, DISTRICT, HEALTH_PERSONNEL, LANGUAGE, MUNICIPALITY, PERSON_STATUS
from register.model import Code

RESIDENT, EMIGRATED, DEAD, TEMPORARY, BORN = "1", "3", "5", "6", "7"
DOCTOR_ROLE = "LE"
GP_OFFICE = "FLK"
SPARE_LANGUAGE = "zxx"  # used by nobody, so that a day can change a code

_COUNTRIES = (
    "NO Norge, SE Sverige, DK Danmark, FI Finland, IS Island, DE Tyskland, PL Polen, LT Litauen, GB Storbritannia, "
    "ES Spania, FR Frankrike, NL Nederland, US USA, UA Ukraina, SO Somalia, PK Pakistan, TR Tyrkia, VN Vietnam, "
    "IN India, TH Thailand, PH Filippinene, RO Romania, LV Latvia, PT Portugal, IT Italia, SY Syria, ER Eritrea"
)
_LANGUAGES = (
    "nb Bokmål, nn Nynorsk, se Nordsamisk, en Engelsk, sv Svensk, da Dansk, de Tysk, fr Fransk, es Spansk, pl Polsk, "
    "lt Litauisk, ar Arabisk, ur Urdu, so Somali, uk Ukrainsk, ru Russisk, tr Tyrkisk, fa Persisk, vi Vietnamesisk, "
    "zxx Uten språklig innhold"
)
_STATUSES = "1 Bosatt, 2 Utgått, 3 Utvandret, 4 Forsvunnet, 5 Død, 6 Midlertidig, 7 Fødselsregistrert, 8 Inaktiv"
_ROLES = "LE Lege, SP Sykepleier, HE Helsesekretær, FT Fysioterapeut, PS Psykolog, JO Jordmor, VP Vernepleier"
_BUSINESSES = "FLK Fastlegekontor, LEV Legevakt, HST Helsestasjon, SYH Sykehjem"


def _values(system: int, text: str) -> list[Code]:
    pairs = (entry.split(" ", 1) for entry in text.split(", "))
    return [Code(oid=system, value=value, text=name) for value, name in pairs]


COUNTRIES = [code.value for code in _values(COUNTRY, _COUNTRIES)]
LANGUAGES = [code.value for code in _values(LANGUAGE, _LANGUAGES) if code.value != SPARE_LANGUAGE]


def codes() -> list[Code]:
    """Every value, ordered by system."""
    return [
        *(Code(oid=MUNICIPALITY, value=m.code, text=m.name) for m in municipalities()),
        Code(oid=MUNICIPALITY, value="9999", text="Uoppgitt", active=False),
        *(Code(oid=DISTRICT, value=code, text=name) for code, name in districts()),
        *_values(COUNTRY, _COUNTRIES),
        *_values(LANGUAGE, _LANGUAGES),
        *_values(PERSON_STATUS, _STATUSES),
        *_values(HEALTH_PERSONNEL, _ROLES),
        *_values(BUSINESS_TYPE, _BUSINESSES),
    ]
