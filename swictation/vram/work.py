"""What the card's worker is told while it is there, and when one is asked for. Pure."""

from swictation.types import VramSnapshot
from swictation.vram import loads
from swictation.vram.cache import collectable_mib
from swictation.vram.effects import Effect, Order, Validate
from swictation.vram.mind import Mind
from swictation.vram.orders import CONFIRMED_WITHIN_S
from swictation.vram.policy import Level
from swictation.vram.trust import VALIDATION_S

ANSWER_S = 10.0
"""A start or an end of the worker that is not confirmed by then is asked for again."""


def due(mind: Mind, now_s: float) -> list[Effect]:
    """Load; or tell the worker what the level wants; or have it prove itself."""
    worker = mind.worker
    if worker.phase == "asked" and now_s - worker.since_s >= ANSWER_S:
        worker.enter("absent", now_s)  # nobody started it
        mind.gate.load_failed(now_s)
    if worker.phase == "absent":
        return _load(mind, now_s)
    snapshot = mind.fresh(now_s)
    if worker.phase != "ready" or snapshot is None:
        return []
    effects: list[Effect] = [*mind.orders.due(now_s, mind.level), *_trim(mind, now_s, snapshot)]
    if not mind.trust.is_trusted(now_s) and _has_room_to_validate(mind, snapshot):
        effects += [Validate()] if mind.trust.may_begin(now_s) else []
    return effects


def _load(mind: Mind, now_s: float) -> list[Effect]:
    load = loads.due(mind, now_s)
    if load is None:
        return []
    mind.worker.tier = load.tier
    mind.worker.enter("asked", now_s)
    mind.trust.begin()
    return [load]


def _trim(mind: Mind, now_s: float, snapshot: VramSnapshot) -> list[Order]:
    if mind.level < Level.WARNING or mind.gains.is_pending:
        return []
    figures = mind.worker.figures
    trim = mind.orders.trim(now_s, figures, snapshot.free_mib)
    if trim is None or figures is None:
        return []
    lapses_s = now_s + CONFIRMED_WITHIN_S  # then it may be given again
    mind.gains.expect("trim", collectable_mib(figures), snapshot, lapses_s)
    return [trim]


def _has_room_to_validate(mind: Mind, snapshot: VramSnapshot) -> bool:
    return mind.admission.predict_mib(VALIDATION_S) <= mind.room_mib(snapshot)
