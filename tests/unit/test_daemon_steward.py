"""Where the steward sends requests, over streams that each count their utterances anew."""

import asyncio

import pytest

from fakes.told_manager import serving
from swictation.clock import SimClock
from swictation.dispatcher import Dispatcher
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.poller import Prober
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest
from swictation.vad.switchable import Switch
from swictation.worker.gpu_actions import GpuActions
from swictation.worker.gpu_executor import Steward
from swictation.worker.pool import Crew
from swictation.worker.router import Router

pytestmark = pytest.mark.unit


class Asker:
    """Recognition of one stream."""

    def __init__(self):
        self.asked = 0

    def ask_again(self):
        self.asked += 1


def test_the_first_utterance_of_a_stream_does_not_follow_that_of_the_last_one():
    async def test():
        daemon = serving()
        daemon.tell("on_cpu", "ready")
        clock, settings = SimClock(daemon.now_s), daemon.settings
        crew = Crew(settings.worker, lambda _: None, Router(daemon.manager, clock))
        prober = Prober(NvmlProbe(clock=clock), lambda _: None, settings.vram, clock)
        actions = GpuActions(crew, prober, Switch(lambda _: None), Dispatcher())
        steward = Steward(crew, prober, actions, clock, lambda _mode, _reason: None)
        crew.cpu._is_ready = True  # its process is of no matter here
        request = DecodeRequest(1, 0, 0, SAMPLE_RATE_HZ)
        steward.serve(Asker())
        assert crew.route(request, deaths_on_gpu=2).seat == "cpu"
        steward.serve(Asker())
        assert crew.route(request, deaths_on_gpu=0).seat == "gpu"

    asyncio.run(test())
