"""The worker on the GPU: who supervises it and who decides about it agree, in any order of events.

All is real but the worker itself, which the test plays: its process only waits to be killed.
"""

import asyncio

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fakes.gpu_world import in_a_world
from swictation.gpu.effects import LevelChanged, StopGpu

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


async def dictates(world):
    """With a worker that is ready, and whose engine is trusted."""
    world.listens()
    world.reads(7000.0)
    await world.come_to_rest()
    while not world.workers:
        await asyncio.sleep(0)
    world.worker.become_ready()
    while world.manager.asr_placement != "gpu":
        world.reads(6000.0)
        await world.come_to_rest()
        world.worker.serve()
        await asyncio.sleep(0)


STEPS = st.one_of(
    st.sampled_from(["listens", "is_silent", "speaks", "sleeps", "wakes"]),
    st.sampled_from(["ready", "dies", "serves", "serves with oom", "handles", "handles", "rests"]),
    st.tuples(st.just("reads"), st.sampled_from([7000.0, 6000.0, 5000.0, 900.0, 150.0])),
    st.tuples(st.just("cannot_read"), st.sampled_from(["asleep", "lost", "stuck"])),
    st.tuples(st.just("time_passes"), st.sampled_from([0.1, 5.0, 20.0, 400.0])),
    st.tuples(st.just("set_engine"), st.sampled_from(["one", "other"])),
)


async def take(world, step):
    match step:
        case "ready" if world.worker and not world.pool.gpu.is_ready:
            world.worker.become_ready()
        case "dies" if world.worker:
            world.worker.die()
        case "serves" | "serves with oom" if world.worker:
            world.worker.serve(oom=step == "serves with oom")
        case "handles":
            await world.handle_one()
        case "rests":
            await world.come_to_rest()
        case (name, value):
            getattr(world, name)(value)
        case "listens" | "is_silent" | "speaks" | "sleeps" | "wakes":
            getattr(world, step)()


@pytest.fixture
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@given(st.booleans(), st.lists(STEPS, max_size=40))
@example(True, ["dies", ("reads", 150.0), "rests"])
@example(True, [("set_engine", "other"), "rests", "dies", "rests"])
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_manager_and_supervisor_agree_whatever_happens(patched, is_serving, steps):
    async def scene(world):
        if is_serving:
            await dictates(world)
        for step in steps:
            await take(world, step)
            world.check()
        await world.come_to_rest()

    in_a_world(patched, scene)


def test_a_worker_whose_engine_is_replaced_is_stopping_for_everybody(patched):
    async def scene(world):
        await dictates(world)
        world.set_engine("other")
        assert world.phase == "stopping"
        assert not world.pool.gpu.is_ready
        assert world.pool.placement != "gpu"

    in_a_world(patched, scene)


def test_a_worker_that_died_unseen_is_not_gone_twice(patched):
    """Its end is on its way: to tell of another would end the one that follows it."""

    async def scene(world):
        await dictates(world)
        world.worker.die()
        while world.inbox.empty():
            await asyncio.sleep(0)
        assert world.pool.gpu.release("for the test")  # its end will be told
        await world.come_to_rest()
        assert world.phase == "loading"  # the next one

    in_a_world(patched, scene)


def test_a_change_of_seat_is_asked_about_once(patched):
    async def scene(world):
        assert world.pool.placement == "cpu"
        before = world.asked_again
        world.executor.cpu_unavailable()
        assert world.pool.placement is None
        assert world.asked_again == before + 1

    in_a_world(patched, scene, cpu_engine="whisper")


def test_what_an_effect_brings_about_comes_behind_what_is_due(patched):
    async def scene(world):
        world.listens()
        world.reads(7000.0)
        await world.handle_one()
        assert world.told[-1] == "load"
        world.told.clear()
        # Its process has not begun: it is gone at once, and there is room for another.
        world.executor._settle([StopGpu("for the test"), LevelChanged("WARNING", "NORMAL", 0.9)])
        assert world.told == ["stop", "level", "load"]

    in_a_world(patched, scene)


def test_effects_without_end_leave_the_run_loop_its_turn(patched):
    async def scene(world):
        world.told.clear()
        world.executor._settle([LevelChanged("WARNING", "NORMAL", 0.9)] * 250)
        assert len(world.told) < 250
        while len(world.told) < 250:
            await asyncio.sleep(0)

    in_a_world(patched, scene)
