"""Whether Whisper can compute on a card, where the configuration asks for that."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swictation.daemon.staffing import wants_card
from swictation.doctor.finding import Finding, Subject
from swictation.vram import apart
from swictation.vram.cards import cards
from swictation.vram.troubles import RELOAD

_MODULE = "swictation.asr.engines.whisper.ask"
_LIMIT_S = 60.0


class Answer(msgspec.Struct, frozen=True):
    """The same as the module's own: that one imports CTranslate2."""

    cards: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


def whisper_card(subject: Subject) -> Iterator[Finding]:
    """Ask CTranslate2, unless the card sleeps: that would wake it."""
    settings = subject.settings
    if settings.asr.engine != "whisper" or not wants_card(settings):
        return
    if not any(card.is_asleep for card in cards(Path("/"))):
        yield judge()


def judge(limit_s: float = _LIMIT_S) -> Finding:
    """One line of what CTranslate2 says in a process that may hang or crash."""
    try:
        answer = msgspec.json.decode(apart.ask(_MODULE, limit_s=limit_s), type=Answer)
    except apart.Apart as failed:
        how = "hangs" if failed.code is None else f"died, code {failed.code}"
        found = f"the process that asked CTranslate2 for a card {how}"
        return Finding("GPU", "warning", found, RELOAD)
    if answer.reason:
        found = f"{answer.reason} The engine on the processor takes over."
        return Finding("GPU", "warning", found, answer.remedy)
    return Finding("GPU", "ok", f"Whisper can compute on a card, in {answer.compute_type}")
