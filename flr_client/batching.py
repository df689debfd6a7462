"""A batch of any size, asked in parts of what the register takes at a time, and put together in order."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from flr_client.calls import MAX_BATCH, Call, batch
from flr_client.persons import BatchResult
from flr_client.reply import Answer


def parts(nins: Iterable[str], at: datetime | None) -> Iterator[Call[list[BatchResult]]]:
    """The calls of a batch; one at least, so that there is an answer to nothing too."""
    rest = iter(nins)
    part = list(islice(rest, MAX_BATCH))
    while True:
        yield batch(part, at)
        part = list(islice(rest, MAX_BATCH))
        if not part:
            return


def together(answers: list[Answer[list[BatchResult]]]) -> Answer[list[BatchResult]]:
    """One answer of the parts': of the oldest register among theirs, stale when one of them is."""
    oldest = min(answers, key=lambda answer: answer.serial)
    results = [result for answer in answers for result in answer.value]
    return Answer(oldest.serial, oldest.as_of, any(answer.stale for answer in answers), results)
