"""The CPU's Silero in the worker, as a copy on a GPU would be, with misdeeds at chosen frames."""

import os
import signal
import socket
import threading
from pathlib import Path

import msgspec

from scripted.faults import channel
from scripted.script import FrameFault, Manifest
from swictation.types import Samples
from swictation.vad import records
from swictation.vad.silero_cpu import SileroCpu


def load(device: str, model_path: str) -> "ScriptedDetector":
    """Read the manifest; one that orders a misdeed for frame 0 cannot be loaded."""
    manifest = msgspec.json.decode(Path(model_path).read_bytes(), type=Manifest)
    return ScriptedDetector({fault.frame: fault for fault in manifest.frames})


class ScriptedDetector:
    """Counts its frames from 0, which is the silence that it is tried with when it is loaded."""

    def __init__(self, faults: dict[int, FrameFault]) -> None:
        self._silero = SileroCpu()
        self._faults = faults
        self._frame = 0

    def probability(self, samples: Samples) -> float:
        fault = self._faults.get(self._frame)
        self._frame += 1
        probability = self._silero.probability(samples)
        return self._commit(fault, probability) if fault else probability

    def reset(self) -> None:
        self._silero.reset()

    def _commit(self, fault: FrameFault, probability: float) -> float:
        match fault.kind:
            case "late":
                threading.Event().wait(fault.seconds)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "raise":
                raise RuntimeError("broken")
            case "poison":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "lose":
                raise RuntimeError("CUDA error: no CUDA-capable device is detected")
            case "hang":
                raise TimeoutError
            case "nan":
                return float("nan")
            case "beyond":
                return 1.5
            case "garbage":
                self._send(b"garbage")
            case "wrong-number":
                self._send(records.answer(10**9, probability))
            case _:
                raise AssertionError(fault.kind)
        return probability

    def _send(self, packet: bytes) -> None:
        with channel(socket.SOCK_SEQPACKET) as sock:
            sock.send(packet)
