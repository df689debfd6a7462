"""A patient list with buckets added to it and taken out of it. The plain twin, which is the specification."""

from lookup.index import encode_buckets, read_buckets


def edited(value: bytes | None, slot: int, bits: int, changes: dict[int, bool]) -> bytes | None:
    """The value of database `patients` for a slot; None for one that has no bucket. Raises Damaged.

    `value` is what it was, `changes` are bucket -> whether it is in the list now.
    """
    buckets = set() if value is None else set(read_buckets(value, bits))
    buckets |= {bucket for bucket, belongs in changes.items() if belongs}
    buckets -= {bucket for bucket, belongs in changes.items() if not belongs}
    return encode_buckets(slot, sorted(buckets)) if buckets else None
