"""A proof that says that nobody can know: told, not held, its sound kept, never typed again."""

import asyncio

import pytest

from fakes.dictated import dictated
from fakes.spooled import Spooled
from fakes.typist import typing
from swictation.errors import InjectError
from swictation.events import Injected, TextDoubted, ThreadFailed

pytestmark = pytest.mark.unit

UNKNOWN = "editor may or may not have taken a text"


def test_it_is_told_and_leaves_the_list():
    async def test(typist):
        typist.delivery.begin_dictation()
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        typist.windows.lose()
        await typist.until(Injected, 2)
        assert typist.named(TextDoubted) == [TextDoubted(0, UNKNOWN)]
        assert typist.outcomes == ["unproven", "partial"]
        assert typist.named(Injected)[-1].reason == UNKNOWN
        assert not typist.named(Injected)[-1].is_held
        assert typist.held == ""
        with pytest.raises(InjectError, match="not typed again"):
            await typist.delivery.paste_last()
        assert typist.windows.log == []

    typing(test)


def test_closing_the_injector_leaves_keys_in_doubt():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        await typist.windows.close()
        await typist.until(TextDoubted)
        assert not typist.delivery.held

    typing(test)


def test_what_was_held_behind_it_stays_held_and_says_why():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        await typist.hear(1, "Two.")
        typist.windows.lose()
        await typist.until(TextDoubted)
        assert (typist.held, typist.delivery.held.reason) == ("Two.", UNKNOWN)
        assert await typist.delivery.paste_last() == 1
        assert typist.field.strip() == "Two."

    typing(test, patience_s=0.0)


def test_the_end_of_its_utterance_does_not_say_that_all_is_well():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One", final=False)
        typist.windows.lose()
        await typist.until(TextDoubted)
        await typist.hear(0, "")
        assert typist.named(Injected)[-1].is_last
        assert typist.outcomes[-1] == "partial"

    typing(test)


def test_what_was_cancelled_is_no_doubt():
    async def test(typist):
        typist.windows.leave(is_keys=True)
        await typist.hear(0, "One.")
        typist.delivery.drop()
        await typist.settle()
        typist.windows.lose()
        await typist.hear(1, "Two.")
        assert not typist.named(TextDoubted)
        assert (typist.field.strip(), typist.held) == ("Two.", "")

    typing(test)


@pytest.mark.parametrize("is_held", [True, False])
def test_who_asked_for_it_is_told_the_truth(is_held):
    async def test(typist):
        typist.delivery.begin_dictation()
        if is_held:
            typist.windows.refuse()
        await typist.hear(0, "One.")
        before = typist.field
        typist.windows.leave(is_keys=True)
        asked = asyncio.create_task(typist.delivery.paste_last())
        while not typist.windows.waiting:
            await asyncio.sleep(0)
        typist.windows.lose()
        with pytest.raises(InjectError, match=UNKNOWN) as told:
            await asked
        assert "still held" not in told.value.message
        assert (typist.field, typist.held) == (before, "")
        assert len(typist.named(TextDoubted)) == is_held
        assert not typist.named(ThreadFailed)

    typing(test)


def test_its_sound_is_kept_and_named(tmp_path):
    spooled = Spooled(tmp_path)

    async def test(one):
        one.windows.leave(is_keys=True)
        one.dictation.start()
        await one.say(0, "One.")
        one.windows.lose()
        await one.settle()
        faults = [fields for event, fields in one.told if event == "fault"]
        assert [fields["kind"] for fields in faults] == ["doubt"]
        assert str(spooled.sound(0)) in faults[0]["message"]
        assert "One" not in faults[0]["message"]
        told = [fields for event, fields in one.told if event == "held"]
        assert told[-1] == {"count": 0, "reason": "", "pending": 0}

    dictated(test, spool=spooled.spool)
    spooled.spool.stop()
    assert {name.split(".")[0] for name in spooled.files()} == {"000-000000"}
    assert {"done": {"n": 1, "outcome": "partial"}} in spooled.lines()
    spooled.folder.close()
