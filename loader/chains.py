"""Which chains of changed numbers may lead elsewhere than they did: those that go through what was touched."""

from collections import defaultdict
from collections.abc import Iterable


def behind(news: dict[int, int], touched: Iterable[int]) -> set[int]:
    """The numbers that were touched, and all old ones that lead to one of them. `news`: old number -> the next."""
    olds: dict[int, list[int]] = defaultdict(list)
    for old, new in news.items():
        olds[new].append(old)
    waiting, found = list(touched), set[int]()
    while waiting:
        nin = waiting.pop()
        if nin not in found:
            found.add(nin)
            waiting += olds.get(nin, ())
    return found
