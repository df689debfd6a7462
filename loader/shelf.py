"""Memory that the loader and its crew share, for the blocks on their way to be parsed.

A block of megabytes through a pipe is copied four times and cut into thousands of writes; laid on the shelf it is
copied twice. The shelf has more places than there are tasks in flight, so a place is free again when its turn comes.
"""

import mmap
from dataclasses import replace

from loader.crew import in_flight
from loader.read import BLOCK_BYTES, MAX_LINE_BYTES, Block

PLACE_BYTES = BLOCK_BYTES + MAX_LINE_BYTES


class Shelf:
    """Places for blocks, numbered as they come. Made before the crew is forked."""

    def __init__(self, processes: int) -> None:
        self._places = in_flight(processes) + 1
        self._memory = mmap.mmap(-1, self._places * PLACE_BYTES)

    def put(self, number: int, block: Block) -> tuple[Block, int]:
        """(the block without its bytes, how many there are): what is sent in its place."""
        start = number % self._places * PLACE_BYTES
        self._memory[start : start + len(block.data)] = block.data
        return replace(block, data=b""), len(block.data)

    def take(self, number: int, block: Block, size: int) -> Block:
        """The block that was put there under this number."""
        start = number % self._places * PLACE_BYTES
        return replace(block, data=self._memory[start : start + size])
