"""What happens, as lines of JSON for `--events`: the only place where text is written to a file."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from swictation.clock import Clock
from swictation.daemon.eventfile import open_private
from swictation.shown import json_line

Listener = Callable[[str, dict[str, object]], None]

_log = logging.getLogger(__name__)


class EventLog:
    """Writes one object a line: `{"t_s", "event", "audio_s", ...}`. Without a path it is silent."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Open `path` for the owner alone.

        Raises:
            UsageError: it cannot be written, or others could read it.
        """
        self._clock = clock
        self._begun_s = clock.now_s()
        self._listeners: list[Listener] = []
        self._file = open_private(path) if path else None

    def tell(self, listener: Listener) -> None:
        """Call `listener` for each event, with its name and fields; it must not fail or wait."""
        self._listeners.append(listener)

    @property
    def has_reader(self) -> bool:
        """Whether anybody asked for the events, partial text included."""
        return self._file is not None

    def write(self, event: str, audio_s: float | None = None, /, **fields: object) -> None:
        """Note `event` at the present moment."""
        for listener in self._listeners:
            listener(event, fields)
        if self._file is None:
            return
        record: dict[str, object] = {
            "t_s": round(self._clock.now_s() - self._begun_s, 4),
            "event": event,
            "audio_s": None if audio_s is None else round(audio_s, 3),
            **fields,
        }
        try:
            self._file.write(json_line(record).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            _log.warning("events are no longer written: %s", error.strerror)

    def fault(
        self, kind: str, message: str, level: int = logging.WARNING, **fields: object
    ) -> None:
        """Note something that went wrong, in the log as well."""
        _log.log(level, "%s", message)
        self.write("fault", kind=kind, message=message, **fields)

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
