"""A window that does not take its text: the sound stays until it has, and the user is told."""

import pytest

from fakes.dictated import dictated
from fakes.spooled import Spooled

pytestmark = pytest.mark.unit


@pytest.fixture
def spooled(tmp_path):
    spooled = Spooled(tmp_path)
    yield spooled
    spooled.spool.stop()
    spooled.folder.close()


def faults(one, kind):
    return [fields for event, fields in one.told if event == "fault" and fields["kind"] == kind]


def held(one):
    return [fields for event, fields in one.told if event == "held"]


def kept(spooled):
    """What stays of the spool when its process ends."""
    spooled.spool.stop()
    return {name.split(".")[0] for name in spooled.files()}


async def said(one, *texts):
    one.dictation.start()
    for number, text in enumerate(texts):
        await one.say(number, text)


def test_its_sound_stays_while_it_may_still_arrive(spooled):
    async def test(one):
        one.windows.leave()
        await said(one, "One.", "Two.")
        assert len(one.stream.delivery.held.pending) == 1
        assert not one.stream.utterances, "it is over all the same"
        assert held(one)[0]["reason"] == "editor has not taken a text yet"
        assert [fields["pending"] for fields in held(one)] == [1, 1]

    dictated(test, spool=spooled.spool)
    assert kept(spooled) == {"000-000000", "000-000001"}


def test_its_sound_goes_once_it_has_arrived(spooled):
    async def test(one):
        one.windows.leave()
        await said(one, "One.")
        one.windows.take()
        await one.settle()
        assert one.field == "One."
        assert held(one)[-1] == {"count": 0, "reason": "", "pending": 0}
        outcomes = [fields["outcome"] for event, fields in one.told if event == "injected"]
        assert outcomes == ["unproven", "confirmed"]

    dictated(test, spool=spooled.spool)
    assert kept(spooled) == set()


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_sound_of_what_may_have_arrived_is_kept_and_named(spooled, is_kept):
    async def test(one):
        one.windows.break_off(sent=4)
        await said(one, "One. Two.")
        (fault,) = faults(one, "doubt")
        assert fault["utterance"] == 0
        assert "One" not in fault["message"]
        named = str(spooled.sound(0)) if is_kept else "not on disk"
        assert named in fault["message"]
        assert await one.dictation.paste_last() == 1
        await one.settle()
        assert one.field == "One. Two."
        one.dictation.cancel()
        await one.settle()

    dictated(test, spool=spooled.spool if is_kept else None)
    assert kept(spooled) == ({"000-000000"} if is_kept else set())


def test_the_end_does_not_wait_for_a_window(spooled):
    async def test(one):
        one.windows.leave()
        one.dictation.start()
        await one.say(0, "One.")
        await one.begin(1)
        await one.end(1)
        one.dictation.on_stop("SIGTERM")
        await one.answer("Two.")
        await one.heard()
        assert one.dictation.is_over()
        one.dictation.say_what_is_held()
        await one.windows.close()
        await one.settle()
        (fault,) = faults(one, "stopped")
        assert fault["message"].startswith("2 held texts were not typed")

    dictated(test, spool=spooled.spool)
    assert kept(spooled) == {"000-000000", "000-000001"}


def test_a_locked_screen_is_no_time_to_wait():
    async def test(one):
        one.windows.leave()
        await said(one, "One.")
        one.dictation.lock(True)
        one.windows.take()
        await one.settle()
        assert (one.field, one.held) == ("One.", "")

    dictated(test)
