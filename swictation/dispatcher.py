"""Delivers facts to their listeners: status, bus, feedback, degradations, the event log."""

import logging
import traceback
from collections.abc import Callable

from swictation.events import WorkerFailed
from swictation.facts import Fact, Fault, WorkerReplaced

Listener = Callable[[Fact], None]

_log = logging.getLogger(__name__)


class Dispatcher:
    """Calls all listeners, on the run loop. Faults go to the program's log first."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = [_log_fault]

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` for each fact from now on, after those subscribed earlier.

        It must not block. What it raises is logged, and reaches neither the emitter nor the other
        listeners.
        """
        self._listeners.append(listener)

    def emit(self, fact: Fact) -> None:
        """Call all listeners before returning."""
        for listener in self._listeners:
            try:
                listener(fact)
            except Exception as error:  # noqa: BLE001 - the others must still be called
                _log.error("%s", _bug(fact, error))


def _log_fault(fact: Fact) -> None:
    if not isinstance(fact, Fault):
        return
    is_minor = isinstance(fact, WorkerFailed) or (
        isinstance(fact, WorkerReplaced) and fact.is_explained
    )
    _log.log(logging.INFO if is_minor else logging.WARNING, "%s", fact.message)


def _bug(fact: Fact, error: Exception) -> str:
    """Where the listener failed; without its message, which may quote dictated text."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    kind, where = type(error).__name__, f"{at.filename}:{at.lineno}"
    return f"a listener failed at {type(fact).__name__} ({kind} in {where}): this is a bug"
