"""The workers in use: one on the CPU, and one on the GPU if an engine for it is configured.

The router decides which of them gets a request; the pool sends it.
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
"""The fork server's share of a worker's start time; the rest is left for a start by exec."""

_OTHER_CODE = re.compile(r"No module named '?swictation|cannot import name .* from '?swictation")
"""A worker says so where a module was removed or renamed, which leaves no younger file."""

_SIZE_MIB, _SIZE_FACTOR, _STANDBY_MIB = 500.0, 1.25, 256.0
"""One more worker is as large as the present one, or 500 MiB, times the factor; 256 stay free."""


class WorkerPool:
    """Supervisors by placement. Lives on the run loop's thread."""

    def __init__(
        self,
        settings: WorkerSettings,
        post: Callable[[Event], None],
        router: Router | None = None,
    ) -> None:
        """Start none yet.

        Args:
            settings: of the workers.
            post: gets their events.
            router: decides where requests go; None: no engine computes on the GPU.
        """
        self.router = router
        self._settings = settings
        generations = itertools.count(1)
        self.cpu = Supervisor(settings, post, "cpu", generations)
        self.forkserver = ForkServer(settings.start_timeout_s * _IMPORT_SHARE)
        """Forks the workers on the GPU, once it is started."""
        spawn = self.forkserver.spawn
        self.gpu = Supervisor(settings, post, "gpu", generations, spawn) if router else None
        self.standby = CpuStandby(self.cpu, settings.warm_min_available_mib)
        """Keeps a worker on the CPU beside the one on the GPU."""
        self.fork_policy = ForkServerPolicy(self.forkserver, settings.nursery_min_available_mib)

    @property
    def placement(self) -> Placement | None:
        """Where the next utterance goes, as the memory manager decides if there is one."""
        return self.router.manager.asr_placement if self.router else "cpu"

    @property
    def has_standby(self) -> bool:
        """Whether an engine on the CPU can serve."""
        return self.router is None or self.router.manager.cpu != "failed"

    @property
    def gpu_trouble(self) -> str:
        """Why no worker will start on the GPU any more; "" if one may."""
        return self.router.manager.lost_reason if self.router else ""

    @property
    def serving(self) -> Supervisor:
        """The supervisor whose worker answers now, or will."""
        return self.gpu if self.gpu and self.placement == "gpu" else self.cpu

    @property
    def is_ready(self) -> bool:
        """Whether speech is answered now without waiting for a model."""
        return self.placement is not None and self.serving.is_ready

    @property
    def state(self) -> Literal["none", "loading", "ready"]:
        """The state of the worker that serves, or will."""
        if self.serving.is_ready:
            return "ready"
        return "none" if self.serving.pid is None else "loading"

    @property
    def does_partials(self) -> bool:
        """Whether tentative text can be requested."""
        capabilities = self.serving.capabilities
        return self.is_ready and capabilities is not None and capabilities.partials

    @property
    def serves(self) -> tuple[str, str]:
        """The engine and model that really serve; empty until one was ready."""
        spec = self.serving.ready_spec
        return (spec.engine, spec.model) if spec else ("", "")

    @property
    def chunking(self) -> Chunking | None:
        """At which chunks an utterance that begins now is decoded; None: only as a whole."""
        capabilities = self.serving.capabilities
        return capabilities.chunking if self.is_ready and capabilities else None

    def streams(self, placement: Placement) -> bool:
        """Whether the engine there streams: it brings text while speech goes on."""
        capabilities = self.at(placement).capabilities
        return capabilities is not None and capabilities.chunking is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether restarts have proved useless for every placement."""
        is_cpu_lost = not self.has_standby or self.cpu.restarts.is_hopeless
        return is_cpu_lost and (self.gpu is None or bool(self.gpu_trouble))

    def is_spared(self, event: WorkerGone) -> bool:
        """Whether the worker's end is no loss: it was planned, or work goes on elsewhere."""
        if not event.is_fault or self.is_ready:
            return True
        if event.placement == "gpu":
            return self.has_standby
        return self.gpu is not None and self.gpu.is_wanted  # it loads, and may serve soon

    @property
    def has_room(self) -> bool:
        """Whether there is memory for one more worker on the CPU."""
        size_mib = _SIZE_FACTOR * (self.cpu.rss_mib or _SIZE_MIB)
        return psutil.virtual_memory().available >= (size_mib + _STANDBY_MIB) * MIB

    @property
    def pids(self) -> list[int]:
        """The process ids of all workers."""
        return [one.pid for one in self._all if one.pid is not None]

    def is_asked(self, number: int) -> bool:
        """Whether the answer to that request may still come."""
        return any(one.is_asked(number) for one in self._all)

    def at(self, placement: Placement) -> Supervisor:
        """The supervisor of a placement. Raises LookupError if there is none."""
        if placement == "gpu" and self.gpu is None:
            raise LookupError("no engine on a GPU is configured")
        return self.gpu if self.gpu and placement == "gpu" else self.cpu

    def begin_stream(self) -> None:
        """Utterance numbers begin again."""
        if self.router:
            self.router.begin_stream()

    def route(self, request: DecodeRequest, *, deaths_on_gpu: int = 0) -> Route:
        """Decide where a request goes; called each time before it is sent.

        `deaths_on_gpu`: how many workers on the GPU died on its utterance.
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
        """A route to the GPU for work that can wait; None: no worker, or no room now."""
        if self.router is None or self.gpu is None or not self.gpu.is_ready:
            return None
        return self.router.way_to_gpu(audio_s)

    def send(self, request: DecodeRequest, samples: Samples, route: Route) -> bool:
        """Send a request to the worker that `route` names; False if it is not ready."""
        if route.placement is None or not self.at(route.placement).is_ready:
            return False
        self.at(route.placement).send(request, samples, route.piece_samples)
        return True

    def background_worker(self, post: Callable[[Event], None], patience: float) -> Supervisor:
        """Make a supervisor for one more worker on the CPU, with the lowest priority.

        A decode may take `patience` times as long. The caller ends it.
        """
        hang_min_s = patience * self._settings.hang_min_s
        settings = msgspec.structs.replace(self._settings, hang_min_s=hang_min_s)
        return Supervisor(settings, post, spawn=by_exec_in_the_background)

    def wake(self) -> None:
        """Somebody speaks: end the waits before the next starts."""
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
    """The error for the user when no worker stays alive. `restart`: how to start this again."""
    said = error.message if error else reason
    if was_updated_under(os.getpid()) or _OTHER_CODE.search(said):
        return WorkerError(
            "swictation was updated while it ran, and the new engine does not fit the old daemon "
            f"({said.rstrip('.')}).",
            restart,
        )
    if error:
        return error
    is_explained = SAID in reason  # the engine, perhaps a plug-in, printed a reason
    return WorkerError(
        f"The speech engine keeps dying ({reason}), so nothing can be transcribed.",
        noted("swictation doctor", f"for an engine of your own: {CONTRACT}")
        if is_explained
        else "swictation doctor",
    )
