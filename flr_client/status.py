"""What a service says of the register that it has."""

from datetime import datetime

from flr_client.places import Shape


class Status(Shape, frozen=True, kw_only=True):
    """The generation in service; `age_seconds` is how old its content is."""

    serial: int
    digest8: str
    as_of: datetime
    age_seconds: int
    source: str
    pinned: bool
    counts: dict[str, int]
    content_digest: str
    built_at: datetime
    compiled: bool
