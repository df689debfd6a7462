"""Makes the blocks of a world with worker processes, in order and only a few ahead of the reader."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from bench.norway.blocks import BLOCK, BlockMaker, BlockResult
from bench.norway.persons import Shape
from bench.norway.world import World

_maker: list[BlockMaker] = []  # of this process, when it is a worker


def blocks_of(shape: Shape, last_day: int) -> int:
    """How many blocks hold everybody known on a day."""
    return -(-shape.known_on(last_day) // BLOCK)


def made_blocks(world: World, first_day: int, days: int, workers: int) -> Iterator[BlockResult]:
    """Every block with the full feed of `first_day` and the events of the `days` days after it."""
    blocks = range(blocks_of(world.shape, first_day + days))
    if workers == 1 or len(blocks) == 1:
        maker = world.block_maker()
        yield from (maker.make(block, first_day, days) for block in blocks)
        return
    # spawned rather than forked: the progress bar is a thread, and a fork of threads may hang
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(world.for_worker(),)) as pool:
        ahead: list[Future[BlockResult]] = []
        for block in blocks:
            ahead.append(pool.submit(_make, block, first_day, days))
            if len(ahead) > workers + 1:
                yield ahead.pop(0).result()
        while ahead:
            yield ahead.pop(0).result()


def _start(world: World) -> None:
    _maker.append(world.block_maker())


def _make(block: int, first_day: int, days: int) -> BlockResult:
    return _maker[0].make(block, first_day, days)
