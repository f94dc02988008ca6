"""A dictation whose engine dies twice on an utterance: its words are never silently missing."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from fakes.scripted_engine.sound import make_scene, repeated
from faults.cell import settings_for
from faults.pairs import SCENE, all_tried, dies, said, states
from swictation.backoff import Backoff
from swictation.config.settings import FeedbackSettings
from swictation.daemon.feedback import Feedback
from swictation.doctor.orphaned_audio import find, quarantined
from swictation.errors import SwictationError
from swictation.events import WorkerFailed
from swictation.paths import spool_dir

pytestmark = pytest.mark.process

FULL_MIB, FREE_MIB = 3900.0, 400.0


class Shown:
    """What notifications said."""

    def __init__(self):
        self.notices = []

    def notify(self, kind, summary, body="", urgent=False):
        self.notices.append(f"{summary}: {body}")

    def play(self, cue):
        pass


def test_it_is_named_at_once_tried_by_itself_and_offered(dictating):
    """Into the held list, not into the window where other words stand by now; then it is over."""

    async def test(desk):
        shown = Shown()
        desk.events.subscribe(Feedback(shown, shown, FeedbackSettings()).on_fact)
        speaking = asyncio.create_task(desk.dictate())
        await desk.until(lambda: bool(desk.told("fault", kind="set-aside")))
        (told,) = desk.told("fault", kind="set-aside")
        (named,) = desk.retries.asides
        assert named.path == told["path"]
        assert Path(named.path).is_relative_to(spool_dir())
        assert told["path"] in told["message"]
        await speaking
        await desk.until(lambda: bool(desk.held))
        assert states(desk) == ["begun", "offered"]
        assert (desk.typed, desk.held) == (said(desk, 0, 2), said(desk, 1))
        notices = [notice for notice in shown.notices if "died twice" in notice]
        assert len(notices) == 1
        assert told["path"] in notices[0]
        assert not desk.retries.asides
        await desk.eventually(lambda: not quarantined(spool_dir()))
        assert await desk.dictation.paste_last() == 1
        assert desk.typed == said(desk, 0, 2, 1)
        await desk.eventually(lambda: not Path(told["path"]).exists())

    dictating(test, u1=2)


@pytest.mark.slow
def test_doctor_names_what_the_living_daemon_has_set_aside(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (found,) = quarantined(spool_dir())
        (named,) = desk.retries.asides
        assert (str(found.path), found.is_tried_again) == (named.path, True)
        assert found.seconds == pytest.approx(named.audio_s, abs=0.5)

    dictating(test, u1=3)


@pytest.mark.slow
def test_it_is_tried_once_more_when_the_engine_has_served_other_work(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        assert [aside.state for aside in desk.retries.asides] == ["pending"]
        await desk.dictate()
        await desk.until(lambda: bool(desk.held))
        assert states(desk) == ["begun", "failed", "begun", "offered"]
        assert desk.held == said(desk, 1)

    dictating(test, u1=3)


def test_then_it_waits_for_the_user(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        await desk.dictate()
        await all_tried(desk, "waits")
        await desk.dictate()
        await desk.dictate()
        assert states(desk).count("begun") == 2
        assert [aside.state for aside in desk.retries.asides] == ["waits"]
        assert await desk.dictation.retry() == 1
        await desk.until(lambda: bool(desk.held))
        assert desk.held == said(desk, 1)
        assert not desk.retries.asides
        with pytest.raises(SwictationError, match="Nothing is set aside"):
            await desk.dictation.retry()

    dictating(test, u1=4)


@pytest.mark.slow
def test_sound_that_kills_every_engine_costs_four_workers_and_nobody_else(dictating, caplog):
    async def test(desk):
        caplog.set_level(logging.DEBUG)
        await desk.dictate()
        await all_tried(desk, "failed")
        for _ in range(3):
            await desk.dictate()
        await all_tried(desk, "waits")
        assert len(desk.told("fault", kind="worker")) == 2
        assert states(desk) == ["begun", "failed", "begun", "waits"]
        assert desk.typed == said(desk, 0, 2)
        assert not desk.held
        (named,) = desk.retries.asides
        with pytest.raises(SwictationError) as told:
            await desk.dictation.retry()
        assert named.path in told.value.message
        assert told.value.remedy == f"swictation transcribe {named.path}"
        assert len(desk.told("fault", kind="worker")) == 2, "the one that serves lives on"
        assert not [word for word in said(desk, 0, 1, 2) if word in caplog.text]

    dictating(test, u1=0)


@pytest.mark.slow
def test_two_utterances_are_each_tried_and_one_that_is_poison_takes_none_along(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "offered")
        await all_tried(desk, "failed")
        assert desk.typed == said(desk, 1)
        assert desk.held == said(desk, 2)
        (left,) = desk.retries.asides
        assert left.path.endswith("-000000.wav")

    dictating(test, u0=0, u2=2)


@pytest.mark.slow
def test_what_was_typed_of_it_is_not_offered_again(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "offered")
        typed = [word for word in said(desk, 1) if word in desk.typed]
        assert 0 < len(typed) < len(said(desk, 1))
        assert typed + desk.held == [word.strip(".").lower() for word in said(desk, 1)]

    dictating(test, {"kind": "signal", "utterance": 1, "forced": True, "times": 2})


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [1, 2])
def test_a_worker_that_is_killed_before_it_is_asked_does_not_count(dictating, deaths):
    loads = [{"kind": "signal", "on": "load", "generation": 4 + n} for n in range(deaths)]

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "offered")
        assert states(desk) == ["begun", "offered"]
        assert desk.held == said(desk, 1)

    dictating(test, *loads, u1=2)


@pytest.mark.slow
def test_workers_that_are_killed_at_each_load_are_not_started_for_ever(dictating):
    loads = [{"kind": "signal", "on": "load", "generation": 4 + n} for n in range(3)]

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "postponed")
        assert not desk.held
        await all_tried(desk, "offered")
        assert states(desk) == ["begun", "postponed", "begun", "offered"]
        assert desk.held == said(desk, 1)

    dictating(test, *loads, u1=2)


@pytest.mark.slow
def test_tries_that_nobody_was_asked_for_use_up_none(dictating):
    """Killed at each load, as an OOM killer does: once it is over the sound is tried."""
    loads = [{"kind": "signal", "on": "load", "generation": 4 + n} for n in range(6)]

    async def test(desk):
        await desk.dictate()
        desk.retries._backoff = Backoff(0.1, 0.1)
        await desk.until(lambda: states(desk).count("postponed") == 2)
        assert [aside.state for aside in desk.retries.asides] == ["pending"]
        await all_tried(desk, "offered")
        assert desk.held == said(desk, 1)

    dictating(test, *loads, u1=2)


@pytest.mark.slow
def test_who_wishes_for_a_try_that_nobody_can_make_is_told(dictating):
    loads = [{"kind": "signal", "on": "load", "generation": 5 + n} for n in range(3)]

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        with pytest.raises(SwictationError, match="still set aside"):
            await desk.dictation.retry()
        assert states(desk)[-1] == "postponed"
        (named,) = desk.retries.asides
        assert named.state == "pending"

    dictating(test, *loads, u1=3)


@pytest.mark.slow
def test_a_card_without_room_uses_up_no_try(dictating):
    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "failed")
        (aside,) = desk.retries._asides.values()
        desk.retries._begin(aside, desk.engines.pool.cpu)
        number = desk.retries._try.request.number
        assert desk.retries.on_failed(WorkerFailed(9, number, "oom"))
        assert (aside.tries, states(desk)[-1]) == (1, "postponed")

    dictating(test, u1=3)


@pytest.mark.slow
def test_a_retry_disturbs_nobody_who_dictates_meanwhile(dictating, tmp_path):
    """It hangs; what is said is typed all the same, by the worker that serves."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    async def test(desk):
        await desk.dictate()
        await all_tried(desk, "begun")
        fd = await asyncio.to_thread(os.open, gate, os.O_WRONLY)
        try:
            pid = desk.retries._own.pid
            assert os.getpriority(os.PRIO_PROCESS, pid) == 19
            served = len(desk.told("final"))
            await desk.dictate()
            assert len(desk.told("final")) == served + 3
            assert states(desk) == ["begun"]
            os.kill(pid, signal.SIGKILL)
        finally:
            os.close(fd)
        await all_tried(desk, "failed")
        assert len(desk.told("fault", kind="worker")) == 2

    scene = repeated(make_scene(*SCENE), 1)
    at_gate = dies(scene, 1, 1, generation=4) | {"kind": "gate", "args": {"path": str(gate)}}
    dictating(test, at_gate, u1=2)


def test_an_end_does_not_wait_for_a_retry_that_hangs(dictating):
    scene = repeated(make_scene(*SCENE), 1)
    hangs = dies(scene, 1, 1, generation=4) | {"kind": "hang"}

    async def test(desk):
        await desk.dictate()
        await desk.eventually(lambda: desk.retries._own.is_ready)
        assert states(desk) == ["begun"]

    dictating(test, hangs, u1=2)
    assert len(find(spool_dir())) == 1


@pytest.mark.slow
def test_the_other_engine_is_tried_where_there_is_one(dictating, card, monkeypatch):
    """What always kills the worker on the processor, the one on the GPU transcribes."""
    for name, value in card.env().items():
        monkeypatch.setenv(name, value)
    scene = repeated(make_scene(*SCENE), 1)

    async def test(desk):
        card.set_hidden(FULL_MIB)  # so the processor serves
        await desk.dictate()
        await all_tried(desk, "failed")
        card.set_hidden(FREE_MIB)
        await desk.load_card()
        await desk.dictate()
        await all_tried(desk, "offered")
        assert desk.held == said(desk, 1)
        assert desk.engines.pool.gpu.starts == 1

    dictating(test, dies(scene, 1, 0, device="cpu"), settings=settings_for)


def test_both_workers_killed_at_once_cost_no_word(dictating, card, monkeypatch):
    for name, value in card.env().items():
        monkeypatch.setenv(name, value)
    scene = repeated(make_scene(*SCENE), 1)
    faults = [dies(scene, 1, 2, device=device) for device in ("cuda", "cpu")]

    async def test(desk):
        card.set_hidden(FREE_MIB)
        await desk.load_card()
        await desk.dictate()
        await desk.until(lambda: bool(desk.held) or len(desk.typed) == len(desk.scene.words))
        assert sorted(desk.typed + desk.held) == sorted(said(desk, 0, 1, 2))

    dictating(test, *faults, settings=settings_for)
