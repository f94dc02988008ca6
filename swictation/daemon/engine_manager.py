"""The engines of a daemon: their models are had, their workers kept, the card is shared."""

import logging

from swictation.asr.registry import memory_forecast
from swictation.config.settings import Settings
from swictation.control.status import ModelState
from swictation.daemon import systemd
from swictation.daemon.fetching import Fetching
from swictation.daemon.wiring import Workshop, engine_spec
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
from swictation.worker.engine_choice import spare, understudy
from swictation.worker.pool import Crew, gave_up

_MODES = {"cpu-engine": CPU_ENGINE, "vad-only": VAD_ONLY}

_log = logging.getLogger(__name__)


class Engines:
    """Belongs to the run loop."""

    def __init__(self, shop: Workshop, crew: Crew) -> None:
        self._settings = shop.settings
        self._degradations = shop.context.degradations
        self._events = shop.context.events
        self._mode = self._mode_reason = ""
        self.crew = crew
        self.steward = shop.steward(crew, self._on_mode)
        self.model = ""
        """The name of the configured engine's; "" while it is not there."""
        self.model_reason = ""
        """Why it is that one; see `Status`."""
        self._has_model_failed = False
        self._why_other = ""
        """Why the engine of the configuration is not there, and its spare serves instead."""
        self._fetching = Fetching(
            self._settings, self._on_model, self._on_progress, self._on_model_problem
        )
        self._spare_fetching = self._new_spare_fetching()
        self._understudy: Settings | None = None
        """What serves in place of an only engine that could not be loaded."""

    def start(self) -> None:
        """Begin to have models, and to read the card when there is a need to."""
        if self.steward:
            self.steward.start()
        self._fetching.start()
        if self._spare_fetching:
            self._spare_fetching.start()

    async def stop_fetching(self) -> None:
        """No model is wanted any more."""
        await self._fetching.stop()
        if self._spare_fetching:
            await self._spare_fetching.stop()

    async def stop(self) -> None:
        """End workers and probe."""
        await self.crew.stop()
        if self.steward:
            self.steward.stop()

    def wake(self) -> None:
        """Somebody speaks: start at once what waits for its next start."""
        self.crew.wake()

    def on_worker(self, event: WorkerReady | WorkerGone) -> None:
        """A daemon never gives up: the next worker is tried again and again, ever more rarely."""
        if isinstance(event, WorkerReady):
            self._degradations.put(NO_ENGINE, "")
        elif event.is_fault and (event.error or self.crew.is_hopeless):
            error = gave_up(event.reason, event.error, systemd.how_to_restart())
            is_spare = event.seat == "cpu" and self.crew.gpu is not None
            is_replaced = event.error is not None and self._fall_back(event.error)
            if not is_spare and not is_replaced and not self.crew.is_spared(event):
                self._degradations.put(NO_ENGINE, error.message)
            # Without its spare the card's steward says what is done instead, and that once.
            failed = CpuStandbyFailed if is_spare else EngineFailed
            self._events.emit(failed(error.message, error.remedy))

    @property
    def serving(self) -> tuple[str, str]:
        """Which engine with which model: what serves; before anything did, what is to."""
        engine, model = self.crew.serves
        return engine or self._settings.asr.engine, model or self.model

    @property
    def models(self) -> dict[str, ModelState]:
        """As in `status`."""
        name = self.serving[1] or self._settings.asr.model
        if self.crew.is_ready:
            return {name: "loaded"}
        has_failed = self._has_model_failed or self._degradations.has(NO_ENGINE)
        return {name: "failed" if has_failed else "loading"}

    def reset_card(self) -> str:
        """Forget what keeps the engine off the card; where requests go from now on.

        Raises:
            SwictationError: no engine is to compute on a card.
        """
        if self.steward is None:
            raise SwictationError(
                "No engine is to compute on a card.", "see [asr] device: swictation config show"
            )
        return self.steward.reset()

    def change(self, settings: Settings) -> None:
        """Go on with the models of these settings; where they compute stays as it was."""
        self._settings, self._understudy = settings, None
        self._fetching.look_again(settings)
        other = spare(settings)
        if self._spare_fetching and other:
            self._spare_fetching.look_again(other)

    # --- the parts ---------------------------------------------------------------------------

    def _fall_back(self, error: SwictationError) -> bool:
        """The only engine cannot be loaded: have another serve; False where there is none."""
        other = understudy(self._settings)
        if other is None or other.asr.engine == self._settings.asr.engine:
            return False
        if self.steward or self._understudy:
            return False
        self._understudy, self._why_other = other, error.message
        self._show_modes()
        self._fetching.look_again(other)
        return True

    def _new_spare_fetching(self) -> Fetching | None:
        other = spare(self._settings)
        if self.steward is None or other is None:
            return None
        return Fetching(other, self._on_spare, self._on_progress, self._on_spare_problem)

    def _on_model(self, model: ModelLocation) -> None:
        # First what the engine may fail at: then nothing has changed.
        spec = engine_spec(self._understudy or self._settings, model)
        foreseen = memory_forecast(spec) if self.steward else None
        self.model, self.model_reason, self._has_model_failed = model.name, model.reason, False
        if self._understudy is None:
            self._why_other = ""
        self._show_modes()
        self._degradations.put(NO_ENGINE, "")  # else the next worker's death says so
        if self.steward:
            self.steward.have("gpu", spec, foreseen)
        else:
            self.crew.cpu.use(spec)
        self._events.emit(StatusChanged())

    def _on_spare(self, model: ModelLocation) -> None:
        other = spare(self._settings)
        if self.steward and other:
            self.steward.have("cpu", engine_spec(other, model))
        self._events.emit(StatusChanged())

    def _on_progress(self, text: str) -> None:
        _log.info("model: %s", text)
        systemd.status(text)

    def _on_model_problem(self, error: SwictationError) -> None:
        self._has_model_failed = True
        if self.steward and self.crew.has_spare and not self.model:
            self._why_other = error.message  # the spare serves
            self._show_modes()
        elif (
            not self._fall_back(error) and not self.crew.is_ready
        ):  # else the engine from before serves on
            self._degradations.put(NO_ENGINE, error.message)
        self._events.emit(ModelUnavailable(error.message, error.remedy))

    def _on_spare_problem(self, error: SwictationError) -> None:
        if self.steward:
            self.steward.miss_cpu()
        self._events.emit(ModelUnavailable(error.message, error.remedy))

    def _on_mode(self, mode: str, reason: str) -> None:
        """Told once each: the log, a notification, `status` until it is over."""
        was, self._mode, self._mode_reason = self._mode, mode, reason
        self._show_modes()
        if mode != was:
            if mode:
                self._events.emit(ServiceModeDegraded(mode, reason))
            else:
                _log.info("all is as configured again")
        self._events.emit(StatusChanged())

    def _show_modes(self) -> None:
        reasons = {self._mode: self._mode_reason} if self._mode else {"cpu-engine": self._why_other}
        for name, degraded in _MODES.items():
            self._degradations.put(degraded, reasons.get(name, ""))
