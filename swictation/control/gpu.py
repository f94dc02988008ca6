"""The GPU's state in words: for `status`, a bar's tooltip, `vram watch`."""

from swictation.gpu.status import VramStatus
from swictation.types import Placement

_PLACEMENTS: dict[Placement | None, str] = {
    "gpu": "on the GPU",
    "cpu": "on the CPU",
    None: "kept for later",
}
_SILENT_S = 2.0
"""A reading this recent is shown without its age."""


def is_current(vram: VramStatus) -> bool:
    """Whether its figures are current."""
    return vram.total_mib is not None and not vram.trouble


def memory(vram: VramStatus) -> str:
    """Level and figures, or why there are none."""
    if vram.total_mib is None or vram.free_mib is None:
        return vram.trouble
    line = f"{vram.level}: {figures(vram)}"
    if is_current(vram):
        return line
    if vram.need == "held":
        return f"{vram.trouble} (then {line})"
    return f"{line}{_date(vram)}"


def figures(vram: VramStatus) -> str:
    """How much each owner holds, in MiB."""
    if vram.total_mib is None or vram.free_mib is None:
        return ""
    parts = [
        f"{name} {mib:.0f}"
        for name, mib in (("others", vram.others_mib), ("ours", vram.ours_mib))
        if mib is not None
    ]
    return ", ".join([*parts, f"free {vram.free_mib:.0f} of {vram.total_mib:.0f} MiB"])


def placements(vram: VramStatus) -> str:
    """Where speech is detected and transcribed."""
    speech, detector = vram.asr_placement, vram.vad_placement.effective
    if speech == detector:
        return f"speech and detector {_PLACEMENTS[speech]}"
    return f"speech {_PLACEMENTS[speech]}, detector {_PLACEMENTS[detector]}"


def _date(vram: VramStatus) -> str:
    """The reading's age: the GPU is not read while nothing of ours is on it."""
    ago_s = vram.read_ago_s
    if ago_s is None or ago_s < _SILENT_S:
        return ""
    ago = f"{ago_s:.0f} s" if ago_s < 120 else f"{ago_s / 60:.0f} min"
    return f" ({ago} ago: nothing of ours is on it)"
