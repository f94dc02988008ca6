"""Checks that NVIDIA's driver answers: after a sleep or an update it may not."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from swictation.doctor.finding import Finding, Subject
from swictation.gpu.nvml.errors import RELOAD, REMEDIES
from swictation.gpu.nvml.pci import cards, driver, is_off_bus
from swictation.gpu.nvml.query import ask
from swictation.gpu.nvml.query_main import MISSING, Answer
from swictation.types import Trouble

_CUDA: dict[int, tuple[str, str]] = {
    MISSING: ("its library libcuda.so.1 is not installed", REMEDIES["no-library"]),
    100: ("it finds no card", "is it hidden? echo $CUDA_VISIBLE_DEVICES; else: nvidia-smi -L"),
    802: ("the system is not ready yet", "systemctl status nvidia-fabricmanager"),
    803: ("library and driver are of different versions", REMEDIES["mismatch"]),
    999: ("it has to be started anew, as after a sleep of the machine", RELOAD),
}


def gpu_driver(subject: Subject) -> Iterator[Finding]:
    """Ask NVML and CUDA, unless the GPU sleeps: that would wake it."""
    root = Path("/")
    is_there = bool(driver(root)) or is_off_bus(root)
    if is_there and not any(card.is_asleep for card in cards(root)):
        yield judge(ask(subject.settings.vram.gpu, root, with_cuda=True))


def judge(answer: Answer) -> Finding:
    """One line for NVML and CUDA."""
    if answer.trouble == "asleep":
        return Finding("GPU", "ok", answer.reason)
    if answer.trouble:
        remedy = REMEDIES.get(cast(Trouble, answer.trouble), RELOAD)
        return Finding("GPU", "warning", f"the driver: {answer.reason}", remedy)
    if answer.cuda:
        unknown = (f"it fails with {answer.cuda}", RELOAD)
        what, remedy = _CUDA.get(answer.cuda, unknown)
        return Finding("GPU", "warning", f"CUDA cannot be used: {what} (cuInit)", remedy)
    free = f"{answer.free_mib:.0f} of {answer.total_mib:.0f} MiB are free"
    return Finding("GPU", "ok", f"the driver and CUDA answer; {free}")
