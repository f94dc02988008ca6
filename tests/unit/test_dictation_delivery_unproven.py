"""Text that its window has not taken: what follows waits, is held, and nothing comes twice."""

import pytest

from fakes.spooled import Spooled
from fakes.typist import typing
from swictation.dictation.delivery.sender import CANCELLED, LOCKED
from swictation.errors import InjectError
from swictation.events import Injected, TextDoubted, TextHeld, ThreadFailed

pytestmark = pytest.mark.unit

NOT_TAKEN = "editor has not taken a text yet"


def test_it_is_held_told_and_may_still_arrive():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        assert (typist.field, typist.held) == ("", "One.")
        assert typist.outcomes == ["unproven"]
        assert typist.named(Injected)[-1].is_held
        assert typist.named(TextHeld) == [TextHeld(1, NOT_TAKEN, False, pending=1)]
        typist.windows.take()
        await typist.until(Injected, 2)
        assert (typist.field, typist.held) == ("One.", "")
        assert typist.outcomes == ["unproven", "confirmed"]
        assert typist.named(Injected)[-1].number == 1
        assert not typist.named(Injected)[-1].is_held
        assert typist.released == [(0,)]

    typing(test)


def test_what_follows_waits_for_it_and_is_typed_next():
    async def test(typist):
        typist.windows.leave()
        typist.say(0, "One", " two.")
        typist.say(1, "Three.")
        await typist.until_waiting(2)
        assert typist.windows.log == []
        assert len(typist.delivery.held) == 1
        typist.windows.take()
        await typist.settle()
        assert typist.field == typist.composed == "One two. Three."
        assert not typist.delivery.held
        assert typist.outcomes == ["unproven", "confirmed", "typed", "typed"]
        assert typist.named(Injected)[2].is_last
        assert not typist.named(Injected)[2].is_held

    typing(test)


def test_what_waited_long_enough_is_held_behind_it_and_says_for_which_window():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One", " two.")
        await typist.hear(1, "Three.")
        assert (typist.field, typist.held) == ("", "One two. Three.")
        assert typist.held_counts == [1, 2, 3]
        assert typist.delivery.held.reason == NOT_TAKEN
        assert [event.reason for event in typist.named(Injected)[1:]] == [NOT_TAKEN] * 2

    typing(test, patience_s=0.0)


def test_patience_counts_from_the_injection_not_from_each_text_that_waits():
    async def test(typist):
        typist.windows.leave()
        typist.say(0, "One.")
        await typist.until(Injected)
        typist.clock.advance(10.0)
        typist.say(1, "Two.")
        await typist.until(Injected, 2)
        assert typist.held == "One. Two."

    typing(test, patience_s=10.0)


def test_what_was_held_behind_it_stays_held_when_it_arrives_late():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        typist.windows.take()
        await typist.until(Injected, 3)
        assert typist.delivery.held.reason == "editor took a text too late"
        await typist.hear(2, "Three.")
        assert (typist.field, typist.held) == ("One. Three.", "Two.")
        assert await typist.delivery.paste_last() == 1
        assert typist.field == "One. Three. Two."

    typing(test, patience_s=0.0)


def test_another_window_is_typed_into_meanwhile():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        typist.windows.focused = "chat"
        await typist.hear(1, "Two.")
        assert typist.windows.fields == {"editor": "", "chat": "Two."}
        typist.windows.take()
        await typist.until(Injected, 3)
        await typist.hear(2, "Three.")
        assert typist.windows.fields == {"editor": "One.", "chat": "Two. Three."}

    typing(test, "editor", "chat")


@pytest.mark.parametrize("what", ["lock", "cancel", "paste", "stop"])
def test_what_waits_gives_way(what):
    async def test(typist):
        typist.windows.leave(is_keys=True)
        typist.say(0, "One.")
        typist.say(1, "Two.")
        await typist.until_waiting(2)
        match what:
            case "lock":
                typist.delivery.lock(True)
            case "cancel":
                typist.delivery.drop()
            case "paste":
                with pytest.raises(InjectError, match="has not taken"):
                    await typist.delivery.paste_last()
            case "stop":
                typist.delivery.stop_waiting()
        await typist.until(Injected, 2)
        assert typist.held == ("" if what == "cancel" else "One. Two.")
        reasons = {"cancel": CANCELLED, "lock": LOCKED}
        assert typist.named(Injected)[-1].reason in {NOT_TAKEN, reasons.get(what)}
        assert typist.windows.log == []

    typing(test)


def test_its_unsent_rest_is_what_follows():
    async def test(typist):
        typist.windows.leave(sent=6, confirmed=4)
        typist.say(0, "Good morning all.")
        await typist.until_waiting()
        assert (typist.field, typist.held) == ("Good", " m".strip())
        typist.windows.take()
        await typist.settle()
        assert typist.field == "Good morning all."
        assert not typist.delivery.held

    typing(test)


def test_its_unsent_rest_is_held_behind_it():
    async def test(typist):
        typist.windows.leave(sent=6, confirmed=4)
        await typist.hear(0, "Good morning", " all.")
        assert (typist.field, typist.held) == ("Good", "morning all.")
        assert len(typist.delivery.held) == 2, "nothing joins what may arrive by itself"
        typist.windows.take()
        await typist.until(Injected, 4)
        assert (typist.field, typist.held) == ("Good m", "orning all.")
        await typist.delivery.paste_last()
        assert typist.field == "Good morning all."

    typing(test, patience_s=0.0)


def test_what_surely_has_not_arrived_is_held_like_any_other_and_offered():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One", final=False)
        assert typist.windows.clipboard is None
        typist.windows.die("editor")
        await typist.until(TextHeld, 2)
        assert typist.named(TextHeld)[-1] == TextHeld(1, "editor did not take a text", True)
        assert typist.windows.clipboard == "One"
        assert typist.outcomes == ["unproven", "refused"]
        await typist.hear(0, " two.")
        assert typist.held == "One two."
        await typist.hear(1, "Three.")
        assert typist.field == "Three."
        await typist.delivery.paste_last()
        assert typist.field == "Three. One two."

    typing(test, offers=True)


def test_what_waited_for_what_never_came_is_a_beginning_of_its_own():
    async def test(typist):
        typist.windows.leave()
        typist.say(0, "One.")
        typist.say(1, "Two.")
        await typist.until_waiting(2)
        typist.windows.die("editor")
        await typist.settle()
        assert (typist.field, typist.held) == ("Two.", "One.")
        await typist.hear(2, "Three.")
        assert typist.field == "Two. Three."

    typing(test)


def test_closing_the_injector_leaves_held_what_was_on_offer():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        await typist.windows.close()
        await typist.until(TextHeld, 2)
        assert typist.held == "One."
        assert not typist.delivery.held.pending

    typing(test)


def test_closing_the_injector_leaves_keys_in_doubt():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        await typist.windows.close()
        await typist.until(TextDoubted, 1)
        assert (typist.field, typist.held) == ("", "")

    typing(test)


def test_cancelling_takes_it_back_before_anything_else_is_typed():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        typist.delivery.drop()
        await typist.hear(1, "Two.")
        assert (typist.field, typist.held) == ("Two.", "")
        assert typist.released == [(0,)]
        assert not typist.windows.waiting

    typing(test)


def test_keys_of_a_cancelled_text_are_waited_for():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        typist.delivery.drop()
        typist.say(1, "Two.")
        await typist.until_waiting(2)
        assert typist.windows.log == []
        typist.windows.take()
        await typist.settle()
        assert (typist.field, typist.held) == ("One. Two.", "")

    typing(test)


def test_what_may_have_arrived_is_told_and_neither_offered_nor_repeated():
    async def test(typist):
        typist.delivery.begin_dictation()
        typist.windows.break_off(sent=6)
        await typist.hear(0, "Good morning.")
        assert [event.utterance for event in typist.named(TextDoubted)] == [0]
        assert typist.held == "orning."
        await typist.delivery.paste_last()
        assert typist.field == "Good morning."
        with pytest.raises(InjectError, match="not typed again"):
            await typist.delivery.paste_last()

    typing(test)


def test_an_end_without_text_does_not_say_that_all_is_well():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One", "")
        typist.windows.die("editor")
        typist.windows.break_off(sent=3)
        await typist.hear(1, "Two", "")
        assert typist.outcomes[:2] == ["unproven", "unproven"]
        assert typist.outcomes[-2:] == ["partial", "partial"]

    typing(test)


def test_a_proof_that_was_lost_counts_neither_way():
    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        typist.windows.waiting.pop().proof.cancel()
        await typist.until(TextDoubted)
        assert not typist.delivery.held
        assert typist.outcomes == ["unproven", "partial"]

    typing(test)


def test_an_injector_that_brings_no_proof_is_not_believed():
    async def test(typist):
        async def inject(text, into=None):
            return typist.windows._plans.popleft()

        typist.windows.leave(sent=4)
        typist.windows.inject = inject
        await typist.hear(0, "One.")
        assert [event.utterance for event in typist.named(TextDoubted)] == [0]
        assert not typist.named(ThreadFailed)

    typing(test)


@pytest.mark.parametrize(("is_taken", "outcome"), [(True, "confirmed"), (False, "refused")])
def test_its_lines_tell_what_became_of_it(tmp_path, is_taken, outcome):
    spooled = Spooled(tmp_path)
    spooled.utterance(0, 0.2)

    async def test(typist):
        typist.windows.leave()
        await typist.hear(0, "One.")
        typist.windows.take() if is_taken else typist.windows.die("editor")
        await typist.until(Injected, 2)

    typing(test, spool=spooled.spool)
    spooled.spool.stop()
    assert [line for line in spooled.lines() if "intent" in line or "done" in line] == [
        {"intent": {"n": 1, "text": "One."}},
        {"done": {"n": 1, "outcome": "unproven"}},
        {"done": {"n": 1, "outcome": outcome}},
    ]
    spooled.folder.close()
