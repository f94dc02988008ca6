"""The embedded engine on the project's own sample: short context, forced prefix, its guards."""

from functools import cache
from threading import Event

import numpy as np
import pytest

from fakes.signals import noise
from swictation.asr.engine import EngineSpec
from swictation.asr.engines.whisper.loading import load
from swictation.audio.wavfile import FileSource
from swictation.errors import EngineError
from swictation.types import DecodeRequest, to_samples

pytestmark = pytest.mark.speech

GOLDEN = " The computer is listening to my voice. Not a single word will be lost."
FIRST, SECOND = " The computer is listening to my voice", ". Not a single word will be lost."


@pytest.fixture(scope="module")
def make_engine(whisper_model):
    """An engine with the options given; each is loaded once and closed at the end."""

    @cache
    def make(**options):
        engines.append(load(EngineSpec("whisper", "tiny.en", str(whisper_model), "en", options)))
        return engines[-1]

    engines = []
    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(make_engine):
    return make_engine()


@pytest.fixture
def speech(sample):
    blocks = []
    FileSource(sample).run(blocks.append, Event())
    return np.concatenate(blocks).astype(np.float32) / 32768.0


def decode(engine, waveform, forced_text="", *, partial=False):
    return engine.decode(DecodeRequest(1, 0, 0, len(waveform), forced_text, partial), waveform)


def words(text):
    return [word.strip(".,?!").lower() for word in text.split()]


def test_the_golden_transcript_of_the_sample(engine, speech):
    answer = decode(engine, speech)
    assert answer.new_text == GOLDEN
    assert answer.confident
    assert (answer.dropped, answer.retries) == ("", 0)


def test_the_golden_transcript_is_the_text_that_comes_with_the_sample(sample):
    assert sample.with_suffix(".txt").read_text().strip() == GOLDEN.strip()


@pytest.mark.slow
def test_the_same_request_has_the_same_answer_however_often_and_over_how_many_threads(
    make_engine, speech
):
    first = decode(make_engine(cpu_threads=1), speech)
    for threads in (1, 2, 2):
        again = decode(make_engine(cpu_threads=threads), speech)
        assert (again.new_text, again.score) == (first.new_text, first.score)
        assert again.no_speech_prob == first.no_speech_prob


@pytest.mark.slow
def test_what_was_decoded_before_has_no_influence(engine, speech):
    before = decode(engine, speech)
    decode(engine, noise(32_000, -20.0).astype(np.float32) / 32768.0)
    decode(engine, speech[: to_samples(2.0)], " Something else")
    after = decode(engine, speech)
    assert (after.new_text, after.score) == (before.new_text, before.score)


@pytest.mark.slow
def test_ten_seconds_of_context_give_the_words_of_thirty(make_engine, speech):
    short, full = decode(make_engine(), speech), decode(make_engine(context_min_s=30.0), speech)
    assert words(short.new_text) == words(full.new_text)
    assert short.cpu_s < full.cpu_s


@pytest.mark.slow
def test_text_that_is_forced_is_continued_and_not_given_back(engine, speech):
    answer = decode(engine, speech, FIRST)
    assert answer.new_text == SECOND
    assert answer.confident


@pytest.mark.slow
@pytest.mark.parametrize("forced_words", [1, 3, 6, 7, 10])
def test_wherever_the_forced_text_ends_the_whole_is_the_same(engine, speech, forced_words):
    forced = "".join(f" {word}" for word in GOLDEN.split()[:forced_words]).rstrip(".")
    assert forced + decode(engine, speech, forced).new_text == GOLDEN


@pytest.mark.slow
def test_with_everything_forced_nothing_is_new(engine, speech):
    assert decode(engine, speech, GOLDEN).new_text == ""


@pytest.mark.slow
def test_forced_text_that_nobody_said_is_kept_and_the_rest_is_heard(engine, speech):
    answer = decode(engine, speech, " Completely other words.")
    assert answer.new_text.endswith("a single word will be lost.")
    assert "Completely" not in answer.new_text


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0, 20.0])
def test_silence_is_dropped_as_noise(engine, seconds):
    answer = decode(engine, np.zeros(to_samples(seconds), np.float32))
    assert (answer.new_text, answer.dropped, answer.confident) == ("", "noise", False)


@pytest.mark.slow
@pytest.mark.parametrize("dbfs", [-60.0, -30.0, -12.0])
@pytest.mark.parametrize("seconds", [1.0, 6.0])
def test_noise_is_dropped(engine, dbfs, seconds):
    answer = decode(engine, noise(to_samples(seconds), dbfs).astype(np.float32) / 32768.0)
    assert (answer.new_text, answer.dropped, answer.confident) == ("", "noise", False)


@pytest.mark.slow
def test_quiet_speech_is_not_dropped(engine, speech):
    assert words(decode(engine, speech * 0.05).new_text) == words(GOLDEN)


@pytest.mark.slow
def test_what_looks_like_a_loop_is_decoded_once_more_and_kept_if_it_is_said(engine, speech):
    twice = np.concatenate([speech, speech, speech])
    answer = decode(engine, twice)
    assert answer.retries == 1
    assert words(answer.new_text) == words(GOLDEN) * 3
    assert answer.dropped == ""


@pytest.mark.slow
def test_a_partial_is_cheaper_and_says_much_the_same(engine, speech):
    partial = decode(engine, speech, partial=True)
    assert words(partial.new_text) == words(GOLDEN)


@pytest.mark.slow
def test_confidence_is_a_matter_of_the_settings(make_engine, speech):
    assert not decode(make_engine(commit_score=-0.001), speech).confident
    assert decode(make_engine(commit_score=-0.001), speech).new_text == GOLDEN


@pytest.mark.slow
def test_what_a_decode_costs_is_told(engine, speech):
    answer = decode(engine, speech)
    assert 0.0 < answer.decode_s < 60.0
    assert 0.0 < answer.cpu_s < 60.0


@pytest.mark.slow
def test_it_tells_what_it_can_do(engine):
    can = engine.capabilities
    assert (can.device, can.languages, can.precision) == ("cpu", ("en",), "int8")
    assert can.forced_prefix
    assert can.partials
    assert can.chunking is None


@pytest.mark.slow
def test_a_folder_without_a_model_is_an_error_with_a_remedy(tmp_path):
    spec = EngineSpec("whisper", "mine", str(tmp_path), "en")
    with pytest.raises(EngineError, match="cannot be loaded") as caught:
        load(spec)
    assert caught.value.remedy


@pytest.mark.slow
def test_a_broken_model_is_an_error_with_a_remedy(tmp_path, whisper_model):
    for file in whisper_model.iterdir():
        if file.is_file() and file.name != "model.bin":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.bin").write_bytes(b"weights" * 1000)
    with pytest.raises(EngineError, match="cannot be loaded") as caught:
        load(EngineSpec("whisper", "mine", str(tmp_path), "en"))
    assert caught.value.remedy
