"""Facts as `--events` names them: for tests that look for events by name and fields."""

from collections.abc import Callable

from swictation.daemon.eventlog import line_of
from swictation.dispatcher import Listener
from swictation.facts import Fact


def as_lines(note: Callable[[str, dict[str, object]], None]) -> Listener:
    """A listener that calls `note` with the name and the fields of each fact that has a line."""

    def listen(fact: Fact) -> None:
        if line := line_of(fact):
            note(line.event, line.fields)

    return listen
