"""The event log only listens: with nobody writing events the program does the same."""

import pytest

from desktop.daemon import Daemon, QuietDesk
from desktop.notified import Notified
from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from faults.dictating import words_in
from faults.pairs import said
from swictation.config.settings import FeedbackSettings
from swictation.daemon.feedback import Feedback
from swictation.dictation.degraded import NO_SPOOL
from swictation.events import SpoolFailed, SpoolRecovered
from swictation.facts import UtteranceDelivered

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

WITHOUT_EVENT_LOG = """
from swictation.cli.main import main
from swictation.daemon.eventlog import EventLog
from swictation.dispatcher import Dispatcher

subscribe = Dispatcher.subscribe

def all_others(self, listener):
    if not isinstance(getattr(listener, "__self__", None), EventLog):
        subscribe(self, listener)

Dispatcher.subscribe = all_others
main()
"""


class Shown:
    """What a person is shown."""

    def __init__(self):
        self.summaries = []

    def notify(self, kind, summary, body="", urgent=False):
        self.summaries.append(summary)

    def play(self, cue):
        pass


def test_the_daemon_says_how_it_is_and_shows_what_happens(tmp_path, program):
    program.hear(make_scene(1))
    with (
        QuietDesk(tmp_path, program.prepare()) as desk,
        Notified(desk.bus.address) as notified,
        Daemon(desk, "--sink", "none", program=("-c", WITHOUT_EVENT_LOG)) as daemon,
    ):
        daemon.wait_ready()
        daemon.tell("start")
        daemon.wait_until(lambda status: (status["degraded"] or {}).get("mode") == "no microphone")
        assert "no sound from the microphone" in daemon.status()["last_error"]
        daemon.tell("stop")
        daemon.wait_idle()
        assert eventually(lambda: "Stopped listening" in notified.summaries, 60)
        assert "Listening" in notified.summaries
        assert any("no sound" in summary for summary in notified.summaries)
        assert daemon.end() == 0
        assert daemon.events() == []


def test_what_is_dictated_arrives_and_each_utterance_is_told_with_what_became_of_it(dictating):
    async def test(desk):
        shown, delivered = Shown(), []
        degradations = desk.shop.context.degradations
        for listener in (
            Feedback(shown, shown, FeedbackSettings()).on_fact,
            degradations.on_fact,
            lambda fact: delivered.append(fact) if isinstance(fact, UtteranceDelivered) else None,
        ):
            desk.events.subscribe(listener)
        desk.shop.inbox.post(SpoolFailed("/state: no space left"))
        await desk.until(lambda: degradations.has(NO_SPOOL))
        assert "no space left" in degradations.gravest.reason
        desk.shop.inbox.post(SpoolRecovered())
        await desk.until(lambda: not degradations.has(NO_SPOOL))
        await desk.dictate()
        assert desk.typed == said(desk, 0, 1, 2)
        (fault, *rest) = shown.summaries
        assert "no space left" in fault
        assert rest == ["Listening", "Stopped listening"]
        assert [words_in(fact.text) for fact in delivered] == [said(desk, n) for n in range(3)]
        for fact in delivered:
            assert (fact.outcome, fact.target) == ("typed", "editor")
            assert (fact.engine, fact.device) == ("scripted", "paper")
            assert fact.latency_s is not None
            assert fact.latency_s >= 0.0

    dictating(test)


def test_text_of_a_retry_is_told_with_its_engine(dictating):
    async def test(desk):
        delivered = []
        desk.events.subscribe(
            lambda fact: delivered.append(fact) if isinstance(fact, UtteranceDelivered) else None
        )
        await desk.dictate()
        await desk.until(lambda: bool(desk.held))
        (late,) = [fact for fact in delivered if fact.utterance == 1]
        assert words_in(late.text) == said(desk, 1)
        assert (late.outcome, late.engine, late.device) == ("refused", "scripted", "paper")
        assert [fact.utterance for fact in delivered if fact.outcome != "refused"] == [0, 2]

    dictating(test, u1=2)
