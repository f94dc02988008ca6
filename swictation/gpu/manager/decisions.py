"""What is due about the worker on the GPU: a load, a stop, an order. Pure: `Mind` in, effects out.

A `Stop` is what the manager makes a `StopGpu` of, once it knows where the work goes instead.
"""

from swictation.gpu.guard.commands import CONFIRMED_WITHIN_S
from swictation.gpu.manager.effects import Effect, LoadGpu, Order, Validate
from swictation.gpu.manager.state import Mind, Stop
from swictation.gpu.policy.cache import collectable_mib
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.validation import VALIDATION_S
from swictation.types import VramSnapshot

ANSWER_S = 10.0
"""An end of the worker that is not confirmed by then is asked for again."""
BLIND_S = 10.0
"""So long without a usable reading, and nobody can say that there is room."""

LOWER_AFTER_S = 5.0
"""A pause of that length at CRITICAL, and a smaller model is worth its reload."""


def stop_due(mind: Mind, now_s: float) -> Stop | None:
    """The most urgent reason; those that come first do not wait for the end of an utterance."""
    if mind.worker.phase in ("absent", "stopping"):
        return None
    return _at_once(mind, now_s) or _in_silence(mind, now_s)


def _at_once(mind: Mind, now_s: float) -> Stop | None:
    readings, worker = mind.readings, mind.worker
    if mind.is_suspended:
        return Stop("idle", "the machine goes to sleep")
    if mind.is_outdated:
        return Stop("trouble", "another engine is wanted")
    if readings.is_gone:
        return Stop("trouble", readings.trouble(now_s))
    if mind.breaker.state == "dead":
        return Stop("trouble", mind.breaker.why)
    if now_s - blind_since_s(mind) >= BLIND_S:
        return Stop("trouble", f"nothing is known of the card: {readings.trouble(now_s)}")
    if readings.level == Level.EMERGENCY:
        return Stop("pressure", "the card is at EMERGENCY")
    snapshot = mind.fresh(now_s)
    if snapshot is not None and worker.is_room_gone(snapshot):
        return Stop("pressure", "others took the room that it needs")
    return None


def _in_silence(mind: Mind, now_s: float) -> Stop | None:
    if mind.is_busy or mind.backlog_s > 0.0:
        return None
    idle_end_s = mind.idle_end_s
    if idle_end_s is not None and now_s >= idle_end_s:
        return Stop("idle", f"idle for {now_s - mind.idle_since_s:.0f} s")
    if mind.worker.phase != "ready" or mind.trust.is_validating or mind.gains.is_pending:
        return None
    if mind.readings.is_fresh(now_s):
        return _lower(mind, now_s) or _renew(mind, now_s)
    return None


def _lower(mind: Mind, now_s: float) -> Stop | None:
    """A smaller model, once, where the card is CRITICAL and stays so while nothing is worked on.

    Our own work takes 5 % of a small card, and shows for a second longer than it lasts.
    """
    worker, snapshot = mind.worker, mind.readings.usable
    if mind.level != Level.CRITICAL or mind.is_lowered or snapshot is None:
        return None
    quiet_since_s = max(mind.quiet_since_s, mind.readings.ladder.since_s)
    is_still = now_s - quiet_since_s >= LOWER_AFTER_S
    if not is_still or snapshot.free_mib > mind.readings.limits.enter_below_mib[1]:
        return None
    if worker.tier + 1 >= len(worker.tiers):
        return None
    free_mib = snapshot.free_mib + worker.footprint_mib
    fit = worker.best_fit(free_mib, mind.work_mib, mind.readings.limits)
    tier = max(worker.tier + 1, fit) if fit is not None else None
    if tier is None:
        return None
    return Stop("tier", f"{worker.tiers[tier].name} instead: the card is CRITICAL", tier)


def _renew(mind: Mind, now_s: float) -> Stop | None:
    """A better model where it fits again, or a fresh process."""
    worker, snapshot = mind.worker, mind.readings.usable
    if snapshot is None or not mind.is_quiet(now_s):
        return None
    if reason := worker.why_recycle(now_s):
        return Stop("recycle", reason)
    if not worker.tier or mind.level != Level.NORMAL:
        return None
    if now_s - max(mind.readings.ladder.since_s, worker.ready_s) < mind.gate.pause_s:
        return None
    free_mib = snapshot.free_mib + worker.footprint_mib
    fit = worker.best_fit(free_mib, mind.work_mib, mind.readings.limits)
    if fit is None or fit >= worker.tier:
        return None
    return Stop("tier", f"{worker.tiers[fit].name} fits again", fit)


def blind_since_s(mind: Mind) -> float:
    """Since when nothing is known of the card, counted from the worker's start at the earliest.

    A card that sleeps while a worker starts is not in use yet: nothing need be known of it.
    """
    readings, worker = mind.readings, mind.worker
    if readings.is_asleep and worker.phase != "ready":
        return max(readings.read_s, worker.begun_s)
    seen_s = readings.usable.at_s if readings.usable else worker.begun_s
    return max(seen_s, worker.begun_s)


def work_due(mind: Mind, now_s: float) -> list[Effect]:
    """Load; or tell the worker what the level wants; or have it prove itself."""
    worker = mind.worker
    if worker.phase == "absent":
        return _load(mind, now_s)
    snapshot = mind.fresh(now_s)
    if worker.phase != "ready" or snapshot is None:
        return []
    effects: list[Effect] = [*mind.orders.due(now_s, mind.level), *_trim(mind, now_s, snapshot)]
    has_room = mind.admission.predict_mib(VALIDATION_S) <= mind.room_mib(snapshot)
    if has_room and mind.trust.may_begin(now_s):
        effects.append(Validate())
    return effects


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


def _load(mind: Mind, now_s: float) -> list[Effect]:
    """The load that is due, if one is."""
    if not mind.is_active or load_hindrance(mind, now_s):
        return []
    tier = _tier(mind, now_s)
    if tier is None:
        return []
    if mind.breaker.state == "dead":
        mind.breaker.new_generation()
    tiers = mind.worker.tiers
    name = f"{tiers[tier].name}: " if tier < len(tiers) else ""
    mind.begin_load(now_s, tier)
    return [LoadGpu(tier, f"{name}dictation is on and there is room")]


def load_hindrance(mind: Mind, now_s: float) -> str:
    """What a load waits for, in words; "": nothing."""
    if not mind.is_wanted:
        return "the engine is not on a card"
    if mind.is_suspended:
        return "the machine sleeps"
    if mind.breaker.is_banned:
        return mind.breaker.why
    readings = mind.readings
    if not readings.is_young(now_s) or not (readings.is_asleep or readings.is_fresh(now_s)):
        return readings.trouble(now_s)
    if mind.gains.is_pending:
        return "what was freed has not shown yet"
    if mind.tier_goal is None and (reason := mind.gate.why_not(now_s, readings.ladder)):
        return reason
    if readings.is_asleep or _tier(mind, now_s) is not None:
        return ""
    return "the card has no room for the model"


def _tier(mind: Mind, now_s: float) -> int | None:
    """The best model that fits; what a worker made room for comes first."""
    readings, worker = mind.readings, mind.worker
    if readings.is_asleep:
        return mind.tier_goal or 0  # nobody uses it
    snapshot = mind.fresh(now_s)
    if snapshot is None:
        return None
    fit = worker.best_fit(snapshot.free_mib, mind.work_mib, readings.limits)
    if fit is None:
        return None
    if mind.tier_goal is not None:
        return max(fit, mind.tier_goal)
    is_normal = readings.level == Level.NORMAL
    return fit if is_normal and snapshot.free_mib > readings.limits.enter_below_mib[0] else None
