"""Why the worker on the card has to end now. Pure."""

from typing import Literal

import msgspec

from swictation.vram.mind import Mind
from swictation.vram.policy import Level

BLIND_S = 10.0
"""So long without a usable reading, and nobody can say that there is room."""

LOWER_AFTER_S = 5.0
"""A pause of that length at CRITICAL, and a smaller model is worth its reload."""

Cause = Literal["pressure", "trouble", "idle", "tier", "recycle"]


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A reason to end the worker."""

    cause: Cause
    reason: str
    tier: int | None = None
    """What is to be loaded in its place."""


def due(mind: Mind, now_s: float) -> Stop | None:
    """The most urgent reason; the first three do not wait for the end of an utterance."""
    if mind.worker.phase in ("absent", "stopping"):
        return None
    return _at_once(mind, now_s) or _in_silence(mind, now_s)


def _at_once(mind: Mind, now_s: float) -> Stop | None:
    readings, worker = mind.readings, mind.worker
    if mind.is_suspended:
        return Stop("idle", "the machine goes to sleep")
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
