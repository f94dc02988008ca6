"""Before the machine sleeps the GPU is given back; afterwards it is used again when needed."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from fakes.eventlines import as_lines
from fakes.scripted_engine import program
from fakes.scripted_engine.sound import make_scene
from faults.cell import Played, Watch, settings_for
from swictation.daemon.files import FileSession
from swictation.inject.none import NoneInjector
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.process


@pytest.fixture
def new_session(card, tmp_path, monkeypatch) -> Callable[[], FileSession]:
    for name, value in {**card.env(), "PYTHONPATH": str(program.HERE)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(program.HERE)
    words = [word._asdict() for word in make_scene(1, 2, 1).words]
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({"words": words, "card": {}}))
    return lambda: FileSession(settings_for(manifest), ModelLocation("scene", manifest), None)


def test_no_worker_holds_the_card_while_the_machine_sleeps_and_no_word_is_lost(new_session, card):
    async def run() -> str:
        watch, scene = Watch(), make_scene(1, 2, 1)
        session = new_session()
        session._events.subscribe(as_lines(watch.note))
        source = Played(scene.samples)
        async with session:
            playing = asyncio.create_task(session.play(source, NoneInjector()))
            await watch.until("card", action="asr", to="gpu")
            free_mib = card.free_mib()
            await session._executor.suspend()
            assert card.free_mib() > free_mib + 1000.0
            source.go.set()  # half of it, to the CPU
            await watch.until("final", utterance=0)
            assert [f["action"] for _, name, f in watch.seen if name == "card"].count("load") == 1
            session._executor.resume()
            await watch.until("worker", state="ready", seat="gpu", generation=3)
            source.play()
            return (await playing).text

    assert asyncio.run(run()).strip() == make_scene(1, 2, 1).text


@pytest.mark.slow
def test_a_reset_forgets_three_dead_workers(new_session):
    async def run() -> None:
        watch, source = Watch(), Played(make_scene(1, 2, 1).samples)
        session = new_session()
        session._events.subscribe(as_lines(watch.note))
        async with session:
            playing = asyncio.create_task(session.play(source, NoneInjector()))
            for death in range(3):
                worker = await watch.until("worker", state="ready", seat="gpu")
                watch.seen.clear()
                session._pool.gpu._worker.kill("for the test")
                gone = await watch.until("worker", state="gone", seat="gpu")
                assert gone["generation"] == worker["generation"], death
            status = session._executor.manager.status(session._clock.now_s())
            assert "3 workers" in status.breaker.why
            assert status.mode_reason == status.breaker.why
            assert session._executor.reset() == "cpu"
            await watch.until("worker", state="ready", seat="gpu")
            source.play()
            assert (await playing).text.strip() == make_scene(1, 2, 1).text

    asyncio.run(run())
