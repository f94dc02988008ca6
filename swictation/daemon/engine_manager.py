"""The engines of a daemon: finds their models, keeps their workers, shares the GPU."""

import logging

from swictation.asr.registry import memory_forecast
from swictation.config.languages import language_name
from swictation.config.settings import Settings
from swictation.control.status import ModelState
from swictation.daemon import systemd
from swictation.daemon.fetching import Fetching
from swictation.daemon.wiring import Components, engine_spec
from swictation.dictation.degraded import CPU_ENGINE, NO_ENGINE, VAD_ONLY
from swictation.errors import SwictationError
from swictation.events import WorkerGone, WorkerReady
from swictation.facts import (
    CpuStandbyFailed,
    EngineFailed,
    ModelUnavailable,
    ServiceModeDegraded,
    StatusChanged,
)
from swictation.models.store.store import ModelLocation
from swictation.worker.engine_choice import fallback, standby
from swictation.worker.pool import WorkerPool, gave_up

_MODES = {"cpu-engine": CPU_ENGINE, "vad-only": VAD_ONLY}

_log = logging.getLogger(__name__)


class EngineManager:
    """Owns the worker pool and the search for models; used on the run loop alone."""

    def __init__(self, components: Components, pool: WorkerPool) -> None:
        self._settings = components.settings
        self._degradations = components.context.degradations
        self._events = components.context.events
        self._mode = self._mode_reason = ""
        self.pool = pool
        self.executor = components.executor(pool, self._on_mode)
        self.model = ""
        """The name of the configured engine's model; "" while it is not there."""
        self.model_reason = ""
        """Why it is that one; see `Status`."""
        self._has_model_failed = False
        self._why_other = ""
        """Why the configured engine is not there and another serves instead."""
        self._fetching = Fetching(
            self._settings, self._on_model, self._on_progress, self._on_model_problem
        )
        self._standby_fetching = self._new_standby_fetching()
        self._fallback: Settings | None = None
        """The engine that replaces the only one, which could not be loaded."""

    def start(self) -> None:
        """Begin to look for models, and to read the GPU if an engine is for one."""
        if self.executor:
            self.executor.start()
        self._fetching.start()
        if self._standby_fetching:
            self._standby_fetching.start()

    async def stop_fetching(self) -> None:
        """Stop looking for models, and end downloads."""
        await self._fetching.stop()
        if self._standby_fetching:
            await self._standby_fetching.stop()

    async def stop(self) -> None:
        """End the workers and the GPU executor."""
        await self.pool.stop()
        if self.executor:
            self.executor.stop()

    def wake(self) -> None:
        """Start a worker that waits for its next start at once: somebody speaks."""
        self.pool.wake()

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        """Note a worker's start or end; a daemon starts workers for ever, after growing pauses."""
        if isinstance(event, WorkerReady):
            self._degradations.put(NO_ENGINE, "")
        elif event.is_fault and (event.error or self.pool.is_hopeless):
            error = gave_up(event.reason, event.error or event.said, systemd.how_to_restart())
            is_standby = event.placement == "cpu" and self.pool.gpu is not None
            is_replaced = event.error is not None and self._fall_back(event.error)
            if not is_standby and not is_replaced and not self.pool.is_spared(event):
                self._degradations.put(NO_ENGINE, error.on_one_line)
            # Without a standby the GPU executor reports what is done instead, once.
            failed = CpuStandbyFailed if is_standby else EngineFailed
            self._events.emit(failed(error.message, error.remedy))

    @property
    def serving(self) -> tuple[str, str]:
        """Engine and model that serve; the configured ones before any did."""
        engine, model = self.pool.serves
        return engine or self._settings.asr.engine, model or self.model

    @property
    def models(self) -> dict[str, ModelState]:
        """The models and their states, as in `status`."""
        name = self.serving[1] or self._settings.asr.model
        if self.pool.is_ready:
            return {name: "loaded"}
        has_failed = self._has_model_failed or self._degradations.has(NO_ENGINE)
        return {name: "failed" if has_failed else "loading"}

    @property
    def fetching(self) -> str:
        """Which model is being fetched; "" while none is."""
        standby_fetched = self._standby_fetching.fetched if self._standby_fetching else ""
        return self._fetching.fetched or standby_fetched

    def reset_card(self) -> str:
        """Forget what keeps the engine off the GPU; return where requests go from now on.

        Raises:
            SwictationError: no engine is configured for a GPU.
        """
        if self.executor is None:
            raise SwictationError(
                "No engine is configured to compute on a GPU.",
                "see [asr] device: swictation config show",
            )
        return self.executor.reset()

    def change(self, settings: Settings) -> None:
        """Use the models of these settings; where they compute stays as it was."""
        self._settings, self._fallback = settings, None
        self._fetching.look_again(settings)
        other = standby(settings)
        if self._standby_fetching and other:
            self._standby_fetching.look_again(other)

    # --- the parts ---------------------------------------------------------------------------

    def _fall_back(self, error: SwictationError) -> bool:
        """Replace the only engine, which cannot be loaded; False if there is no other."""
        other = fallback(self._settings)
        if other is None or other.asr.engine == self._settings.asr.engine:
            return False
        if self.executor or self._fallback:
            return False
        self._fallback, self._why_other = other, error.on_one_line
        self._show_modes()
        self._fetching.look_again(other)
        return True

    def _new_standby_fetching(self) -> Fetching | None:
        other = standby(self._settings)
        if self.executor is None or other is None:
            return None
        return Fetching(other, self._on_standby, self._on_progress, self._on_standby_problem)

    def _on_model(self, model: ModelLocation) -> None:
        # First what the engine may fail at: then nothing has changed yet.
        spec = engine_spec(self._fallback or self._settings, model)
        forecast = memory_forecast(spec) if self.executor else None
        self.model, self.model_reason, self._has_model_failed = model.name, model.reason, False
        if self._fallback is None:
            self._why_other = ""
        self._show_modes()
        self._degradations.put(NO_ENGINE, "")  # else the next worker's death says so
        if self.executor:
            self.executor.set_engine("gpu", spec, forecast)
        else:
            self.pool.cpu.use(spec)
        self._events.emit(StatusChanged())

    def _on_standby(self, model: ModelLocation) -> None:
        other = standby(self._settings)
        if self.executor and other:
            self.executor.set_engine("cpu", engine_spec(other, model))
        self._events.emit(StatusChanged())

    def _on_progress(self, text: str) -> None:
        _log.info("model: %s", text)
        systemd.status(text)
        self._events.emit(StatusChanged())

    def _on_model_problem(self, error: SwictationError) -> None:
        self._has_model_failed, message = True, error.message
        if self.executor and self.pool.has_standby and not self.model:
            self._why_other = error.on_one_line  # the standby serves
            self._show_modes()
        elif self._fall_back(error):
            pass
        elif self.pool.is_ready:
            message = f"{self._goes_on()}{error.message}"
        else:
            self._degradations.put(NO_ENGINE, error.on_one_line)
        self._events.emit(ModelUnavailable(message, error.remedy))

    def _goes_on(self) -> str:
        """What serves on in place of what cannot be had: the beginning of a message."""
        spec = self.pool.serving.ready_spec
        if spec is None:
            return ""
        return f"still {language_name(spec.language)}, with {spec.model}: "

    def _on_standby_problem(self, error: SwictationError) -> None:
        if self.executor:
            self.executor.cpu_unavailable()
        self._events.emit(ModelUnavailable(error.message, error.remedy))

    def _on_mode(self, mode: str, reason: str) -> None:
        """Report a mode once, by log and notification; `status` shows it while it lasts."""
        was, self._mode, self._mode_reason = self._mode, mode, reason
        self._show_modes()
        if mode != was:
            if mode:
                self._events.emit(ServiceModeDegraded(mode, reason))
            else:
                _log.info("everything is as configured again")
        self._events.emit(StatusChanged())

    def _show_modes(self) -> None:
        reasons = {self._mode: self._mode_reason} if self._mode else {"cpu-engine": self._why_other}
        for name, degraded in _MODES.items():
            self._degradations.put(degraded, reasons.get(name, ""))
