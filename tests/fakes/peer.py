"""The other end of a detector's socket, played by a thread of the test."""

import contextlib
import socket
import threading

from patience import PATIENCE_S
from swictation.vad import records
from swictation.vad.remote import RemoteDetector
from swictation.vad.silero_cpu import SileroCpu


class Peer:
    """Answers each request with what `reply(number, forgets, samples)` gives: packets to send."""

    def __init__(self, reply=None, deadline_s=PATIENCE_S):
        ours, self.sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.remote = RemoteDetector(ours, deadline_s)
        self.asked = []
        self._silero = SileroCpu()
        self._reply = reply or self.judge
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.remote.close()
        self._thread.join()
        self.sock.close()

    def judge(self, number, forgets, samples):
        """As a worker does."""
        if forgets:
            self._silero.reset()
        return [records.answer(number, self._silero.probability(samples))]

    def die(self):
        self.sock.shutdown(socket.SHUT_RDWR)

    def _run(self):
        with contextlib.suppress(OSError):
            while packet := self.sock.recv(records.LARGEST_BYTES):
                number, forgets, samples = records.read_request(packet)
                self.asked.append((number, forgets, samples.tobytes()))
                for reply in self._reply(number, forgets, samples):
                    self.sock.send(reply)
