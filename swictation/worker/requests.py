"""What a worker was asked and has not answered."""

import msgspec

from swictation.errors import ProtocolError
from swictation.types import Capabilities, DecodeRequest, to_seconds

_STRAY_ANSWERS_LIMIT = 16


class InFlightRequest(msgspec.Struct, frozen=True):
    """A request, and how much sound of it is decoded at once."""

    request: DecodeRequest
    piece_samples: int
    """0: all of it."""

    def effort_s(self, capabilities: Capabilities | None) -> float:
        """How much sound it was work for: of a stream the last chunk, the rest was heard before."""
        chunking = capabilities.chunking if capabilities else None
        whole_s = self.request.duration_s
        return min(whole_s, to_seconds(chunking.every_samples)) if chunking else whole_s

    @property
    def at_once_s(self) -> float:
        """How much sound is decoded at once, in seconds."""
        whole_s = self.request.duration_s
        return min(whole_s, to_seconds(self.piece_samples)) if self.piece_samples else whole_s


class OpenRequests:
    """Of one worker, in the order in which they were asked."""

    def __init__(self) -> None:
        self._open: dict[int, InFlightRequest] = {}
        self._strays = 0

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def __len__(self) -> int:
        return len(self._open)

    @property
    def oldest(self) -> DecodeRequest | None:
        """The one that is being decoded."""
        return next((asked.request for asked in self._open.values()), None)

    def ask(self, request: DecodeRequest, piece_samples: int) -> None:
        """It is asked now."""
        self._open[request.number] = InFlightRequest(request, piece_samples)

    def take(self, number: int) -> InFlightRequest | None:
        """It is answered; None where nobody asked. Raises ProtocolError: that is a flood."""
        asked = self._open.pop(number, None)
        if asked is None:
            self.note_stray()
        return asked

    def note_stray(self) -> None:
        """Something came that nobody asked for. Raises ProtocolError: that is a flood."""
        self._strays += 1
        if self._strays > _STRAY_ANSWERS_LIMIT:
            raise ProtocolError("a flood of answers that nobody asked for")

    def clear(self) -> None:
        """The worker is another."""
        self._open.clear()
        self._strays = 0
