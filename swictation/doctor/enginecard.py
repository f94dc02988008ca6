"""Checks that the engine can run on a GPU, if the configuration asks for that."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swictation.asr.registry import find
from swictation.doctor.finding import Finding, Subject
from swictation.gpu.nvml import subprocess_query
from swictation.gpu.nvml.errors import RELOAD
from swictation.gpu.nvml.pci import cards
from swictation.worker.engine_choice import wants_card

_LIMIT_S = 60.0


class Answer(msgspec.Struct, frozen=True):
    """What `EngineProvider.gpu_query` prints. Without `reason` it can use `cards` of them."""

    cards: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


def engine_card(subject: Subject) -> Iterator[Finding]:
    """Ask the engine's library, unless the card sleeps: that would wake it."""
    provider = find(subject.settings.asr.engine)
    if provider is None or not provider.gpu_query or not wants_card(subject.settings):
        return
    if provider.unavailable():
        return  # which has been told
    if not any(card.is_asleep for card in cards(Path("/"))):
        yield judge(provider.name.capitalize(), provider.gpu_query)


def judge(name: str, module: str, limit_s: float = _LIMIT_S) -> Finding:
    """One line from `module`, run in a process that may hang or crash."""
    try:
        answer = msgspec.json.decode(subprocess_query.ask(module, limit_s=limit_s), type=Answer)
    except subprocess_query.Apart as failed:
        how = "hangs" if failed.code is None else f"died, code {failed.code}"
        found = f"the process that asked {name} for a card {how}"
        return Finding("GPU", "warning", found, RELOAD)
    if answer.reason:
        found = f"{answer.reason} The engine on the processor takes over."
        return Finding("GPU", "warning", found, answer.remedy)
    return Finding("GPU", "ok", f"{name} can compute on a card, in {answer.compute_type}")
