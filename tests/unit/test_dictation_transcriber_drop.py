"""A cancelled dictation brings nothing any more, whatever still comes of it."""

import pytest

from fakes.dictated import dictated
from fakes.spooled import Spooled
from swictation.events import AudioProcessed, WorkerGone, WorkerReady
from swictation.types import Capabilities, to_samples

pytestmark = pytest.mark.unit


def test_a_late_answer_brings_nothing():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        await one.end(0)
        one.dictation.cancel()
        await one.answer("Cancelled.")
        await one.heard()
        assert one.dictation.state == "idle"
        one.dictation.start()
        await one.say(1, "Wanted.")
        assert one.field == "Wanted."
        assert one.texts("commit") == ["Wanted."]

    dictated(test)


def test_points_that_were_on_their_way_bring_nothing():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        one.dictation.cancel()
        await one.end(0)
        await one.begin(1)
        await one.end(1)
        assert one.engine.asked == []
        await one.heard()
        assert one.stream.is_done

    dictated(test)


def test_the_next_dictation_counts_though_the_cancelled_one_is_not_heard_to_its_end():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        one.dictation.cancel()
        one.dictation.start()
        await one.end(0)
        await one.heard()
        await one.say(1, "Wanted.")
        assert one.field == "Wanted."
        one.dictation.stop()
        await one.heard()
        assert one.dictation.state == "idle"

    dictated(test)


def test_what_was_dictated_before_is_cancelled_with_it():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        await one.end(0)
        one.dictation.stop()
        await one.heard()
        one.dictation.start()
        one.dictation.cancel()
        await one.answer("Cancelled.")
        await one.heard()
        assert one.field == ""
        assert one.stream.is_done

    dictated(test)


def test_what_was_typed_stays_and_the_next_words_join_it():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        await one.pause(0)
        await one.answer("We went")
        one.dictation.cancel()
        await one.heard()
        one.dictation.start()
        await one.say(1, "The end.")
        assert one.field == "We went the end."

    dictated(test)


def test_a_tentative_text_that_comes_late_is_not_shown():
    async def test(one):
        one.transcriber.show_partials(wanted=True)
        one.engine.does_partials = True
        one.dictation.start()
        await one.begin(0)
        one.clock.advance(10.0)
        await one.post(AudioProcessed(to_samples(2.0), 0.9))
        (partial,) = one.engine.asked
        assert partial.partial
        one.dictation.cancel()
        await one.answer("Cancelled", partial)
        assert one.texts("partial") == []

    dictated(test)


def test_a_worker_that_dies_or_comes_is_asked_nothing_of_it():
    async def test(one):
        one.dictation.start()
        await one.begin(0)
        await one.end(0)
        asked = len(one.engine.asked)
        one.dictation.cancel()
        await one.post(WorkerGone(1, "it died", is_fault=True, utterance=0))
        await one.post(WorkerReady(1, 0, Capabilities("cpu", ()), 0.0))
        assert len(one.engine.asked) == asked

    dictated(test)


def test_held_text_is_cancelled_too_and_its_sound_deleted(tmp_path):
    """Of one utterance that is over and of one that is not."""
    spooled = Spooled(tmp_path)
    try:

        async def test(one):
            one.windows.refuse(times=2)
            one.dictation.start()
            await one.say(0, "One.")
            await one.begin(1)
            await one.pause(1)
            await one.answer("Two")
            assert one.held == "One. Two"
            one.dictation.cancel()
            await one.settle()
            assert one.held == ""
            assert one.told[-1] == ("held", {"count": 0, "reason": "", "pending": 0})
            await one.heard()
            assert one.stream.is_done

        dictated(test, spool=spooled.spool)
    finally:
        spooled.spool.stop()
        spooled.folder.close()
    assert not spooled.folder.path.exists(), "it is removed if it is empty"
