"""A service over the village without a process of its own: the state that the application is made with."""

from typing import Any

import msgspec

from lookup.app import TEMPLATES
from lookup.current import ServiceState
from lookup.generation import Generation
from lookup.metrics import Counters
from lookup.settings import Settings
from register.localtime import OSLO, to_micros
from tests.lookup import village


class StoppedClock:
    """A clock that stands at the village's noon."""

    seconds = village.NOW.replace(tzinfo=OSLO).timestamp()

    def epoch_ns(self) -> int:
        return round(self.seconds * 1e9)

    def now(self) -> int:
        return to_micros(village.NOW)


def state_of(generation: Generation | None, **settings: Any) -> ServiceState:
    counters = Counters(1)
    counters.register(TEMPLATES)
    counters.become(0)
    state = ServiceState(msgspec.structs.replace(Settings(), **settings), counters)
    state.clock = StoppedClock()  # type: ignore[assignment]
    if generation is not None:
        state.current.swap(generation, pinned=False)
    return state
