"""How the daemon serves without the GPU, and why. Pure."""

from swictation.gpu.manager.decisions import load_hindrance
from swictation.gpu.manager.state import ManagerState
from swictation.gpu.policy.levels import Level
from swictation.gpu.status import Mode

_BEHIND_S = 60.0
_CAUGHT_UP_S = 10.0
_ELSEWHERE_S = 60.0
"""How long the mode lasts after a request for which the GPU had no room."""
_FIRST_READING_S = 3.0


class ServiceMode:
    """The degraded mode. The daemon announces each change."""

    def __init__(self) -> None:
        self.mode: Mode = ""
        self.reason = ""
        self._is_behind = False
        self._elsewhere_s = float("-inf")
        self._wanted_since_s: float | None = None

    def sent_elsewhere(self, now_s: float) -> None:
        """A request was sent elsewhere because the GPU had no room for it."""
        self._elsewhere_s = now_s

    def is_elsewhere(self, now_s: float) -> bool:
        return now_s - self._elsewhere_s < _ELSEWHERE_S

    def settle(self, state: ManagerState, now_s: float) -> None:
        """Decide the mode again."""
        if not state.is_active:
            self._wanted_since_s = None
            if state.idle_end_s is not None and now_s >= state.idle_end_s:
                self.mode, self.reason = "", ""
            return
        if self._wanted_since_s is None:
            self._wanted_since_s = now_s
        self.mode, self.reason = self._now(state, now_s)

    def next_s(self, now_s: float) -> float | None:
        end_s = self._elsewhere_s + _ELSEWHERE_S
        return end_s if end_s > now_s else None

    def _now(self, state: ManagerState, now_s: float) -> tuple[Mode, str]:
        if not state.is_wanted:
            return "", ""
        is_full = state.placement == "gpu" and self.is_elsewhere(now_s)
        if state.placement == "gpu" and not is_full:
            self._is_behind = False
            return "", ""
        reason = (
            "the GPU has no room for the utterance"
            if is_full
            else gpu_unavailable_reason(state, now_s)
        )
        self._is_behind = state.backlog_s > (_CAUGHT_UP_S if self._is_behind else _BEHIND_S)
        if not is_full and not self._is_behind and self._is_soon(state, now_s):
            return "", ""
        if state.fallback is None and not state.can_cpu:
            return "vad-only", f"{reason}; the CPU engine is missing or has failed"
        if self._is_behind:
            return "vad-only", f"{reason}; the CPU engine is {state.backlog_s:.0f} s behind"
        return ("vad-only" if state.fallback is None else "cpu-engine"), reason

    def _is_soon(self, state: ManagerState, now_s: float) -> bool:
        """Whether the GPU is about to serve: a first load or a validation degrades nothing.

        Nor does finishing an utterance on the CPU. A mode that has been announced lasts until the
        GPU serves again.
        """
        if self.mode or state.breaker.state != "closed":
            return False
        if state.worker.phase == "loading":
            return True
        if state.worker.phase == "ready":
            is_new = not state.trust.has_served and state.level < Level.EMERGENCY
            return is_new or state.is_serving(now_s)
        wanted_s = now_s - (self._wanted_since_s or now_s)
        return state.readings.last is None and wanted_s < _FIRST_READING_S


def gpu_unavailable_reason(state: ManagerState, now_s: float) -> str:
    """Why the GPU does not serve."""
    breaker, worker = state.breaker, state.worker
    if breaker.state in ("dead", "open"):
        return breaker.why
    if worker.phase == "absent":
        return load_hindrance(state, now_s) or "the worker is about to be loaded"
    if worker.phase == "stopping":
        return state.stop_reason
    if worker.phase != "ready":
        return "the worker is being loaded"
    if state.level == Level.EMERGENCY:
        return "the GPU is at EMERGENCY"
    if trouble := state.readings.trouble(now_s):
        return trouble
    if state.is_serving(now_s):
        return "an utterance that began on the CPU ends there"
    return "the worker has not been validated yet"
