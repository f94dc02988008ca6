"""Checks that the engine can run on a GPU, if the configuration asks for that."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swictation.daemon.staffing import wants_card
from swictation.doctor.finding import Finding, Subject
from swictation.models import extras
from swictation.models.catalog import CANARY
from swictation.vram import apart
from swictation.vram.cards import cards
from swictation.vram.troubles import RELOAD

_ASKED = {
    "whisper": ("Whisper", "swictation.asr.engines.whisper.ask"),
    CANARY: ("Canary", "swictation.asr.engines.canary.ask"),
}
_LIMIT_S = 60.0


class Answer(msgspec.Struct, frozen=True):
    """The same as the modules' own: these import CTranslate2, and torch."""

    cards: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


def engine_card(subject: Subject) -> Iterator[Finding]:
    """Ask the engine's library, unless the card sleeps: that would wake it."""
    asr = subject.settings.asr
    if asr.engine not in _ASKED or not wants_card(subject.settings):
        return
    if asr.engine == CANARY and not extras.has_canary():
        return  # which has been told
    if not any(card.is_asleep for card in cards(Path("/"))):
        yield judge(*_ASKED[asr.engine])


def judge(name: str, module: str, limit_s: float = _LIMIT_S) -> Finding:
    """One line from `module`, run in a process that may hang or crash."""
    try:
        answer = msgspec.json.decode(apart.ask(module, limit_s=limit_s), type=Answer)
    except apart.Apart as failed:
        how = "hangs" if failed.code is None else f"died, code {failed.code}"
        found = f"the process that asked {name} for a card {how}"
        return Finding("GPU", "warning", found, RELOAD)
    if answer.reason:
        found = f"{answer.reason} The engine on the processor takes over."
        return Finding("GPU", "warning", found, answer.remedy)
    return Finding("GPU", "ok", f"{name} can compute on a card, in {answer.compute_type}")
