"""The requests that a worker has not answered yet."""

import msgspec

from swictation.errors import ProtocolError
from swictation.types import Capabilities, DecodeRequest, to_seconds

_STRAY_ANSWERS_LIMIT = 16


class InFlightRequest(msgspec.Struct, frozen=True):
    """A request, and how much sound of it is decoded at once."""

    request: DecodeRequest
    piece_samples: int
    """0: the whole sound at once."""

    def effort_s(self, capabilities: Capabilities | None) -> float:
        """Seconds of sound that were work: of a stream only the last chunk is new."""
        chunking = capabilities.chunking if capabilities else None
        whole_s = self.request.duration_s
        return min(whole_s, to_seconds(chunking.every_samples)) if chunking else whole_s

    @property
    def at_once_s(self) -> float:
        """How much sound is decoded at once, in seconds."""
        whole_s = self.request.duration_s
        return min(whole_s, to_seconds(self.piece_samples)) if self.piece_samples else whole_s


class OpenRequests:
    """The in-flight requests of one worker, in the order of sending."""

    def __init__(self) -> None:
        self._open: dict[int, InFlightRequest] = {}
        self._strays = 0

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def __len__(self) -> int:
        return len(self._open)

    @property
    def oldest(self) -> DecodeRequest | None:
        """The request that is being decoded."""
        return next((each.request for each in self._open.values()), None)

    def ask(self, request: DecodeRequest, piece_samples: int) -> None:
        """Note a request that is sent now."""
        self._open[request.number] = InFlightRequest(request, piece_samples)

    def take(self, number: int) -> InFlightRequest | None:
        """Remove an answered request; None if there is none. Raises ProtocolError on a flood."""
        in_flight = self._open.pop(number, None)
        if in_flight is None:
            self.note_stray()
        return in_flight

    def note_stray(self) -> None:
        """Count an answer that nobody asked for. Raises ProtocolError on a flood."""
        self._strays += 1
        if self._strays > _STRAY_ANSWERS_LIMIT:
            raise ProtocolError("a flood of answers that nobody asked for")

    def clear(self) -> None:
        """Forget all requests: there is a new worker."""
        self._open.clear()
        self._strays = 0
