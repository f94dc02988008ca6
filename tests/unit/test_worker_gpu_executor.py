"""Where requests go, over streams that each count their utterances anew."""

import asyncio

import pytest

from fakes.told_manager import serving
from swictation.clock import SimClock
from swictation.types import SAMPLE_RATE_HZ, DecodeRequest
from swictation.worker.pool import WorkerPool
from swictation.worker.router import Router

pytestmark = pytest.mark.unit


def test_the_first_utterance_of_a_stream_does_not_follow_that_of_the_last_one():
    async def test():
        daemon = serving()
        daemon.tell("on_cpu", "ready")
        router = Router(daemon.manager, SimClock(daemon.now_s))
        crew = WorkerPool(daemon.settings.worker, lambda _: None, router)
        crew.cpu._is_ready = True  # its process is of no matter here
        request = DecodeRequest(1, 0, 0, SAMPLE_RATE_HZ)
        assert crew.route(request, deaths_on_gpu=2).placement == "cpu"
        assert crew.route(request, deaths_on_gpu=0).placement == "cpu"
        crew.begin_stream()
        assert crew.route(request, deaths_on_gpu=0).placement == "gpu"

    asyncio.run(test())
