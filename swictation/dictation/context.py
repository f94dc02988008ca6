"""What all parts on the run loop share."""

from collections.abc import Callable, Iterator

import msgspec

from swictation.clock import Clock
from swictation.dictation.degraded import Degradations
from swictation.dispatcher import Dispatcher
from swictation.events import Event


class LoopContext(msgspec.Struct, frozen=True):
    """Made once for each run loop, before its parts."""

    clock: Clock
    post: Callable[[Event], None]
    """Puts an event into the inbox; thread-safe, never waits."""
    events: Dispatcher
    """Delivers facts to their listeners; on the run loop alone."""
    degradations: Degradations
    numbers: Iterator[int]
    """Of requests: one series for all workers."""
