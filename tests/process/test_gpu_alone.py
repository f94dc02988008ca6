"""An engine on the GPU with nobody beside it: what it cannot do is told, and holds nothing up."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from fakes.eventlines import as_lines
from fakes.nvml.card import DRIVER_NOT_LOADED
from fakes.scripted_engine import program
from fakes.scripted_engine.sound import make_scene
from faults.cell import DESKTOP_MIB, Played, Watch, settings_for
from swictation.daemon.files import FileSession
from swictation.dictation.stream import Outcome
from swictation.errors import WorkerError
from swictation.inject.none import NoneInjector
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.process

SCENE = make_scene(1, 2, 1)


@pytest.fixture
def play(card, tmp_path, monkeypatch):
    """Play the scene to its end; `waits`: not before the GPU serves."""
    for name, value in {**card.env(), "PYTHONPATH": str(program.HERE)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(program.HERE)
    card.set_hidden(DESKTOP_MIB)

    def run(*faults: dict, cpu_engine: str = "", waits: bool = True) -> Outcome:
        manifest = tmp_path / "manifest.json"
        words = [word._asdict() for word in SCENE.words]
        script = {"words": words, "card": {}, "faults": faults}
        manifest.write_bytes(msgspec.json.encode(script))
        settings = settings_for(manifest)
        settings = replace(settings, asr=replace(settings.asr, cpu_engine=cpu_engine))

        async def to_the_end() -> Outcome:
            watch, source = Watch(), Played(SCENE.samples)
            session = FileSession(settings, ModelLocation("scene", manifest), None)
            session._events.subscribe(as_lines(watch.note))
            async with session:
                playing = asyncio.create_task(session.play(source, NoneInjector()))
                try:
                    if waits:
                        await watch.until("card", action="asr", to="gpu")
                    source.play()
                    return await asyncio.wait_for(asyncio.shield(playing), 90)
                finally:
                    source.play()

        return asyncio.run(to_the_end())

    return run


@pytest.mark.slow
def test_a_file_ends_with_the_reason_when_three_workers_have_died(play):
    deaths = [{"kind": "signal", "device": "cuda", "utterance": n} for n in range(3)]
    with pytest.raises(WorkerError, match="keeps dying"):
        play(*deaths)


def test_a_file_ends_with_the_reason_where_there_is_no_driver(play, card):
    card.fail_init(DRIVER_NOT_LOADED)
    with pytest.raises(WorkerError, match="driver"):
        play(waits=False)


@pytest.mark.slow
def test_a_broken_spare_keeps_nobody_from_a_card_that_loads(play):
    broken = {"kind": "load-error", "on": "load", "device": "cpu", "times": 0}
    slow = {"kind": "wait", "on": "load", "device": "cuda", "args": {"seconds": 2.0}}
    outcome = play({**broken, "args": {"message": "broken"}}, slow, cpu_engine="scripted")
    assert outcome.text.strip() == SCENE.text
