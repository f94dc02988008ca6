"""The worker process: `python -m swictation.worker.child.worker FD PARENT DETECTOR_FD`.

One thread loads an engine and answers in order; another runs a detector, if one is wanted. The
process dies with its parent (PR_SET_PDEATHSIG), exits when the channel closes, writes dictated text
to the channel only, and lets no other process read its memory.
"""

import os
import socket
import sys
import time

from swictation.asr import registry
from swictation.errors import SwictationError
from swictation.gpu.policy.failures import classify
from swictation.worker.child.begin import begin
from swictation.worker.child.contract import missing
from swictation.worker.child.decoder import Decoder, decoder_for
from swictation.worker.child.vad_server import hearing
from swictation.worker.protocol.channel import encode, receive
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Decode,
    FromWorker,
    Load,
    LoadFailed,
    Order,
    Ping,
    Pong,
    Ready,
    Shutdown,
)

_EXIT_LOAD_FAILED = 1
_EXIT_PROTOCOL = 2
_EXIT_BROKEN = 3
_SHOWN_LANGUAGES = 10
_DOCTOR = "swictation doctor"


def main(channel_fd: int, parent_pid: int, detector_fd: int) -> int:
    """Serve the daemon through `channel_fd` and `detector_fd`; returns the exit status."""
    begin(parent_pid)
    with socket.socket(fileno=channel_fd) as sock:
        first = receive(sock)
        if not isinstance(first, Load) or first.version != PROTOCOL_VERSION:
            return _EXIT_PROTOCOL
        _show_gpu(first.spec.gpu)  # before the detector, which is the first to start CUDA
        with hearing(detector_fd, first.spec):
            decoder = _load(sock, first)
            if decoder is None:
                return _EXIT_LOAD_FAILED
            try:
                return _serve(sock, decoder)
            finally:
                decoder.close()


def _show_gpu(uuid: str) -> None:
    """Let CUDA see only the GPU that the daemon reads, unless the user has chosen another."""
    if uuid:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", uuid)


def _load(sock: socket.socket, order: Load) -> Decoder | None:
    begun_s = time.monotonic()
    try:
        engine = registry.load(order.spec)
    except Exception as error:
        if (failure := _load_failed(error)) is None:
            raise
        _send(sock, failure)
        return None
    load_s = time.monotonic() - begun_s
    if lack := missing(engine):
        message = f"The engine {order.spec.engine} is not made for this version: {lack}."
        _send(sock, LoadFailed(message, registry.CONTRACT))
        return None
    caps = engine.capabilities
    if caps.languages and order.spec.language not in caps.languages:
        known = ", ".join(caps.languages[:_SHOWN_LANGUAGES])
        message = f"The model {order.spec.model} understands {known}, not {order.spec.language!r}."
        _send(sock, LoadFailed(message, "choose another with --language or [asr] language"))
        return None
    loaded = decoder_for(engine)
    _send(sock, Ready(PROTOCOL_VERSION, os.getpid(), caps, load_s, loaded.figures()))
    return loaded


def _load_failed(error: Exception) -> LoadFailed | None:
    """What to report; None if it is neither an error of ours nor a failure of the GPU."""
    kind = classify(error)
    if isinstance(error, SwictationError):
        return LoadFailed(error.message, error.remedy, kind)
    if kind == "oom":
        return LoadFailed("The GPU has no room for the model.", "swictation status", kind)
    if kind != "other":
        name = type(error).__name__
        return LoadFailed(f"The GPU failed while the model was loaded: {name}.", _DOCTOR, kind)
    return None


def _serve(sock: socket.socket, decoder: Decoder) -> int:
    while not decoder.is_broken:
        match receive(sock):
            case Decode() as order:
                _send(sock, decoder.answer(order))
            case Order() as order:
                _send(sock, decoder.apply(order))
            case Ping():
                _send(sock, Pong())
            case Shutdown() | None:
                return 0
            case _:
                return _EXIT_PROTOCOL
    return _EXIT_BROKEN


def _send(sock: socket.socket, message: FromWorker) -> None:
    sock.sendall(encode(message))


if __name__ == "__main__":
    status = main(*map(int, sys.argv[1:]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an engine's libraries take seconds to shut down, with their GPU context
