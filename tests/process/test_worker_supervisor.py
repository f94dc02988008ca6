"""The supervisor alone, with a real worker on the scripted engine."""

import asyncio
import contextlib
import itertools
import os
import signal

import msgspec
import numpy as np
import psutil
import pytest

from fakes.scripted_engine.program import HERE
from fakes.signals import eventually
from patience import PATIENCE_S, starts
from swictation.asr.engine import EngineSpec
from swictation.config.settings import WorkerSettings
from swictation.events import WorkerAnswered, WorkerGone, WorkerReady
from swictation.types import DecodeRequest
from swictation.worker.supervisor import Supervisor

pytestmark = pytest.mark.process

SILENCE = np.zeros(16_000, np.int16)


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def supervise(tmp_path):
    @contextlib.asynccontextmanager
    async def supervise(*faults, **settings):
        path = tmp_path / "manifest.json"
        word = {"first_sample": 0, "last_sample": 16_000, "text": " Marigold."}
        path.write_bytes(msgspec.json.encode({"words": [word], "faults": faults}))
        events = asyncio.Queue()
        spec = EngineSpec("scripted", "", str(path), "en")
        supervisor = Supervisor(WorkerSettings(**settings), events.put_nowait)
        supervisor.start(spec)

        async def wait_for(kind):
            while True:
                event = await asyncio.wait_for(events.get(), PATIENCE_S)
                if isinstance(event, kind):
                    return event

        try:
            yield supervisor, wait_for
        finally:
            await supervisor.stop()

    return supervise


def request(number, **fields):
    return DecodeRequest(number, fields.pop("utterance", 0), 0, len(SILENCE), **fields)


def test_a_request_is_answered_by_number_and_generation(supervise):
    async def main():
        async with supervise() as (supervisor, wait_for):
            ready = await wait_for(WorkerReady)
            assert (ready.generation, ready.pid) == (1, supervisor.pid)
            supervisor.send(request(7), SILENCE)
            answer = await wait_for(WorkerAnswered)
            assert (answer.generation, answer.number) == (1, 7)
            assert answer.hypothesis.new_text == " Marigold."
            assert supervisor.rss_mib > 10

    asyncio.run(main())


def test_a_worker_that_died_this_moment_may_be_ended_again(supervise, tmp_path):
    """To look whether it lives must not bury it: then it could not be waited for."""

    async def main():
        async with supervise() as (supervisor, wait_for):
            await wait_for(WorkerReady)
            worker = psutil.Process(supervisor.pid)
            worker.kill()
            assert eventually(lambda: worker.status() == "zombie")
            other = (tmp_path / "manifest.json").rename(tmp_path / "other.json")
            for name in ("nobody's", str(other)):
                supervisor.use(EngineSpec("scripted", "", name, "en"))
            assert (await wait_for(WorkerReady)).generation == 2

    asyncio.run(main())


def test_more_requests_do_not_prolong_the_deadline_of_one_that_hangs(supervise):
    """Who speaks on and on must not keep a hung worker alive."""

    async def main():
        hang = {"kind": "hang", "utterance": 0}
        async with supervise(hang, hang_min_s=starts(4), hang_factor=2.0) as (supervisor, wait_for):
            await wait_for(WorkerReady)
            gone = asyncio.create_task(wait_for(WorkerGone))
            for number in itertools.count():
                supervisor.send(request(number), SILENCE)
                done, _ = await asyncio.wait([gone], timeout=0.2)
                if done:
                    break
            assert "it hung" in gone.result().reason

    asyncio.run(main())


def test_the_one_that_is_decoded_is_blamed_and_a_partial_never(supervise):
    async def main():
        die = {"kind": "signal", "on": "decode"}
        die_on_partial = {"kind": "signal", "on": "partial"}
        async with supervise(die, die_on_partial) as (supervisor, wait_for):
            await wait_for(WorkerReady)
            supervisor.send(request(1, utterance=3), SILENCE)
            supervisor.send(request(2, utterance=4), SILENCE)
            assert (await wait_for(WorkerGone)).utterance == 3
            await wait_for(WorkerReady)
            supervisor.send(request(3, utterance=5, partial=True), SILENCE)
            supervisor.send(request(4, utterance=5), SILENCE)
            assert (await wait_for(WorkerGone)).utterance is None

    asyncio.run(main())


def test_an_idle_worker_that_falls_silent_is_replaced_before_it_is_needed(supervise):

    async def main():
        async with supervise(ping_interval_s=0.1, ping_timeout_s=starts(4)) as (
            supervisor,
            wait_for,
        ):
            first = await wait_for(WorkerReady)
            os.kill(first.pid, signal.SIGSTOP)
            gone = await wait_for(WorkerGone)
            assert (gone.reason, gone.is_fault) == ("it no longer answers", True)
            second = await wait_for(WorkerReady)
            assert second.generation == 2
            assert supervisor.is_ready

    asyncio.run(main())


def test_an_idle_worker_that_babbles_is_replaced(supervise):
    async def main():
        babble = {"kind": "babble", "on": "load"}
        async with supervise(babble) as (_, wait_for):
            gone = await wait_for(WorkerGone)
            assert "a flood of answers" in gone.reason
            assert (await wait_for(WorkerReady)).generation == 2

    asyncio.run(main())


def test_an_idle_worker_stays(supervise):
    async def main():
        async with supervise(ping_interval_s=0.1, ping_timeout_s=starts(4)) as (
            supervisor,
            wait_for,
        ):
            await wait_for(WorkerReady)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wait_for(WorkerGone), starts(6))
            assert supervisor.generation == 1

    asyncio.run(main())


def test_a_recycled_worker_is_no_fault_and_the_next_one_comes_at_once(supervise):
    async def main():
        async with supervise() as (supervisor, wait_for):
            await wait_for(WorkerReady)
            supervisor.recycle("too fat")
            assert not supervisor.is_ready
            gone = await wait_for(WorkerGone)
            assert (gone.reason, gone.is_fault) == ("too fat", False)
            assert (await wait_for(WorkerReady)).generation == 2
            assert supervisor.restarts.failures == 0

    asyncio.run(main())


@pytest.mark.parametrize("moment", ["at once", "loading", "ready", "decoding", "closing"])
def test_a_stop_ends_the_worker_whatever_it_is_doing(supervise, moment):
    hangs_on = {"loading": "load", "decoding": "decode", "closing": "close"}.get(moment)
    faults = [{"kind": "hang", "on": hangs_on}] if hangs_on else []

    async def main():
        async with supervise(*faults, hang_min_s=600.0, ping_timeout_s=600.0) as (
            supervisor,
            wait_for,
        ):
            if moment not in ("at once", "loading"):
                await wait_for(WorkerReady)
            if moment == "decoding":
                supervisor.send(request(1), SILENCE)
            await asyncio.wait_for(supervisor.stop(), PATIENCE_S)
        assert supervisor.pid is None

    asyncio.run(main())


def test_deaths_in_a_row_are_counted_until_one_answers(supervise):
    async def main():
        die = {"kind": "exit", "on": "load", "times": 2}
        async with supervise(die) as (supervisor, wait_for):
            for failures in (1, 2):
                gone = await wait_for(WorkerGone)
                assert gone.reason == "it exited with 139"
                assert supervisor.restarts.failures == failures
            await wait_for(WorkerReady)
            assert supervisor.restarts.failures == 2, "ready is not enough"
            supervisor.send(request(1), SILENCE)
            await wait_for(WorkerAnswered)
            assert supervisor.restarts.failures == 0

    asyncio.run(main())


def test_who_releases_the_worker_while_it_is_being_stopped_does_not_hold_up_the_end(supervise):
    async def main():
        async with supervise() as (supervisor, wait_for):
            await wait_for(WorkerReady)
            stopping = asyncio.create_task(supervisor.stop())
            await asyncio.sleep(0)
            supervisor.release("idle")
            await asyncio.wait_for(stopping, PATIENCE_S)
            assert supervisor.pid is None

    asyncio.run(main())
