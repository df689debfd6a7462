from collections.abc import Sequence

STATUSES: tuple[int, ...]
OCTAVES: tuple[int, int]

class Tally:
    def __new__(
        cls,
        words: memoryview,
        *,
        routes: Sequence[int],
        statuses: Sequence[int],
        buckets: int,
        total: int,
        outcomes: Sequence[int],
        received: int,
        sent: int,
    ) -> Tally: ...

def place_of(nanoseconds: int) -> int: ...
