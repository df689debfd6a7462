from lookup.access.replay import ReplayMemory

LAYOUT: tuple[int, ...]

class Seen:
    def __init__(self, memory: ReplayMemory) -> None: ...
    def first(self, owner: bytes, jti: bytes, until: int, now: int) -> int: ...
