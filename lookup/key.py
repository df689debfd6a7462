"""The key of a person in the index: a national id mixed into a bucket number and a rest.

The plain twin, which is the specification.

Promises a bijection: bucket and rest together are all eleven digits. See docs/generation-format.md.
"""

from register.ids import format_national_id, parse_national_id

KEY_BITS = 37
KEY_MASK = (1 << KEY_BITS) - 1
MULTIPLIER_1 = 0x0B4E0EF37B
MULTIPLIER_2 = 0x135CA6B7A1
SHIFT = 19
INVERSE_1 = pow(MULTIPLIER_1, -1, 1 << KEY_BITS)
INVERSE_2 = pow(MULTIPLIER_2, -1, 1 << KEY_BITS)

MIN_BITS = 13
MAX_BITS = 28
BUCKET_TARGET = 16

NOT_AN_ID = -1


def bits_for(persons: int) -> int:
    """How many bucket bits a register of `persons` gets: the mean bucket holds at most BUCKET_TARGET."""
    bits = MIN_BITS
    while bits < MAX_BITS and persons > BUCKET_TARGET << bits:
        bits += 1
    return bits


def mix(nin: int) -> int:
    """The 37-bit mixed key of a national id below 2**37."""
    mixed = nin * MULTIPLIER_1 & KEY_MASK
    mixed ^= mixed >> SHIFT
    mixed = mixed * MULTIPLIER_2 & KEY_MASK
    return mixed ^ (mixed >> SHIFT)


def unmix(mixed: int) -> int:
    """The national id of a mixed key: the inverse of `mix`."""
    mixed ^= mixed >> SHIFT
    mixed = mixed * INVERSE_2 & KEY_MASK
    mixed ^= mixed >> SHIFT
    return mixed * INVERSE_1 & KEY_MASK


def split(mixed: int, bits: int) -> tuple[int, int]:
    """(bucket, rest) of a mixed key."""
    rest_bits = KEY_BITS - bits
    return mixed >> rest_bits, mixed & ((1 << rest_bits) - 1)


def join(bucket: int, rest: int, bits: int) -> int:
    """The mixed key of (bucket, rest)."""
    return bucket << (KEY_BITS - bits) | rest


def parse(text: str | bytes) -> int:
    """The national id of eleven ASCII digits with right control digits (rule of 2032), else NOT_AN_ID."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    number = parse_national_id(text)
    return NOT_AN_ID if number is None else number


__all__ = ["bits_for", "format_national_id", "join", "mix", "parse", "split", "unmix"]
