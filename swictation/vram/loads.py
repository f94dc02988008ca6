"""Whether a worker may be loaded onto the card now, and with which model. Pure."""

from swictation.vram.effects import LoadGpu
from swictation.vram.mind import Mind
from swictation.vram.policy import Level


def due(mind: Mind, now_s: float) -> LoadGpu | None:
    """The load that is due, if one is."""
    if mind.worker.is_there or not mind.is_active or why_not(mind, now_s):
        return None
    tier = _tier(mind, now_s)
    if tier is None or (mind.breaker.state == "dead" and not mind.breaker.new_generation(now_s)):
        return None
    tiers = mind.worker.tiers
    name = f"{tiers[tier].name}: " if tier < len(tiers) else ""
    return LoadGpu(tier, f"{name}dictation is on and there is room")


def why_not(mind: Mind, now_s: float) -> str:
    """What a load waits for, in words; "": nothing."""
    if not mind.is_wanted:
        return "the engine is not on a card"
    if mind.is_suspended:
        return "the machine sleeps"
    if mind.breaker.is_banned(now_s):
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
