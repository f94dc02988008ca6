"""More is said than RAM holds while no engine answers: told while it happens, if it is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.dictated import Dictated, dictated
from fakes.signals import eventually, numbered
from fakes.spooled import SpoolTold, secured
from swictation.audio.spool import Spool
from swictation.types import to_samples

pytestmark = pytest.mark.unit

SECOND = to_samples(1.0)
RING_S = 4.0


@pytest.fixture
def spool(tmp_path):
    folder = secured(tmp_path / "spool")
    spool = Spool(folder, 0, 60.0, SpoolTold().post)
    yield spool
    spool.stop()
    folder.close()


async def capture(one, seconds, *, heard=True):
    """Somebody goes on speaking; not faster than the disk."""
    stream = one.stream
    for _ in range(seconds):
        at = stream.journal.end_sample
        stream.journal.append(numbered(at, at + SECOND))
        if heard:
            stream.speech.heard_sample = at + SECOND
        await one.settle()
        if stream.spool:
            assert eventually(lambda at=at: is_kept(stream, at))


def is_kept(stream, sample):
    """Whether the spool has all up to there, or that lies in RAM in any case."""
    spans = [stream.spool.span(0), stream.spool.unheard_span]
    is_recent = stream.journal.end_sample <= 3 * SECOND
    return is_recent or any(first <= sample < last for first, last in spans)


def start(one):
    """A dictation."""
    one.stream.unheard.append(0)
    if one.stream.spool:
        one.stream.spool.start(one.stream.journal, lambda: one.stream.speech.heard_sample)


def told(one, event):
    return [fields for name, fields in one.told if name == event]


def faults(one):
    return [f for f in told(one, "fault") if f["kind"] == "audio-lost"]


def test_what_is_lost_is_counted_second_by_second_and_told_at_once():
    async def test(one: Dictated):
        start(one)
        await capture(one, 1)
        await one.begin(0)
        await one.pause(0)
        counts = []
        for _ in range(9):
            await capture(one, 1)
            counts.append(one.transcriber.losses.samples // SECOND)
        assert counts == [0, 0, 0, 1, 2, 3, 4, 5, 6]
        assert len(faults(one)) == 1
        assert "no longer kept" in faults(one)[0]["message"]
        assert one.transcriber.losses.is_losing
        await capture(one, 60)
        assert 2 <= len(faults(one)) <= 4
        assert faults(one)[-1]["samples"] == pytest.approx(61 * SECOND, abs=35 * SECOND)

    dictated(test, ring_s=RING_S)


def test_that_it_is_over_is_told_once_ram_holds_all_that_is_not_text():
    async def test(one: Dictated):
        start(one)
        await capture(one, 1)
        await one.begin(0)
        await one.pause(0)
        await capture(one, 7)
        assert told(one, "loss") == []
        await one.end(0)
        await one.answer("Partly heard.")
        assert eventually(lambda: one.stream.journal.end_sample)
        while one.stream.stabilizer.pending:
            await one.answer("Partly heard.")
        (over,) = told(one, "loss")
        assert over == {"state": "over", "samples": one.transcriber.losses.samples}
        assert not one.transcriber.losses.is_losing
        before = one.transcriber.losses.samples
        await capture(one, 20)  # silence
        assert one.transcriber.losses.samples == before

    dictated(test, ring_s=RING_S)


def test_of_what_is_asked_for_the_rest_is_decoded():
    async def test(one: Dictated):
        start(one)
        one.engine.is_ready = False
        await capture(one, 1)
        await one.begin(0)
        await one.end(0)  # at 4 s
        await capture(one, 5)
        one.engine.is_ready = True
        one.transcriber.ask_again()
        (samples,) = one.engine.sent
        assert not samples[: 2 * SECOND].any()
        assert (samples[2 * SECOND :] == numbered(2 * SECOND, 4 * SECOND)).all()
        assert one.transcriber.losses.samples == 2 * SECOND

    dictated(test, ring_s=RING_S)


def test_what_is_lost_as_a_whole_is_given_up():
    async def test(one: Dictated):
        start(one)
        one.engine.is_ready = False
        await capture(one, 1)
        await one.begin(0)
        await one.end(0)
        await capture(one, 9)
        one.engine.is_ready = True
        one.transcriber.ask_again()
        await one.settle()
        assert one.engine.sent == []
        assert not one.stream.utterances
        assert one.transcriber.losses.samples == 4 * SECOND

    dictated(test, ring_s=RING_S)


def test_nothing_is_lost_that_is_in_the_spool(spool):
    async def test(one: Dictated):
        start(one)
        one.engine.is_ready = False
        await capture(one, 1)
        await one.begin(0)
        await capture(one, 9)
        await one.end(0)
        one.engine.is_ready = True
        one.transcriber.ask_again()
        (samples,) = one.engine.sent
        assert (samples == numbered(0, len(samples))).all()
        assert one.transcriber.losses.samples == 0
        assert faults(one) == []

    dictated(test, ring_s=RING_S, spool=spool)


def test_what_nobody_has_heard_in_time_goes_into_the_spool(spool):
    """The ear is late, though it is well."""

    async def test(one: Dictated):
        start(one)
        await capture(one, 12, heard=False)
        assert one.transcriber.losses.samples == 0
        heard = one.stream.journal.read(0, 12 * SECOND)
        assert (heard == numbered(0, 12 * SECOND)).all()

    dictated(test, ring_s=RING_S, spool=spool)


def test_what_nobody_has_heard_is_told_as_lost_without_a_spool():
    async def test(one: Dictated):
        start(one)
        await capture(one, 7, heard=False)
        assert one.transcriber.losses.samples == 3 * SECOND
        assert len(faults(one)) == 1

    dictated(test, ring_s=RING_S)


def test_what_is_cancelled_is_not_lost():
    async def test(one: Dictated):
        start(one)
        await capture(one, 1)
        await one.begin(0)
        await one.pause(0)
        await capture(one, 2)
        one.dictation.cancel()
        await capture(one, 9)
        assert one.transcriber.losses.samples == 0

    dictated(test, ring_s=RING_S)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=12))
def test_every_sample_counts_once(spans):
    async def test(one: Dictated):
        for first, length in spans:
            one.transcriber.losses.add(first, first + length)
        lost = {at for first, length in spans for at in range(first, first + length)}
        assert one.transcriber.losses.samples == len(lost)

    dictated(test)


def test_a_stretch_that_lies_partly_on_disk_and_partly_in_ram_is_read_as_one(spool):
    async def test(one: Dictated):
        start(one)
        await one.begin(0)
        await capture(one, 6)
        heard = one.stream.journal.read(SECOND, 6 * SECOND)
        assert (heard == numbered(SECOND, 6 * SECOND)).all()
        assert np.count_nonzero(heard) > 0

    dictated(test, ring_s=RING_S, spool=spool)
