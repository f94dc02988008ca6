"""Where the steward sends requests, over streams that each count their utterances anew."""

import asyncio
import itertools

import pytest

from fakes.told_manager import serving
from swictation.clock import SimClock
from swictation.daemon.steward import Steward
from swictation.dispatcher import Dispatcher
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest
from swictation.vad.placed import Switch
from swictation.vram.nvml import NvmlProbe
from swictation.vram.prober import Prober
from swictation.worker.crew import Crew

pytestmark = pytest.mark.unit


class Stream:
    """Recognition of one stream, all of whose utterances killed so many workers on the card."""

    def __init__(self, deaths):
        self._deaths = deaths

    def ask_again(self):
        pass

    def deaths_on_gpu(self, utterance):
        return self._deaths


def test_the_first_utterance_of_a_stream_does_not_follow_that_of_the_last_one():
    async def test():
        daemon = serving()
        daemon.tell("on_cpu", "ready")
        clock, settings = SimClock(daemon.now_s), daemon.settings
        crew = Crew(settings.worker, lambda _: None, has_card=True)
        steward = Steward(
            settings,
            daemon.manager,
            crew,
            Prober(NvmlProbe(clock=clock), lambda _: None, settings.vram, clock),
            Dispatcher(),
            clock,
            itertools.count(1),
            switch=Switch(lambda _: None),
            card_uuid=lambda: "",
            on_mode=lambda _mode, _reason: None,
        )
        crew.cpu._is_ready = True  # its process is of no matter here
        request = DecodeRequest(1, 0, 0, SAMPLE_RATE_HZ)
        steward.serve(Stream(deaths=2))
        assert steward.route(request).seat == "cpu"
        steward.serve(Stream(deaths=0))
        assert steward.route(request).seat == "gpu"

    asyncio.run(test())
