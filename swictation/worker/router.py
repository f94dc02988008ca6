"""Decides where requests go if an engine computes on the GPU.

The memory manager decides, with one rule: an utterance that began on the CPU also ends there.
"""

from typing import TYPE_CHECKING

from swictation.clock import Clock
from swictation.gpu.effects import Route
from swictation.types import DecodeRequest, Placement

if TYPE_CHECKING:  # imported only where a GPU is used
    from swictation.gpu.manager.manager import AdaptiveMemoryManager

_NO_UTTERANCE: tuple[int, Placement] = (-1, "cpu")


class Router:
    """Asks the manager, and remembers the placement of the last utterance. Run loop only."""

    def __init__(self, manager: "AdaptiveMemoryManager", clock: Clock) -> None:
        self.manager = manager
        self._clock = clock
        self._current = _NO_UTTERANCE
        """The utterance that was routed last, and its placement."""
        self._refused = 0
        self._is_waiting = False
        self.needs_cpu = False
        """The last request goes to the CPU engine, so it has to be there."""

    def begin_stream(self) -> None:
        """Utterance numbers begin again."""
        self._current = _NO_UTTERANCE

    def refused(self, number: int) -> None:
        """The worker on the GPU had no room for that request."""
        self._refused = number

    def take_waiting(self) -> bool:
        """Whether a request was sent nowhere since this was last asked."""
        is_waiting, self._is_waiting = self._is_waiting, False
        return is_waiting

    def route(
        self, request: DecodeRequest, *, deaths_on_gpu: int, is_cpu_ready: bool, is_cpu_wanted: bool
    ) -> Route:
        """Decide where a request goes.

        Args:
            request: the request.
            deaths_on_gpu: how many workers on the GPU died on its utterance.
            is_cpu_ready: the CPU engine is ready.
            is_cpu_wanted: the CPU engine is ready, or will be.
        """
        utterance, placement = self._current
        if request.utterance == utterance and placement == "cpu" and is_cpu_ready:
            return Route("cpu")
        if request.number == self._refused and self.manager.cpu != "failed" and is_cpu_wanted:
            return self._note(request, Route("cpu"))
        route = self.manager.admit(
            self._clock.now_s(),
            request.duration_s,
            deaths_on_gpu=deaths_on_gpu,
            is_counted=not request.partial,
        )
        return self._note(request, route)

    def way_to_gpu(self, audio_s: float) -> Route | None:
        """A route to the GPU for work that can wait, if there is room; nothing is counted."""
        now_s = self._clock.now_s()
        route = self.manager.admit(now_s, audio_s, deaths_on_gpu=0, is_counted=False)
        return route if route.placement == "gpu" else None

    def _note(self, request: DecodeRequest, route: Route) -> Route:
        if request.partial:
            return route
        self._is_waiting = route.placement is None
        self.needs_cpu = route.placement == "cpu"
        if route.placement:
            self._current = (request.utterance, route.placement)
        return route
