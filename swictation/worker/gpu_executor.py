"""Reports to the memory manager what happens, and carries out its effects.

Part of the run loop if an engine on a GPU is configured; otherwise there is none.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable

from swictation.asr.engine import EngineSpec
from swictation.clock import Clock
from swictation.events import (
    DetectorMoved,
    GpuEvent,
    OrderDone,
    VramRead,
    WorkerAnswered,
    WorkerFailed,
    WorkerGone,
    WorkerReady,
)
from swictation.gpu.effects import (
    Effect,
    LevelChanged,
    LoadGpu,
    MemoryForecast,
    MemoryFreed,
    Order,
    PlaceAsr,
    PlaceDetector,
    StopGpu,
    Validate,
)
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.nvml.poller import VramPoller
from swictation.types import Placement
from swictation.worker.gpu_actions import GpuActions
from swictation.worker.pool import WorkerPool

_MOST_AT_ONCE = 100
"""How many effects are carried out before the run loop may do something else."""

OnMode = Callable[[str, str], None]
"""Called with the degraded mode and its reason; "" for none."""

_log = logging.getLogger(__name__)


class GpuExecutor:
    """Serves one manager and its GPU. All methods are called on the run loop."""

    def __init__(
        self,
        pool: WorkerPool,
        poller: VramPoller,
        actions: GpuActions,
        clock: Clock,
        on_mode: OnMode,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            pool: the workers, and the manager that decides about them.
            poller: reads the GPU.
            actions: carries out the manager's effects.
            clock: the run loop's.
            on_mode: called when the degraded mode changes.

        Raises:
            LookupError: no engine on a GPU is configured.
        """
        if pool.router is None:
            raise LookupError("no engine on a GPU is configured")
        self._router = pool.router
        self.manager: AdaptiveMemoryManager = pool.router.manager
        self._pool = pool
        self._poller = poller
        self._actions = actions
        self._clock = clock
        self._on_mode = on_mode
        self._spec: EngineSpec | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._validation: int | None = None
        """The number of the request that validates the worker, while one runs."""
        self._activity = (False, False)
        self._is_asleep = False
        self._due: deque[Effect] = deque()
        self._is_settling = False
        # As last reported: only changes are reported.
        self._mode = ("", "")
        self._placement = self.manager.asr_placement

    # --- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read the GPU whenever that is needed."""
        self._poller.start()
        self._settle()

    def stop(self) -> None:
        """End the poller's thread, or leave it behind if the driver blocks."""
        if self._timer:
            self._timer.cancel()
        self._poller.stop()

    def set_engine(
        self, placement: Placement, spec: EngineSpec, forecast: MemoryForecast | None = None
    ) -> None:
        """Set the engine for a placement; its model is on this machine.

        `forecast`: the GPU memory that it takes, if known.
        """
        if placement == "cpu":
            self._pool.standby.set_engine(spec)
            self._settle()
            return
        is_other = self._spec not in (None, spec)
        self._spec = spec
        self._pool.fork_policy.set_engine(spec.engine)
        self._settle(self.manager.want(self._clock.now_s(), forecast, replaces=is_other))

    def cpu_unavailable(self) -> None:
        """There is no engine for the CPU, or it cannot be used."""
        self._pool.standby.cpu_unavailable()
        self._settle()

    def reset(self) -> str:
        """End bans and pauses at the user's request; returns where requests go from now on."""
        _log.info("GPU: bans and pauses are lifted at the user's request")
        self._settle(self.manager.reset(self._clock.now_s()))
        return self.manager.asr_placement or "none"

    async def suspend(self) -> None:
        """Free the GPU before the machine sleeps; returns when it is free."""
        self._is_asleep = True
        self._settle(self.manager.suspend(self._clock.now_s()))
        await self._pool.at("gpu").ended()
        await self._pool.fork_policy.end()

    def resume(self) -> None:
        """The machine is awake again; the GPU is used from the next dictation on."""
        self._is_asleep = False
        self._settle(self.manager.resumed(self._clock.now_s()))

    # --- what happens ------------------------------------------------------------------------

    def look(self, *, is_listening: bool, is_busy: bool, backlog_s: float) -> None:
        """Report the activity to the manager, after each event."""
        now_s = self._clock.now_s()
        effects = self.manager.on_activity(
            now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
        )
        if effects or self._activity != (is_listening, is_busy):
            self._activity = (is_listening, is_busy)
            self._settle(effects)

    def on_event(self, event: GpuEvent) -> bool:
        """Report an event to the manager; True if nothing else needs it."""
        now_s, manager = self._clock.now_s(), self.manager
        match event:
            case VramRead(snapshot):
                self._settle(manager.on_snapshot(snapshot))
                self._poller.ack()
                if self._router.take_waiting():  # only the free memory may have changed
                    self._actions.ask_again()
                return True
            case OrderDone():
                self._settle(
                    manager.on_order_done(
                        now_s, event.order, is_done=event.is_done, figures=event.figures
                    )
                )
                return True
            case DetectorMoved(placement, reason, is_fault):
                self._settle(manager.on_detector(now_s, placement, reason, is_fault=is_fault))
            case WorkerAnswered() if event.number == self._validation:
                self._validation = None
                # A broken model computes no numbers; its text for a tone means nothing.
                is_good = math.isfinite(event.hypothesis.score)
                self._settle(manager.on_validated(now_s, is_good=is_good))
                return True
            case WorkerFailed() if event.number == self._validation:
                self._validation = None
                self._settle(manager.on_gpu_failed(now_s, event.kind))
                return True
            case WorkerReady(placement="gpu", capabilities=caps):
                self._settle(manager.on_gpu_ready(now_s, caps.tiers, caps.tier, event.figures))
            case WorkerAnswered(placement="gpu"):
                self._settle(manager.on_gpu_answer(now_s, event.audio_s, event.figures))
            case WorkerFailed(placement="gpu"):
                self._router.refused(event.number)
                self._settle(manager.on_gpu_failed(now_s, event.kind))
            case WorkerGone(placement="gpu"):
                self._validation = None
                kind = event.kind if event.is_fault else None
                self._settle(manager.on_gpu_gone(now_s, kind, event.reason))
            case _:
                self._settle()
        return False

    # --- the parts ---------------------------------------------------------------------------

    def _settle(self, effects: Iterable[Effect] = ()) -> None:
        """Carry out these effects and all that follow from them, one after the other.

        Effects that follow are queued behind those that are due already, so a nested call only
        queues them.
        """
        self._due.extend(effects)
        if self._is_settling:
            return
        self._is_settling = True
        try:
            for _ in range(_MOST_AT_ONCE):
                if self._due:
                    self._carry_out(self._due.popleft())
                elif not self._tend_cpu():
                    self._look_after_the_rest()
                    if not self._due:
                        return
        finally:
            self._is_settling = False
        _log.error("the memory manager's effects do not end; the rest is done later")
        asyncio.get_running_loop().call_soon(self._settle)

    def _carry_out(self, effect: Effect) -> None:
        actions, now_s = self._actions, self._clock.now_s()
        match effect:
            case LoadGpu():
                assert self._spec is not None, "the manager loads nothing before `set_engine`"
                actions.load(effect, self._spec)
            case StopGpu(reason):
                if not actions.stop(effect):
                    self._settle(self.manager.on_gpu_gone(now_s, None, reason))
            case Validate():
                self._validation = actions.validate()
            case Order() | PlaceDetector() | PlaceAsr() | MemoryFreed() | LevelChanged():
                actions.carry_out(effect)

    def _tend_cpu(self) -> bool:
        """Keep the CPU engine while it has to serve, or may have to.

        Returns whether its state has changed for the manager.
        """
        manager, standby = self.manager, self._pool.standby
        must_serve = manager.needs_cpu or (self._router.needs_cpu and self._activity[1])
        standby.tend(must_serve=must_serve, is_idle=manager.is_idle)
        if (state := standby.state) == manager.cpu:
            return False
        self._settle(manager.on_cpu(self._clock.now_s(), state))
        return True

    def _look_after_the_rest(self) -> None:
        """After the last effect, update fork server, poller, timer and listeners."""
        manager, pool = self.manager, self._pool
        pool.fork_policy.tend(
            is_used=any(self._activity) or pool.at("gpu").is_wanted,
            may_stay=not (manager.is_idle or manager.is_lost or self._is_asleep),
        )
        self._poller.watch(manager.need, pool.pids, near=manager.is_near)
        if (manager.mode, manager.mode_reason) != self._mode:
            self._mode = (manager.mode, manager.mode_reason)
            self._on_mode(*self._mode)
        self._arm()
        if manager.asr_placement != self._placement:
            self._placement = manager.asr_placement
            self._actions.ask_again()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if (at_s := self.manager.next_tick_s) is not None:
            delay_s = max(0.0, at_s - self._clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._settle(self.manager.tick(self._clock.now_s()))
