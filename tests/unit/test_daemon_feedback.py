import pytest

from swictation.config.settings import FeedbackSettings
from swictation.daemon.feedback import Feedback
from swictation.events import Injected, SpoolFailed, StateChanged, TextHeld
from swictation.facts import (
    ConfigDoubted,
    ConfigRejected,
    DeliveryDoubted,
    EngineFailed,
    HeldReduced,
    InjectorUnavailable,
    LossGrew,
    MicrophoneFailed,
    ModelUnavailable,
    PartialTranscript,
    ServiceModeDegraded,
    StoppedEarly,
    TextCommitted,
    UtteranceDelivered,
    UtteranceQuarantined,
    UtteranceTranscribed,
    WorkerReplaced,
)

pytestmark = pytest.mark.unit

BOTH = FeedbackSettings(notifications=True, sounds=True)


class Room:
    """What a person sees and hears."""

    def __init__(self, settings=BOTH):
        self.shown, self.played, self.closed = [], [], []
        self.feedback = Feedback(self, self, settings)

    def notify(self, kind, summary, body="", urgent=False):
        self.shown.append((kind, summary, body, urgent))

    def close(self, subject):
        self.closed.append(subject)

    def play(self, cue):
        self.played.append(cue)

    def tell(self, fact):
        self.feedback.on_fact(fact)

    def states(self, *states):
        for state in states:
            self.tell(StateChanged(state, 0.0))


def test_one_sees_and_hears_when_it_begins_and_ends_to_listen():
    room = Room()
    room.states("idle", "listening", "listening", "transcribing", "idle", "stopped")
    assert [(kind, summary) for kind, summary, _, _ in room.shown] == [
        ("start", "Listening"),
        ("stop", "Stopped listening"),
    ]
    assert room.played == ["start", "stop"]


URGENT = [
    DeliveryDoubted(1, "nobody knows"),
    EngineFailed("it keeps dying", "swictation doctor"),
    InjectorUnavailable("no display"),
    LossGrew(0, 16_000, 16_000),
    MicrophoneFailed("no sound"),
    ModelUnavailable("no network", "swictation model download"),
    ServiceModeDegraded("cpu-engine", "the GPU is full"),
    SpoolFailed("the disk is full"),
]


@pytest.mark.parametrize("fault", URGENT, ids=lambda fault: type(fault).__name__)
def test_what_degrades_it_is_urgent(fault):
    room = Room()
    room.tell(fault)
    what, _, remedy = fault.message.partition(" -> ")
    assert room.shown == [("degraded", what, remedy, True)]
    assert room.played == ["degraded"]


MINOR = [
    WorkerReplaced(1, "killed", False),
    ConfigDoubted("line 2: what?"),
    ConfigRejected("line 1"),
    StoppedEarly("1 held"),
]


@pytest.mark.parametrize("fault", MINOR, ids=lambda fault: type(fault).__name__)
def test_what_ends_by_itself_or_has_another_way_to_be_told_is_not_shown(fault):
    room = Room()
    room.tell(fault)
    assert (room.shown, room.played) == ([], [])


def test_held_text_is_told_with_what_to_do_and_never_with_the_text():
    room = Room()
    room.tell(TextHeld(1, "the screen is locked", False))
    room.tell(TextHeld(2, "no field", True))
    (kind, summary, body, urgent), second = room.shown
    assert (kind, summary, urgent) == ("held", "A text is held", True)
    assert body.startswith("The screen is locked. swictation paste-last")
    assert second[1] == "2 texts are held"
    assert "They are on the clipboard" in second[2]


def test_each_held_text_is_told_once():
    room = Room()
    for count in (1, 1, 2, 2):
        room.tell(TextHeld(count, "no field", False))
    for count in (1, 0):
        room.tell(HeldReduced(count, "no field", 0))
    room.tell(TextHeld(1, "no field", False))
    assert [summary for _, summary, _, _ in room.shown] == [
        "A text is held",
        "2 texts are held",
        "A text is held",
    ]


def test_a_window_that_has_not_taken_its_text_is_named_once_and_what_becomes_of_it():
    room = Room()
    reason = "xterm has not taken a text yet"
    for count in (1, 2, 3):
        room.tell(TextHeld(count, reason, False, pending=1))
    ((_, summary, body, urgent),) = room.shown
    assert (summary, urgent) == ("A text is held", True)
    assert body.startswith("Xterm has not taken a text yet. What you say into it is held as well.")
    room.tell(HeldReduced(2, reason, 0))
    assert len(room.shown) == 1
    room.tell(TextHeld(2, reason, True))
    assert room.shown[1][1] == "2 texts are held"
    assert "They are on the clipboard" in room.shown[1][2]


def test_that_nothing_is_held_any_more_is_told_where_a_window_took_its_time():
    room = Room()
    room.tell(TextHeld(1, "it hangs", False, pending=1))
    room.tell(HeldReduced(0, "", 0))
    assert [summary for _, summary, _, _ in room.shown][1:] == ["Nothing is held any more"]


def test_what_surely_was_not_taken_is_told_again():
    room = Room()
    room.tell(TextHeld(1, "it hangs", False, pending=1))
    room.tell(TextHeld(1, "xterm did not take it", True))
    assert room.shown[1][2].startswith("Xterm did not take it. It is on the clipboard")


def test_the_notification_of_held_text_goes_when_nothing_is_held():
    room = Room()
    for count in (1, 2):
        room.tell(TextHeld(count, "no field", False))
    room.tell(HeldReduced(1, "no field", 0))
    assert room.closed == []
    room.tell(HeldReduced(0, "", 0))
    assert room.closed == ["held"]


def test_text_that_is_no_longer_held_is_no_news():
    room = Room()
    room.tell(HeldReduced(0, "", 0))
    assert (room.shown, room.closed) == ([], [])


def test_commits_are_never_shown():
    room = Room()
    room.tell(PartialTranscript(1, "secret", 0.0, 0.0))
    room.tell(TextCommitted(1, 1, "secret", 0.0, 0.0))
    room.tell(UtteranceTranscribed(1, 0.0, 1.0, "secret"))
    room.tell(Injected(1, 1, True, "typed", ""))
    room.tell(UtteranceDelivered(1, "secret", "editor", "typed", "whisper", "cpu", 0.3))
    assert (room.shown, room.played) == ([], [])


@pytest.mark.parametrize(("notifications", "sounds"), [(True, False), (False, True)])
def test_either_can_be_switched_off_at_any_time(notifications, sounds):
    room = Room()
    room.feedback.configure(FeedbackSettings(notifications=notifications, sounds=sounds))
    room.states("listening")
    room.tell(EngineFailed("it died", ""))
    assert (len(room.shown), len(room.played)) == (2 * notifications, 2 * sounds)


def test_what_is_set_aside_is_told_with_its_place_and_what_to_do():
    room = Room()
    room.tell(UtteranceQuarantined(1, "/spool/1.wav", "the engine died on it twice"))
    ((kind, summary, body, is_urgent),) = room.shown
    assert (kind, is_urgent) == ("degraded", True)
    assert "died twice" in summary
    assert "/spool/1.wav" in body
    assert body.endswith("swictation retry")
    assert room.played == ["degraded"]


def test_the_same_fault_again_is_no_news_before_the_next_dictation():
    room = Room()
    for _ in range(3):
        room.tell(EngineFailed("it keeps dying", ""))
    room.states("listening")
    room.tell(EngineFailed("it keeps dying", ""))
    assert [summary for _, summary, _, _ in room.shown] == [
        "it keeps dying",
        "Listening",
        "it keeps dying",
    ]
