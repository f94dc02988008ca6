"""What others may do, as the bus offers it."""

from collections.abc import Callable

from swictation.control.status import Status
from swictation.daemon.engine_manager import Engines
from swictation.daemon.status_builder import Report
from swictation.dictation.controller import Dictation


class Panel:
    """Forwards to the dictation and the report; see `control.interface.Controls`."""

    def __init__(
        self,
        dictation: Dictation,
        engines: Engines,
        report: Report,
        on_subscribers: Callable[[int], None],
    ) -> None:
        self.toggle = dictation.toggle
        self.start = dictation.start
        self.stop = dictation.stop
        self.cancel = dictation.cancel
        self.capture = dictation.capture
        self.paste_last = dictation.paste_last
        self.retry = dictation.retry
        self.reset_card = engines.reset_card
        self._report = report
        self._on_subscribers = on_subscribers

    def status(self) -> Status:
        """This moment."""
        return self._report.status()

    def subscribers_changed(self, with_text: int) -> None:
        """So many want text."""
        self._on_subscribers(with_text)
