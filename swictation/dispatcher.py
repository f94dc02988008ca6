"""Tells facts to those who listen: status, bus, feedback, degradations, the event log."""

import logging
import traceback
from collections.abc import Callable

from swictation.events import WorkerFailed
from swictation.facts import Fact, Fault, WorkerReplaced

Listener = Callable[[Fact], None]

_log = logging.getLogger(__name__)


class Dispatcher:
    """Belongs to the run loop. Faults go to the program's log first, then to the listeners."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = [_log_fault]

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` for each fact from now on, after those that came before it.

        It must not wait. What it raises is logged, and reaches neither who emits nor the others.
        """
        self._listeners.append(listener)

    def emit(self, fact: Fact) -> None:
        """Tell all listeners before this returns."""
        for listener in self._listeners:
            try:
                listener(fact)
            except Exception as error:  # noqa: BLE001 - the others must hear of it all the same
                _log.error("%s", _bug(fact, error))


def _log_fault(fact: Fact) -> None:
    if not isinstance(fact, Fault):
        return
    is_minor = isinstance(fact, WorkerFailed) or (
        isinstance(fact, WorkerReplaced) and fact.is_explained
    )
    _log.log(logging.INFO if is_minor else logging.WARNING, "%s", fact.message)


def _bug(fact: Fact, error: Exception) -> str:
    """Where it broke off; not what it said, which may quote dictated text."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    kind, where = type(error).__name__, f"{at.filename}:{at.lineno}"
    return f"a listener broke off at {type(fact).__name__} ({kind} in {where}): this is a bug"
