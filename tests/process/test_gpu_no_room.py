"""What the GPU has no room for waits where nobody else can take it, and is asked again."""

import asyncio
import itertools

import msgspec
import pytest

from fakes.eventlines import as_lines
from fakes.nvml.card import FakeCard
from fakes.scripted_engine import program
from fakes.scripted_engine.sound import make_scene
from faults.cell import Played, Watch
from patience import PATIENCE_S
from swictation.config.settings import AsrSettings, Settings, VramSettings
from swictation.daemon.files import FileSession
from swictation.inject.none import NoneInjector
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.process

LEFT_MIB = 225.0
"""Not EMERGENCY yet, and no room for four seconds."""


@pytest.fixture
def sees_card(card: FakeCard, monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    for name, value in {**card.env(), "PYTHONPATH": str(program.HERE)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(program.HERE)
    card.set_hidden(400)
    return card


def test_a_request_without_room_is_asked_again_when_there_is_some(sees_card, tmp_path):
    scene, manifest = make_scene(1, 1), tmp_path / "manifest.json"
    words = [word._asdict() for word in scene.words]
    manifest.write_bytes(msgspec.json.encode({"words": words, "card": {}}))
    outcome = asyncio.run(_play(sees_card, scene, manifest))
    assert outcome.text.strip() == scene.text
    assert not outcome.lost_samples


async def _play(card, scene, manifest):
    watch, source = Watch(), Played(scene.samples)
    session = FileSession(_settings(manifest), ModelLocation("scene", manifest), None)
    session._events.subscribe(as_lines(watch.note))
    async with asyncio.timeout(PATIENCE_S), session:
        playing = asyncio.create_task(session.play(source, NoneInjector()))
        try:
            await watch.until("card", action="asr", to="gpu")
            card.set_hidden(400 + card.free_mib() - LEFT_MIB)
            await watch.until("level", level="CRITICAL")
            source.play()
            await _waits(watch)
            card.set_hidden(400)
            return await playing
        finally:
            source.play()
            playing.cancel()


async def _waits(watch):
    """The GPU has refused; the daemon says so."""
    for _ in itertools.count():
        fault = await watch.until("fault", kind="placement")
        if "no room for the utterance" in fault["message"]:
            return
        watch.seen = [one for one in watch.seen if one[2] != fault]


def _settings(manifest):
    return Settings(
        asr=AsrSettings(
            engine="scripted", model=str(manifest), device="cuda", cpu_engine="", partials="off"
        ),
        vram=VramSettings(
            read_every_s=0.05,
            read_every_near_s=0.05,
            read_every_absent_s=0.1,
            dwell_up_s=0.1,
            dwell_down_s=0.2,
            cool_down_s=0.2,
        ),
    )
