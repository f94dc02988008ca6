"""NVIDIA GPUs and their driver, according to the kernel's files."""

from collections.abc import Iterator
from pathlib import Path

from swictation.config.settings import DEFAULT_ENGINE
from swictation.doctor.finding import Finding, Level, Subject
from swictation.gpu.nvml.errors import REMEDIES
from swictation.gpu.nvml.pci import Card, cards, driver, is_off_bus, parameters
from swictation.worker.engine_choice import wants_card

_PRESERVE, _NOTIFIERS = "PreserveVideoMemoryAllocations", "UseKernelSuspendNotifiers"
_OPTION = "echo 'options nvidia NVreg_{}=1' | sudo tee /etc/modprobe.d/nvidia-sleep.conf"
_SERVICES = "sudo systemctl enable nvidia-suspend nvidia-resume nvidia-hibernate"


def gpu(subject: Subject) -> Iterator[Finding]:
    """Report which GPU there is. Having none is fine: the engine runs on the CPU."""
    yield from look(Path("/"), is_wanted=wants_card(subject.settings))


def look(root: Path, *, is_wanted: bool) -> Iterator[Finding]:
    """The findings for the machine whose `sys`, `proc` and `dev` are below `root`."""
    if is_off_bus(root):
        yield Finding("GPU", "ok", "a driver without a PCI bus: a container, or WSL")
        return
    yield judge(cards(root), driver(root), is_wanted=is_wanted)
    yield from judge_sleep(parameters(root), is_wanted=is_wanted)


def judge(found: list[Card], version: str, *, is_wanted: bool) -> Finding:
    """One line for all GPUs."""
    level: Level = "warning" if is_wanted else "ok"
    if not found and version:
        told = f"NVIDIA's driver {version} is loaded, but no card is on the bus: off, or unplugged"
        return Finding("GPU", "warning", told, "echo 1 | sudo tee /sys/bus/pci/rescan; or reboot")
    if not found:
        remedy = (
            f'[asr] engine = "{DEFAULT_ENGINE}" and device = "auto": swictation config path'
            if is_wanted
            else ""
        )
        told = "no NVIDIA card: an engine on the processor serves"
        return Finding("GPU", level, told, remedy)
    if not version:
        told = "an NVIDIA card without NVIDIA's driver: the engine runs on the processor"
        return Finding("GPU", level, told, REMEDIES["no-driver"] if is_wanted else "")
    told = ", ".join(f"{card.name or card.address}{_asleep(card)}" for card in found)
    return Finding("GPU", "ok", f"{told}; driver {version}")


def judge_sleep(told: dict[str, str], *, is_wanted: bool) -> Iterator[Finding]:
    """Whether the GPU's memory survives a sleep of the machine, by the driver's parameters."""
    if told.get(_PRESERVE, "1") != "0" or told.get(_NOTIFIERS) == "1":
        return
    found = f"NVreg_{_PRESERVE} is off: after a sleep of the machine CUDA may fail until a reboot"
    if not is_wanted:
        yield Finding("GPU", "ok", f"{found}; no matter while the engine runs on the processor")
        return
    # Only the newer, open modules have the second one, which needs no services.
    fix = _OPTION.format(_NOTIFIERS if _NOTIFIERS in told else _PRESERVE)
    services = "" if _NOTIFIERS in told else f" && {_SERVICES}"
    yield Finding("GPU", "warning", found, f"{fix}{services}; then reboot")


def _asleep(card: Card) -> str:
    return " (asleep)" if card.is_asleep else ""
