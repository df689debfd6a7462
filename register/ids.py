"""The identifiers of the register: national id, HER-ID, HPR number and organisation number.

A national id (*fødselsnummer*, D-number or FH-number) is eleven ASCII digits of which the last two are
control digits. Under the rule of today both control sums leave the residue 0 modulo 11; under the rule
in force from 2032 the first may leave 0, 1, 2 or 3. The rule of 2032 admits every number that the rule
of today admits, so it is the default everywhere.

Nothing about birth date or sex is ever inferred from a number: D-number series, FH-numbers and the rule
of 2032 all make that wrong.

Sources: Skatteetaten's description of the 2032 number, HIS 1001, Brønnøysundregistrene on organisation numbers.
"""

import re
from enum import Enum

WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
ORGANIZATION_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
INT32_MAX = 2**31 - 1

MASKED = "[national id]"
_NIN_LIKE = re.compile(r"(?<![0-9])[0-9]{6}[ \-.]?[0-9]{5}(?![0-9])")


class Rule(Enum):
    """Which first control residues are admitted."""

    TODAY = frozenset({0})
    FROM_2032 = frozenset({0, 1, 2, 3})


class Kind(Enum):
    """What series a national id belongs to, read from its first and third digit alone."""

    FNR = "fødselsnummer"
    DNR = "D-number"
    FHN = "FH-number"


class Series(Enum):
    """Whether a number is of a real person or of a synthetic series (what was added to the month)."""

    REAL = 0
    NAV = 40
    NHN = 65
    SKATTEETATEN = 80


def residues(text: str) -> tuple[int, int]:
    """The two control residues modulo 11 of eleven digits; both 0 in a number valid today."""
    digits = [int(c) for c in text]
    first = sum(d * w for d, w in zip(digits[:10], WEIGHTS_1, strict=True)) % 11
    second = sum(d * w for d, w in zip(digits, WEIGHTS_2, strict=True)) % 11
    return first, second


def is_national_id(text: str, rule: Rule = Rule.FROM_2032) -> bool:
    """Whether `text` is eleven ASCII digits whose control digits hold under `rule`."""
    if len(text) != 11 or not (text.isascii() and text.isdigit()):
        return False
    first, second = residues(text)
    return second == 0 and first in rule.value


def parse_national_id(text: str, rule: Rule = Rule.FROM_2032) -> int | None:
    """The number as an integer below 10**11, or None when it is not a valid national id."""
    return int(text) if is_national_id(text, rule) else None


def format_national_id(number: int) -> str:
    """The eleven digits of an integer made by `parse_national_id`."""
    return f"{number:011d}"


def control_digits(nine: str, rule: Rule = Rule.TODAY, choice: int = 0) -> str | None:
    """The two control digits that complete nine digits, or None where the rule has none.

    `choice` picks among the first control digits that the rule admits, lowest residue first (0..3 from 2032 on).
    """
    admitted = sorted(rule.value)
    if choice >= len(admitted):
        return None
    partial = sum(int(c) * w for c, w in zip(nine, WEIGHTS_1[:9], strict=True))
    first = (admitted[choice] - partial) % 11
    if first == 10:
        return None
    ten = f"{nine}{first}"
    second = -sum(int(c) * w for c, w in zip(ten, WEIGHTS_2[:10], strict=True)) % 11
    return None if second == 10 else f"{first}{second}"


def kind(text: str) -> Kind:
    """The kind of a valid national id."""
    if text[0] in "89":
        return Kind.FHN
    return Kind.DNR if text[0] in "4567" else Kind.FNR


def series(text: str) -> Series:
    """The synthetic series of a valid national id; an FH-number carries no month and is REAL."""
    if kind(text) is Kind.FHN:
        return Series.REAL
    month = int(text[2:4])
    for added in (Series.SKATTEETATEN, Series.NHN, Series.NAV):
        if added.value < month <= added.value + 12:
            return added
    return Series.REAL


def mask(text: str) -> str:
    """`text` with everything that could be a national id (also grouped 6+5) replaced; for logs and errors."""
    return _NIN_LIKE.sub(MASKED, text)


def is_her_id(number: int) -> bool:
    """A HER-ID is a positive 32-bit integer without check digit."""
    return 0 < number <= INT32_MAX


def is_hpr_number(number: int) -> bool:
    """An HPR number is a positive integer of at most nine digits, without check digit."""
    return 0 < number < 10**9


def is_organization_number(number: int) -> bool:
    """Nine digits with a modulo 11 control digit; a historical office has a negative number without one."""
    if number < 0:
        return -number <= INT32_MAX
    if not 10**8 <= number < 10**9:
        return False
    text = str(number)
    control = -sum(int(c) * w for c, w in zip(text, ORGANIZATION_WEIGHTS, strict=False)) % 11
    return control == int(text[8])
