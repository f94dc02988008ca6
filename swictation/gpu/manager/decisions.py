"""What the worker on the GPU needs now: a load, a stop, a command.

Pure: `ManagerState` in, effects out. The manager turns a `Stop` into a `StopGpu` once it knows
where the work goes instead.
"""

from swictation.gpu.effects import Effect, LoadGpu, Order, Validate
from swictation.gpu.manager.state import ManagerState, Stop
from swictation.gpu.policy.cache import collectable_mib
from swictation.gpu.policy.levels import Level
from swictation.gpu.policy.validation import VALIDATION_S
from swictation.gpu.policy.worker_commands import CONFIRMED_WITHIN_S
from swictation.types import VramSnapshot

ANSWER_S = 10.0
"""A stop that is not confirmed within this time is requested again."""
BLIND_S = 10.0
"""After this time without a usable reading we cannot know whether there is room."""

LOWER_AFTER_S = 5.0
"""After a pause this long at CRITICAL, a smaller model is worth the reload."""


def stop_due(state: ManagerState, now_s: float) -> Stop | None:
    """Return the most urgent stop. Those that come first do not wait for an utterance's end."""
    if state.worker.phase in ("absent", "stopping"):
        return None
    return _at_once(state, now_s) or _in_silence(state, now_s)


def _at_once(state: ManagerState, now_s: float) -> Stop | None:
    readings, worker = state.readings, state.worker
    if state.is_suspended:
        return Stop("idle", "the machine goes to sleep")
    if state.is_outdated:
        return Stop("trouble", "another engine replaces it")
    if readings.is_gone:
        return Stop("trouble", readings.trouble(now_s))
    if state.breaker.state == "dead":
        return Stop("trouble", state.breaker.why)
    if now_s - blind_since_s(state) >= BLIND_S:
        return Stop("trouble", f"nothing is known about the GPU: {readings.trouble(now_s)}")
    if readings.level == Level.EMERGENCY:
        return Stop("pressure", "the GPU is at EMERGENCY")
    snapshot = state.fresh(now_s)
    if snapshot is not None and worker.is_room_gone(snapshot):
        return Stop("pressure", "other programs took the memory that it needs")
    return None


def _in_silence(state: ManagerState, now_s: float) -> Stop | None:
    if state.is_busy or state.backlog_s > 0.0:
        return None
    idle_end_s = state.idle_end_s
    if idle_end_s is not None and now_s >= idle_end_s:
        return Stop("idle", f"idle for {now_s - state.idle_since_s:.0f} s")
    if state.worker.phase != "ready" or state.trust.is_validating or state.gains.is_pending:
        return None
    if state.readings.is_fresh(now_s):
        return _lower(state, now_s) or _renew(state, now_s)
    return None


def _lower(state: ManagerState, now_s: float) -> Stop | None:
    """Load a smaller model, once, if the GPU stays CRITICAL while no work is done.

    Our own work takes 5 % of a small GPU, and the driver shows it for a second longer.
    """
    worker, snapshot = state.worker, state.readings.usable
    if state.level != Level.CRITICAL or state.is_lowered or snapshot is None:
        return None
    quiet_since_s = max(state.quiet_since_s, state.readings.ladder.since_s)
    is_still = now_s - quiet_since_s >= LOWER_AFTER_S
    if not is_still or snapshot.free_mib > state.readings.limits.enter_below_mib[1]:
        return None
    if worker.tier + 1 >= len(worker.tiers):
        return None
    free_mib = snapshot.free_mib + worker.footprint_mib
    fit = worker.best_fit(free_mib, state.work_mib, state.readings.limits)
    tier = max(worker.tier + 1, fit) if fit is not None else None
    if tier is None:
        return None
    return Stop("tier", f"{worker.tiers[tier].name} instead: the GPU is CRITICAL", tier)


def _renew(state: ManagerState, now_s: float) -> Stop | None:
    """Start a fresh process, or load a better model if it fits again."""
    worker, snapshot = state.worker, state.readings.usable
    if snapshot is None or not state.is_quiet(now_s):
        return None
    if reason := worker.why_recycle(now_s):
        return Stop("recycle", reason)
    if not worker.tier or state.level != Level.NORMAL:
        return None
    if now_s - max(state.readings.ladder.since_s, worker.ready_s) < state.gate.pause_s:
        return None
    free_mib = snapshot.free_mib + worker.footprint_mib
    fit = worker.best_fit(free_mib, state.work_mib, state.readings.limits)
    if fit is None or fit >= worker.tier:
        return None
    return Stop("tier", f"{worker.tiers[fit].name} fits again", fit)


def blind_since_s(state: ManagerState) -> float:
    """The time of the last usable reading, or of the worker's start if that is later.

    A GPU that sleeps while a worker starts is not in use yet and needs no reading.
    """
    readings, worker = state.readings, state.worker
    if readings.is_asleep and worker.phase != "ready":
        return max(readings.read_s, worker.begun_s)
    seen_s = readings.usable.at_s if readings.usable else worker.begun_s
    return max(seen_s, worker.begun_s)


def work_due(state: ManagerState, now_s: float) -> list[Effect]:
    """Load the worker, or send the commands that the level requires, or validate it."""
    worker = state.worker
    if worker.phase == "absent":
        return _load(state, now_s)
    snapshot = state.fresh(now_s)
    if worker.phase != "ready" or snapshot is None:
        return []
    effects: list[Effect] = [*state.orders.due(now_s, state.level), *_trim(state, now_s, snapshot)]
    has_room = state.admission.predict_mib(VALIDATION_S) <= state.room_mib(snapshot)
    if has_room and state.trust.may_begin(now_s):
        effects.append(Validate())
    return effects


def _trim(state: ManagerState, now_s: float, snapshot: VramSnapshot) -> list[Order]:
    if state.level < Level.WARNING or state.gains.is_pending:
        return []
    figures = state.worker.figures
    trim = state.orders.trim(now_s, figures, snapshot.free_mib)
    if trim is None or figures is None:
        return []
    lapses_s = now_s + CONFIRMED_WITHIN_S  # then it may be sent again
    state.gains.expect("trim", collectable_mib(figures), snapshot, lapses_s)
    return [trim]


def _load(state: ManagerState, now_s: float) -> list[Effect]:
    """Return the load that is due, if any."""
    if not state.is_active or load_hindrance(state, now_s):
        return []
    tier = _tier(state, now_s)
    if tier is None:
        return []
    if state.breaker.state == "dead":
        state.breaker.new_generation()
    tiers = state.worker.tiers
    name = f"{tiers[tier].name}: " if tier < len(tiers) else ""
    state.begin_load(now_s, tier)
    return [LoadGpu(tier, f"{name}dictation is on and there is room")]


def load_hindrance(state: ManagerState, now_s: float) -> str:
    """What a load waits for, in words; "" if nothing."""
    if not state.is_wanted:
        return "the engine does not use a GPU"
    if state.is_suspended:
        return "the machine sleeps"
    if state.breaker.is_banned:
        return state.breaker.why
    readings = state.readings
    if not readings.is_young(now_s) or not (readings.is_asleep or readings.is_fresh(now_s)):
        return readings.trouble(now_s)
    if state.gains.is_pending:
        return "memory that was freed does not show yet"
    if state.tier_goal is None and (reason := state.gate.why_not(now_s, readings.ladder)):
        return reason
    if readings.is_asleep or _tier(state, now_s) is not None:
        return ""
    return "the GPU has no room for the model"


def _tier(state: ManagerState, now_s: float) -> int | None:
    """The best tier that fits; one that a worker made room for comes first."""
    readings, worker = state.readings, state.worker
    if readings.is_asleep:
        return state.tier_goal or 0  # nobody uses it
    snapshot = state.fresh(now_s)
    if snapshot is None:
        return None
    fit = worker.best_fit(snapshot.free_mib, state.work_mib, readings.limits)
    if fit is None:
        return None
    if state.tier_goal is not None:
        return max(fit, state.tier_goal)
    is_normal = readings.level == Level.NORMAL
    return fit if is_normal and snapshot.free_mib > readings.limits.enter_below_mib[0] else None
