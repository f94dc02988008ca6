"""The worker process: `python -m swictation.worker.child FD PARENT DETECTOR_FD`.

One thread that loads an engine and answers in order; another for a detector, if one is wanted. It
dies with its parent (PR_SET_PDEATHSIG), exits when the channel closes, and never writes dictated
text anywhere but to the channel.
"""

import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
import time

import numpy as np

from swictation.asr.engine import Engine
from swictation.asr.registry import loader
from swictation.errors import SwictationError
from swictation.worker.channel import encode, receive
from swictation.worker.hearing import hearing
from swictation.worker.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Failed,
    FromWorker,
    Load,
    LoadFailed,
    Ping,
    Pong,
    Ready,
    Shutdown,
)

_PR_SET_PDEATHSIG = 1
_EXIT_LOAD_FAILED = 1
_EXIT_PROTOCOL = 2
_SHOWN_LANGUAGES = 10
_FULL_SCALE = np.float32(32768.0)


def main(channel_fd: int, parent_pid: int, detector_fd: int) -> int:
    """Serve the daemon at the other ends of `channel_fd` and `detector_fd`; the exit status."""
    _die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to answer
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with socket.socket(fileno=channel_fd) as sock:
        first = receive(sock)
        if not isinstance(first, Load) or first.version != PROTOCOL_VERSION:
            return _EXIT_PROTOCOL
        with hearing(detector_fd, first.spec):
            engine = _load(sock, first)
            if engine is None:
                return _EXIT_LOAD_FAILED
            try:
                return _serve(sock, engine)
            finally:
                engine.close()


def _die_with_parent(parent_pid: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _load(sock: socket.socket, order: Load) -> Engine | None:
    begun_s = time.monotonic()
    try:
        engine = loader(order.spec.engine)(order.spec)
    except SwictationError as error:
        _send(sock, LoadFailed(error.message, error.remedy))
        return None
    load_s = time.monotonic() - begun_s
    caps = engine.capabilities
    if caps.languages and order.spec.language not in caps.languages:
        known = ", ".join(caps.languages[:_SHOWN_LANGUAGES])
        message = f"The model {order.spec.model} speaks {known}, not {order.spec.language!r}."
        _send(sock, LoadFailed(message, "choose another with --language or [asr] language"))
        return None
    _send(sock, Ready(PROTOCOL_VERSION, order.generation, os.getpid(), caps, load_s))
    return engine


def _serve(sock: socket.socket, engine: Engine) -> int:
    while True:
        match receive(sock):
            case Decode() as order:
                _send(sock, _answer(engine, order))
            case Ping(number):
                _send(sock, Pong(number))
            case Shutdown() | None:
                return 0
            case _:
                return _EXIT_PROTOCOL


def _answer(engine: Engine, order: Decode) -> FromWorker:
    waveform = np.frombuffer(order.pcm, np.int16).astype(np.float32) / _FULL_SCALE
    try:
        hypothesis = engine.decode(order.request, waveform)
    except Exception as error:  # noqa: BLE001 - an engine may raise anything; the daemon decides
        # The text of an unknown error could hold dictated words: its type must do.
        return Failed(order.request.number, type(error).__name__)
    return Answer(order.request.number, hypothesis, time.monotonic())


def _send(sock: socket.socket, message: FromWorker) -> None:
    sock.sendall(encode(message))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
