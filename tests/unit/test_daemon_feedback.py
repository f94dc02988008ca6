import pytest

from swictation.config.settings import FeedbackSettings
from swictation.daemon.feedback import Feedback

pytestmark = pytest.mark.unit

BOTH = FeedbackSettings(notifications=True, sounds=True)


class Room:
    """What a person sees and hears."""

    def __init__(self, settings=BOTH):
        self.shown, self.played = [], []
        self.feedback = Feedback(self, self, settings)

    def notify(self, kind, summary, body="", urgent=False):
        self.shown.append((kind, summary, body, urgent))

    def play(self, cue):
        self.played.append(cue)

    def tell(self, event, **fields):
        self.feedback.on_event(event, fields)

    def states(self, *states):
        for state in states:
            self.tell("state", state=state)


def test_one_sees_and_hears_when_it_begins_and_ends_to_listen():
    room = Room()
    room.states("idle", "listening", "listening", "transcribing", "idle", "stopped")
    assert [(kind, summary) for kind, summary, _, _ in room.shown] == [
        ("start", "Listening"),
        ("stop", "Stopped listening"),
    ]
    assert room.played == ["start", "stop"]


@pytest.mark.parametrize("kind", ["microphone", "engine", "audio-lost", "spool", "model", "doubt"])
def test_what_degrades_it_is_urgent(kind):
    room = Room()
    room.tell("fault", kind=kind, message="it is amiss")
    assert room.shown == [("degraded", "it is amiss", "", True)]
    assert room.played == ["degraded"]


@pytest.mark.parametrize("kind", ["worker", "config", "stopped"])
def test_what_mends_itself_is_not_shown(kind):
    room = Room()
    room.tell("fault", kind=kind, message="it is amiss")
    assert (room.shown, room.played) == ([], [])


def test_held_text_is_told_with_what_to_do_and_never_with_the_text():
    room = Room()
    room.tell("held", count=1, reason="the screen is locked", is_on_clipboard=False)
    room.tell("held", count=2, reason="no field", is_on_clipboard=True)
    (kind, summary, body, urgent), second = room.shown
    assert (kind, summary, urgent) == ("held", "A text is held", True)
    assert body.startswith("The screen is locked. swictation paste-last")
    assert second[1] == "2 texts are held"
    assert "They are on the clipboard" in second[2]


def test_each_held_text_is_told_once():
    room = Room()
    for count in (1, 1, 2, 2):
        room.tell("held", count=count, reason="no field", is_on_clipboard=False, pending=0)
    for count in (1, 0):
        room.tell("held", count=count, reason="no field", pending=0)
    room.tell("held", count=1, reason="no field", is_on_clipboard=False, pending=0)
    assert [summary for _, summary, _, _ in room.shown] == [
        "A text is held",
        "2 texts are held",
        "A text is held",
    ]


def test_a_window_that_has_not_taken_its_text_is_named_once_and_what_becomes_of_it():
    room = Room()
    reason = "xterm has not taken a text yet"
    for count in (1, 2, 3):
        room.tell("held", count=count, reason=reason, is_on_clipboard=False, pending=1)
    ((_, summary, body, urgent),) = room.shown
    assert (summary, urgent) == ("A text is held", True)
    assert body.startswith("Xterm has not taken a text yet. What you say into it is held as well.")
    room.tell("held", count=2, reason=reason, pending=0)
    assert len(room.shown) == 1
    room.tell("held", count=2, reason=reason, is_on_clipboard=True, pending=0)
    assert room.shown[1][1] == "2 texts are held"
    assert "They are on the clipboard" in room.shown[1][2]


def test_that_nothing_is_held_any_more_is_told_where_a_window_took_its_time():
    room = Room()
    room.tell("held", count=1, reason="it hangs", is_on_clipboard=False, pending=1)
    room.tell("held", count=0, reason="", pending=0)
    assert [summary for _, summary, _, _ in room.shown][1:] == ["Nothing is held any more"]


def test_what_surely_was_not_taken_is_told_again():
    room = Room()
    room.tell("held", count=1, reason="it hangs", is_on_clipboard=False, pending=1)
    room.tell("held", count=1, reason="xterm did not take it", is_on_clipboard=True, pending=0)
    assert room.shown[1][2].startswith("Xterm did not take it. It is on the clipboard")


def test_text_that_is_no_longer_held_is_no_news():
    room = Room()
    room.tell("held", count=0, reason="")
    assert room.shown == []


def test_commits_are_never_shown():
    room = Room()
    for event in ("commit", "partial", "final", "injected"):
        room.tell(event, text="secret", utterance=1, outcome="typed", reason="")
    assert (room.shown, room.played) == ([], [])


@pytest.mark.parametrize(("notifications", "sounds"), [(True, False), (False, True)])
def test_either_can_be_switched_off_at_any_time(notifications, sounds):
    room = Room()
    room.feedback.settings = FeedbackSettings(notifications=notifications, sounds=sounds)
    room.states("listening")
    room.tell("fault", kind="engine", message="it died")
    assert (len(room.shown), len(room.played)) == (2 * notifications, 2 * sounds)


def test_what_is_set_aside_is_told_with_its_place_and_what_to_do():
    room = Room()
    message = "the engine died on it twice: its sound is set aside in /spool/1.wav"
    room.tell("fault", kind="set-aside", message=message, path="/spool/1.wav", utterance=1)
    ((kind, summary, body, is_urgent),) = room.shown
    assert (kind, is_urgent) == ("degraded", True)
    assert "died twice" in summary
    assert "/spool/1.wav" in body
    assert body.endswith("swictation retry")
    assert room.played == ["degraded"]


def test_the_same_fault_again_is_no_news_before_the_next_dictation():
    room = Room()
    for _ in range(3):
        room.tell("fault", kind="engine", message="it keeps dying")
    room.states("listening")
    room.tell("fault", kind="engine", message="it keeps dying")
    assert [summary for _, summary, _, _ in room.shown] == [
        "it keeps dying",
        "Listening",
        "it keeps dying",
    ]
