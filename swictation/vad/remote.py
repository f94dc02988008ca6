"""A detector that runs in the worker: frames go out, probabilities come back."""

import contextlib
import socket
import time
from collections.abc import Generator
from threading import Lock

from swictation.errors import DetectorError
from swictation.types import Samples
from swictation.vad import records

DEADLINE_S = 0.064
"""Two frames: a detector that needs longer falls behind the speaker, or will soon."""


class RemoteDetector:
    """The daemon's end of a worker's detector.

    Frames come from the speech thread only. The run loop may close it at any moment.
    """

    def __init__(self, sock: socket.socket, deadline_s: float = DEADLINE_S) -> None:
        """Own `sock`, a packet socket (see `vad.records`)."""
        self._sock = sock
        self.deadline_s = deadline_s
        self._in_use = Lock()
        self._asked = self._answered = 0
        self._forgets = True

    def probability(self, samples: Samples) -> float:
        """See `Detector.probability`.

        Raises:
            DetectorError: the answer is late or nonsense, or the worker is gone. It may be asked
                again: late answers are recognised by their numbers and skipped.
        """
        with self._reporting():
            until_s = time.monotonic() + self.deadline_s
            self._send(samples, until_s)
            return self._receive(until_s)

    def hear(self, *frames: Samples) -> None:
        """Hear `frames`, two seconds at most, and judge none: waits for no answer.

        Raises:
            DetectorError: as `probability`.
        """
        with self._reporting():
            until_s = time.monotonic() + self.deadline_s
            for samples in frames:
                self._send(samples, until_s)

    def reset(self) -> None:
        """See `Detector.reset`; it goes with the next frame."""
        self._forgets = True

    def close(self) -> None:
        """Close the connection. A waiting call gets a DetectorError."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._in_use:  # a descriptor in use must not be closed: its number may be reused
            self._sock.close()

    @contextlib.contextmanager
    def _reporting(self) -> Generator[None]:
        """Exclusive use of the socket; its errors become DetectorErrors."""
        with self._in_use:
            try:
                yield
            except (TimeoutError, BlockingIOError):
                limit_ms = round(1000.0 * self.deadline_s)
                raise DetectorError(f"no answer within {limit_ms} ms") from None
            except OSError:
                raise DetectorError("its process is gone") from None

    def _send(self, samples: Samples, until_s: float) -> None:
        self._asked += 1
        self._sock.settimeout(max(0.0, until_s - time.monotonic()))
        self._sock.send(records.request(self._asked, samples, forgets=self._forgets))
        self._forgets = False

    def _receive(self, until_s: float) -> float:
        """The answer to the last request. Late ones come first, each number once, so it ends."""
        while True:
            self._sock.settimeout(max(0.0, until_s - time.monotonic()))
            packet = self._sock.recv(records.LARGEST_BYTES)
            if not packet:
                raise DetectorError("its process is gone")
            try:
                number, probability = records.read_answer(packet)
            except ValueError as error:
                raise DetectorError(f"it sent {error}") from error
            if not self._answered < number <= self._asked:
                raise DetectorError(f"it answered frame {number}, which nobody asked about")
            self._answered = number
            if number < self._asked:
                continue
            if not 0.0 <= probability <= 1.0:  # not a number either
                raise DetectorError(f"it answered {probability}")
            return probability
