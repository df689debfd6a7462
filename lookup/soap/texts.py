"""What GenericFaults say: the register's own texts where these are public, ours in its manner where they are not.

Public (consumers' fixtures): INVALID_NIN of `patientNin`, and NO_GP. All others are placeholders; they stand only here,
and docs/soap.md lists them.
"""

from lookup.soap.faults import GenericFault

NO_GP = "Personen er ikke tilknyttet fastlegekontrakt"
UNKNOWN_CONTRACT = "Fastlegekontrakten finnes ikke"
UNKNOWN_OFFICE = "Ingen fastlegekontrakter er knyttet til organisasjonsnummeret"
UNKNOWN_GP = "HPR-nummeret tilhører ingen fastlege"
UNKNOWN_TEAM = "Primærhelseteamet finnes ikke"
NOT_ONE_CONTRACT = "Legen har ingen eller flere enn én aktiv legeperiode i kommunen"
SEVERAL_OFFICES = "Fastlegekontraktene hører til flere legekontor"
EMPTY_LIST = "Det er ingen pasienter på listen i den oppgitte måneden"
CERTIFICATE_KEY = "Sertifikatet har ikke en RSA-nøkkel på 2048 til 8192 bit"
CERTIFICATE_EXPIRED = "Sertifikatet har utløpt, eller gjelder ikke ennå"


def refused(text: str) -> GenericFault:
    """The fault of a question that the register has no answer to."""
    return GenericFault(f"ArgumentException: {text}")


def invalid(parameter: str) -> GenericFault:
    """The fault of a parameter whose value cannot be one."""
    return refused(f"{parameter} er ugyldig")


def too_many(parameter: str, most: int) -> GenericFault:
    """The fault of a list that is too long."""
    return refused(f"{parameter} kan ha høyst {most} verdier")
