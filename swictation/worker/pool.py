"""The workers in use: one on the processor, and one on the GPU where that is wanted.

Which of them is asked is a policy's business; here it is carried out.
"""

import itertools
import os
import re
from collections.abc import Callable
from typing import Literal

import msgspec
import psutil

from swictation.asr.registry import CONTRACT
from swictation.build import was_updated_under
from swictation.config.settings import WorkerSettings
from swictation.errors import SwictationError, WorkerError
from swictation.events import Event, WorkerGone
from swictation.gpu.effects import Route
from swictation.remedies import noted
from swictation.types import MIB, Chunking, DecodeRequest, Placement, Samples
from swictation.worker.forkserver.server import ForkServer
from swictation.worker.process import SAID
from swictation.worker.router import Router
from swictation.worker.spawn import by_exec_in_the_background
from swictation.worker.standby import CpuStandby, ForkServerPolicy
from swictation.worker.supervisor import Supervisor

_IMPORT_SHARE = 0.75
"""Of the time that a worker's start may take: in what is left it is begun by exec."""

_OTHER_CODE = re.compile(r"No module named '?swictation|cannot import name .* from '?swictation")
"""A worker says so where a module was removed or renamed, which leaves no younger file."""

_SIZE_MIB, _SIZE_FACTOR, _STANDBY_MIB = 500.0, 1.25, 256.0
"""Of a worker beside the one that serves: as large as that, or this where there is none."""


class WorkerPool:
    """Supervisors by placement. Lives on the run loop's thread."""

    def __init__(
        self,
        settings: WorkerSettings,
        post: Callable[[Event], None],
        router: Router | None = None,
    ) -> None:
        """Start none.

        Args:
            settings: how they are kept.
            post: takes their events.
            router: says where requests go; None: no engine computes on the GPU.
        """
        self.router = router
        self._settings = settings
        generations = itertools.count(1)
        self.cpu = Supervisor(settings, post, "cpu", generations)
        self.forkserver = ForkServer(settings.start_timeout_s * _IMPORT_SHARE)
        """Where the workers on the GPU may come from; none runs until somebody wishes it."""
        spawn = self.forkserver.spawn
        self.gpu = Supervisor(settings, post, "gpu", generations, spawn) if router else None
        self.standby = CpuStandby(self.cpu, settings.warm_min_available_mib)
        """When there is one on the processor too, where one on the GPU is wanted."""
        self.fork_policy = ForkServerPolicy(self.forkserver, settings.nursery_min_available_mib)

    @property
    def placement(self) -> Placement | None:
        """Where the next utterance goes: the memory manager knows, where there is one."""
        return self.router.manager.asr_placement if self.router else "cpu"

    @property
    def has_standby(self) -> bool:
        """Whether an engine on the processor can be had."""
        return self.router is None or self.router.manager.cpu != "failed"

    @property
    def gpu_trouble(self) -> str:
        """Why no worker will come onto the GPU any more, as far as can be foreseen."""
        return self.router.manager.lost_reason if self.router else ""

    @property
    def serving(self) -> Supervisor:
        """Who answers at present, or is to."""
        return self.gpu if self.gpu and self.placement == "gpu" else self.cpu

    @property
    def is_ready(self) -> bool:
        """Whether a word spoken now is answered without waiting for a model."""
        return self.placement is not None and self.serving.is_ready

    @property
    def state(self) -> Literal["none", "loading", "ready"]:
        """Of the process that serves, or is to."""
        if self.serving.is_ready:
            return "ready"
        return "none" if self.serving.pid is None else "loading"

    @property
    def does_partials(self) -> bool:
        """Whether tentative text may be asked for."""
        capabilities = self.serving.capabilities
        return self.is_ready and capabilities is not None and capabilities.partials

    @property
    def serves(self) -> tuple[str, str]:
        """Which engine really serves, with which model; empty until one was ready."""
        spec = self.serving.ready_spec
        return (spec.engine, spec.model) if spec else ("", "")

    @property
    def chunking(self) -> Chunking | None:
        """Where an utterance that begins now is decoded while it goes on; None: nowhere."""
        capabilities = self.serving.capabilities
        return capabilities.chunking if self.is_ready and capabilities else None

    def streams(self, placement: Placement) -> bool:
        """Whether the engine there brings text of speech that goes on."""
        capabilities = self.at(placement).capabilities
        return capabilities is not None and capabilities.chunking is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether starting again has proved useless, wherever a request could go."""
        is_cpu_lost = not self.has_standby or self.cpu.restarts.is_hopeless
        return is_cpu_lost and (self.gpu is None or bool(self.gpu_trouble))

    def is_spared(self, event: WorkerGone) -> bool:
        """Whether work goes on elsewhere after that end, or it was wanted."""
        if not event.is_fault or self.is_ready:
            return True
        if event.placement == "gpu":
            return self.has_standby
        return self.gpu is not None and self.gpu.is_wanted  # it loads, and may serve soon

    @property
    def has_room(self) -> bool:
        """Whether there is memory for one more worker on the processor."""
        size_mib = _SIZE_FACTOR * (self.cpu.rss_mib or _SIZE_MIB)
        return psutil.virtual_memory().available >= (size_mib + _STANDBY_MIB) * MIB

    @property
    def pids(self) -> list[int]:
        """Of all workers."""
        return [one.pid for one in self._all if one.pid is not None]

    def is_asked(self, number: int) -> bool:
        """Whether the answer to that request may still come."""
        return any(one.is_asked(number) for one in self._all)

    def at(self, placement: Placement) -> Supervisor:
        """The supervisor of a placement. Raises LookupError: there is no such placement."""
        if placement == "gpu" and self.gpu is None:
            raise LookupError("no engine on a GPU is configured")
        return self.gpu if self.gpu and placement == "gpu" else self.cpu

    def begin_stream(self) -> None:
        """Utterances are counted anew."""
        if self.router:
            self.router.begin_stream()

    def route(self, request: DecodeRequest, *, deaths_on_gpu: int = 0) -> Route:
        """Where a request goes, each time it is to be sent.

        `deaths_on_gpu`: how many workers on the GPU died of its utterance.
        """
        if self.router is None:
            return Route("cpu")
        return self.router.route(
            request,
            deaths_on_gpu=deaths_on_gpu,
            is_cpu_ready=self.cpu.is_ready,
            is_cpu_wanted=self.cpu.is_wanted,
        )

    def way_to_gpu(self, audio_s: float) -> Route | None:
        """For work that can wait; None: there is no room there now, or no worker."""
        if self.router is None or self.gpu is None or not self.gpu.is_ready:
            return None
        return self.router.way_to_gpu(audio_s)

    def send(self, request: DecodeRequest, samples: Samples, route: Route) -> bool:
        """Ask the worker that `route` names; False where it is not ready."""
        if route.placement is None or not self.at(route.placement).is_ready:
            return False
        self.at(route.placement).send(request, samples, route.piece_samples)
        return True

    def background_worker(self, post: Callable[[Event], None], patience: float) -> Supervisor:
        """One more on the processor, behind everything else in the machine's favour.

        It is given `patience` times as long for a decode. Whoever asked for it ends it.
        """
        hang_min_s = patience * self._settings.hang_min_s
        settings = msgspec.structs.replace(self._settings, hang_min_s=hang_min_s)
        return Supervisor(settings, post, spawn=by_exec_in_the_background)

    def wake(self) -> None:
        """Somebody speaks: do not wait any longer before the next start."""
        for one in self._all:
            one.wake()

    async def stop(self) -> None:
        """End all workers and wait for them."""
        for one in reversed(self._all):
            await one.stop()
        await self.forkserver.stop()

    @property
    def _all(self) -> list[Supervisor]:
        return [self.cpu, self.gpu] if self.gpu else [self.cpu]


def gave_up(reason: str, error: SwictationError | None, restart: str) -> SwictationError:
    """What to tell a user when no worker can be kept alive. `restart`: how to start this anew."""
    said = error.message if error else reason
    if was_updated_under(os.getpid()) or _OTHER_CODE.search(said):
        return WorkerError(
            "swictation was updated while it ran, and its new engine does not fit the old daemon "
            f"({said.rstrip('.')}).",
            restart,
        )
    if error:
        return error
    is_explained = SAID in reason  # by an engine that anybody may have written
    return WorkerError(
        f"The speech engine keeps dying ({reason}), so nothing can be transcribed.",
        noted("swictation doctor", f"for an engine of your own: {CONTRACT}")
        if is_explained
        else "swictation doctor",
    )
