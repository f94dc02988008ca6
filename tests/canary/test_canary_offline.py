"""What is streamed is what the model says of the whole, whatever bits the sound comes in."""

import numpy as np
import pytest

from canary.tiny.sentences import TEXTS, padded
from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.engine import load_engine as load
from swictation.types import DecodeRequest, to_samples

pytestmark = pytest.mark.canary

BLOCKS = {"32 ms": 512, "100 ms": 1600, "1 s": 16_000, "odd": 7_919}


@pytest.fixture(scope="module")
def sounds(six):
    return [padded(one).astype(np.float32) / 32768 for one in six]


@pytest.fixture(scope="module")
def offline(tiny_folder, sounds):
    """By NeMo's own decoder, which hears all of it at once."""
    from swictation.asr.engines.canary.loading import load_model

    model = load_model(tiny_folder, "fp32", "cpu")
    prompt = {"source_lang": "en", "target_lang": "en", "pnc": "yes"}
    told = model.transcribe(sounds, batch_size=1, num_workers=0, verbose=False, **prompt)
    return [one.text.strip() for one in told]


@pytest.fixture(scope="module", params=[5.0, 1.5, 12.0])
def engine(request, tiny_folder):
    made = load(EngineSpec("canary", "tiny", str(tiny_folder), "en", {"buffer_s": request.param}))
    yield made
    made.close()


def test_the_whole_is_heard_rightly(offline):
    assert offline == list(TEXTS)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_streamed_text_is_offline_text(engine, sounds, offline, block):
    if engine.window.samples < to_samples(4.0):
        pytest.skip("a window of 1.5 s does not hear what the words depend on")
    for number, sound in enumerate(sounds):
        before = ""
        for end in range(block, len(sound), block):
            asked = DecodeRequest(0, number, 0, end, goes_on=True)
            text = engine.decode(asked, sound[:end]).new_text
            assert text.startswith(before), "what was said is not taken back"
            before = text
        whole = engine.decode(DecodeRequest(0, number, 0, len(sound)), sound).new_text
        assert whole.strip() == offline[number]


def test_the_same_words_come_at_the_same_sample_whatever_the_blocks(engine, sounds):
    """So what is typed is a function of the sound."""
    first, every = engine.window.chunking.first_samples, engine.window.chunking.every_samples
    for number, sound in enumerate(sounds):
        ends = range(first, len(sound), every)
        told = []
        for offset, block in enumerate(BLOCKS.values()):
            heard = []
            for end in sorted({*range(block, len(sound), block), *ends}):
                asked = DecodeRequest(0, 100 * offset + number, 0, end, goes_on=True)
                text = engine.decode(asked, sound[:end]).new_text
                heard += [text] if end in ends else []
            told.append(heard)
        assert told[1:] == told[:-1]


def test_a_new_process_that_is_asked_at_once_says_the_same(engine, tiny_folder, sounds):
    """As after a fault: all of the utterance comes in one request."""
    sound = sounds[4]
    end = engine.window.chunking.first_samples + engine.window.chunking.every_samples
    streamed = [
        engine.decode(DecodeRequest(0, 7, 0, at, goes_on=True), sound[:at]).new_text
        for at in range(1600, end + 1, 1600)
    ]
    engine.forget()
    anew = engine.decode(DecodeRequest(0, 7, 0, end, goes_on=True), sound[:end]).new_text
    assert anew.startswith(streamed[-1])


def test_another_sound_under_the_same_numbers_is_not_taken_for_the_first(engine, sounds):
    asked = DecodeRequest(0, 1, 0, len(sounds[0]))
    first = engine.decode(asked, sounds[0]).new_text
    engine.decode(DecodeRequest(0, 1, 0, 30_000, goes_on=True), sounds[1][:30_000])
    assert engine.decode(asked, sounds[0]).new_text == first


def test_tentative_text_does_not_cost_the_stream(engine, sounds):
    sound, run = sounds[4], engine._new_run
    made = []
    engine._new_run = lambda: lambda: (made.append(1), run()())[1]
    try:
        engine.decode(DecodeRequest(0, 50, 0, 40_000, goes_on=True), sound[:40_000])
        engine.decode(DecodeRequest(0, 50, 8_000, 42_000, partial=True), sound[8_000:42_000])
        engine.decode(DecodeRequest(0, 50, 0, 44_000, partial=True), sound[:44_000])
        engine.decode(DecodeRequest(0, 50, 0, len(sound)), sound)
    finally:
        engine._new_run = run
    assert len(made) == 2  # the utterance's, and the one of another beginning
