"""NVIDIA GPUs: what the kernel reports, whether the driver answers, what an engine can use."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec

from swictation.asr.provider import GpuAnswer
from swictation.asr.registry import find
from swictation.config.settings import DEFAULT_ENGINE
from swictation.doctor.finding import Finding, Level, Subject
from swictation.gpu.nvml import subprocess_query
from swictation.gpu.nvml.errors import RELOAD, REMEDIES
from swictation.gpu.nvml.pci import PciGpu, driver, gpus, is_off_bus, parameters
from swictation.gpu.nvml.query import ask
from swictation.gpu.nvml.query_main import MISSING, Answer
from swictation.remedies import noted
from swictation.types import Trouble
from swictation.worker.engine_choice import wants_gpu

_PRESERVE, _NOTIFIERS = "PreserveVideoMemoryAllocations", "UseKernelSuspendNotifiers"
_OPTION = "echo 'options nvidia NVreg_{}=1' | sudo tee /etc/modprobe.d/nvidia-sleep.conf"
_SERVICES = "sudo systemctl enable nvidia-suspend nvidia-resume nvidia-hibernate"


def gpu(subject: Subject) -> Iterator[Finding]:
    """Report which GPU there is. Having none is fine: the engine runs on the CPU."""
    yield from look(Path("/"), is_wanted=wants_gpu(subject.settings))


def look(root: Path, *, is_wanted: bool) -> Iterator[Finding]:
    """The findings for the machine whose `sys`, `proc` and `dev` are below `root`."""
    if is_off_bus(root):
        yield Finding("GPU", "ok", "a driver without a PCI bus: a container, or WSL")
        return
    yield judge(gpus(root), driver(root), is_wanted=is_wanted)
    yield from judge_sleep(parameters(root), is_wanted=is_wanted)


def judge(found: list[PciGpu], version: str, *, is_wanted: bool) -> Finding:
    """One line for all GPUs."""
    level: Level = "warning" if is_wanted else "ok"
    if not found and version:
        found_text = (
            f"NVIDIA's driver {version} is loaded, but no GPU is on the bus: it is off or unplugged"
        )
        return Finding(
            "GPU",
            "warning",
            found_text,
            noted("echo 1 | sudo tee /sys/bus/pci/rescan", "or reboot"),
        )
    if not found:
        remedy = (
            f'[asr] engine = "{DEFAULT_ENGINE}" and device = "auto": swictation config path'
            if is_wanted
            else ""
        )
        found_text = "no NVIDIA GPU: the engine runs on the CPU"
        return Finding("GPU", level, found_text, remedy)
    if not version:
        found_text = "an NVIDIA GPU without NVIDIA's driver: the engine runs on the CPU"
        return Finding("GPU", level, found_text, REMEDIES["no-driver"] if is_wanted else "")
    found_text = ", ".join(f"{gpu.name or gpu.address}{_asleep(gpu)}" for gpu in found)
    return Finding("GPU", "ok", f"{found_text}; driver {version}")


def judge_sleep(parameters: dict[str, str], *, is_wanted: bool) -> Iterator[Finding]:
    """Whether the GPU's memory survives a sleep of the machine, by the driver's parameters."""
    if parameters.get(_PRESERVE, "1") != "0" or parameters.get(_NOTIFIERS) == "1":
        return
    found = f"NVreg_{_PRESERVE} is off: after a sleep of the machine CUDA may fail until a reboot"
    if not is_wanted:
        yield Finding("GPU", "ok", f"{found}; that does not matter to an engine on the CPU")
        return
    # Only the newer, open modules have _NOTIFIERS, which needs no services.
    fix = _OPTION.format(_NOTIFIERS if _NOTIFIERS in parameters else _PRESERVE)
    services = "" if _NOTIFIERS in parameters else f" && {_SERVICES}"
    yield Finding("GPU", "warning", found, noted(f"{fix}{services}", "then reboot"))


def _asleep(gpu: PciGpu) -> str:
    return " (asleep)" if gpu.is_asleep else ""


_CUDA: dict[int, tuple[str, str]] = {
    MISSING: ("its library libcuda.so.1 is not installed", REMEDIES["no-library"]),
    100: ("it finds no GPU", "is it hidden? echo $CUDA_VISIBLE_DEVICES; else: nvidia-smi -L"),
    802: ("the system is not ready yet", "systemctl status nvidia-fabricmanager"),
    803: ("library and driver are of different versions", REMEDIES["mismatch"]),
    999: ("it has to be restarted, as after a sleep of the machine", RELOAD),
}


def gpu_driver(subject: Subject) -> Iterator[Finding]:
    """Ask NVML and CUDA, unless the GPU sleeps: that would wake it."""
    root = Path("/")
    is_there = bool(driver(root)) or is_off_bus(root)
    if is_there and not any(gpu.is_asleep for gpu in gpus(root)):
        yield judge_driver(ask(subject.settings.vram.gpu, root, with_cuda=True))


def judge_driver(answer: Answer) -> Finding:
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


_LIMIT_S = 60.0


def engine_gpu(subject: Subject) -> Iterator[Finding]:
    """Ask the engine's library, unless the GPU sleeps: that would wake it."""
    provider = find(subject.settings.asr.engine)
    if provider is None or not provider.gpu_query or not wants_gpu(subject.settings):
        return
    if provider.unavailable():
        return  # another check has reported it
    if not any(gpu.is_asleep for gpu in gpus(Path("/"))):
        yield judge_engine(provider.name.capitalize(), provider.gpu_query)


def judge_engine(name: str, module: str, limit_s: float = _LIMIT_S) -> Finding:
    """One line from `module`, run in a process that may hang or crash."""
    try:
        answer = msgspec.json.decode(subprocess_query.ask(module, limit_s=limit_s), type=GpuAnswer)
    except subprocess_query.QueryFailed as failed:
        how = "hangs" if failed.code is None else f"died, code {failed.code}"
        found = f"the process that asked {name} for a GPU {how}"
        return Finding("GPU", "warning", found, RELOAD)
    if answer.reason:
        found = f"{answer.reason} The engine on the CPU takes over."
        return Finding("GPU", "warning", found, answer.remedy)
    return Finding("GPU", "ok", f"{name} can compute on a GPU, in {answer.compute_type}")
