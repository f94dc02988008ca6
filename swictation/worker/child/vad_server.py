"""The worker's speech detector, on its own thread and channel so that no decode delays a frame."""

import contextlib
import logging
import os
import socket
from collections.abc import Generator
from pkgutil import resolve_name
from threading import Thread

import numpy as np

from swictation.asr.engine import EngineSpec
from swictation.errors import SwictationError
from swictation.gpu.policy.failures import classify
from swictation.types import FRAME_SAMPLES
from swictation.vad import records
from swictation.vad.detector import Detector, LoadDetector

_GOODBYE_S = 0.5
_EXIT_BROKEN = 3
_POISONED = ("fatal", "lost", "hang")
"""Failures after which nothing in this process can be trusted, not even the engine."""

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def hearing(fd: int, spec: EngineSpec) -> Generator[None]:
    """Run the detector that `spec` names: within the block it answers on the packet socket `fd`.

    If none is named, or it cannot be loaded, the socket is closed: the daemon has its own.
    """
    sock = socket.socket(fileno=fd)
    detector = _load(spec) if spec.detector else None
    if detector is None:
        sock.close()
        yield
        return
    thread = Thread(target=_run, args=(sock, detector), name="vad", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _hang_up(sock)
        thread.join(_GOODBYE_S)  # a thread that hangs ends with the process


def _load(spec: EngineSpec) -> Detector | None:
    try:
        load: LoadDetector = resolve_name(spec.detector)
        detector = load(spec.device, spec.model_path)
        detector.probability(np.zeros(FRAME_SAMPLES, np.int16))  # the first call may take long
        detector.reset()
    except Exception as error:  # noqa: BLE001 - may raise anything; the engine works without it
        reason = error.message if isinstance(error, SwictationError) else repr(error)
        _log.error("the detector cannot be loaded: %s", reason)
        return None
    return detector


def _run(sock: socket.socket, detector: Detector) -> None:
    try:
        _serve(sock, detector)
    except Exception as error:  # noqa: BLE001 - as above; the daemon sees the end of the channel
        _judge(error)
    _hang_up(sock)
    sock.close()


def _judge(error: Exception) -> None:
    """Log what happened to the detector. If the device is in doubt, end the process at once.

    The engine's thread cannot do that: it may be waiting for the same device.
    """
    kind = classify(error)
    if kind in _POISONED:
        _log.error("the detector's device failed (%s), so the worker ends: %r", kind, error)
        os._exit(_EXIT_BROKEN)
    if isinstance(error, OSError):
        _log.warning("the detector's channel broke: %s", error.strerror)
    else:
        _log.error("the detector failed: %r", error)


def _serve(sock: socket.socket, detector: Detector) -> None:
    while packet := sock.recv(records.LARGEST_BYTES):
        number, forgets, samples = records.read_request(packet)
        if forgets:
            detector.reset()
        sock.send(records.answer(number, detector.probability(samples)))


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is shut down already
        sock.shutdown(socket.SHUT_RDWR)
