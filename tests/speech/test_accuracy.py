"""Real recordings through the product's own command: words wrong, slots heard, words invented."""

import json
import os
import subprocess
import sys

import pytest

from tests.bench import score
from tests.bench.corpus import MissingCorpus, clips
from tests.bench.recogniser import plain

pytestmark = [pytest.mark.speech, pytest.mark.slow]

MODEL = "tiny.en"


@pytest.fixture(scope="module")
def recordings(whisper_model):
    try:
        return clips()
    except MissingCorpus as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def heard(recordings, tmp_path_factory):
    """The text of each recording, all of them by one `swictation transcribe --json`."""
    home = str(tmp_path_factory.mktemp("home"))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "swictation", "transcribe", "--json", "--model", MODEL),
            *(str(clip.path) for clip in recordings),
        ],
        env={**os.environ, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(clip.path) for clip in recordings]
    return {clip: line["text"] for clip, line in zip(recordings, lines, strict=True)}


@pytest.fixture(scope="module")
def offline(recordings):
    """The same weights on whole files, with every word's context on both sides."""
    chosen = [clip for clip in recordings if clip.kind in ("read", "long")]
    return {clip: plain(MODEL).recording(clip.samples())[0] for clip in chosen}


def wer_percent(texts, kind):
    found = score.by_kind(texts, [kind])[kind]
    assert found["words"] >= 150, "too few words for a rate"
    return found["wer_percent"]


def test_at_most_4_percent_of_the_words_of_read_speech_are_wrong(heard):
    assert wer_percent(heard, "read") <= 4.0


def test_at_most_10_percent_of_the_words_of_long_recordings_are_wrong(heard):
    assert wer_percent(heard, "long") <= 10.0


def test_at_least_88_percent_of_the_slot_values_are_heard(heard):
    found = score.slots(heard)
    assert found["of"] >= 50
    assert found["percent"] >= 88.0


def test_noise_brings_no_words(heard):
    noises = {clip.name: text for clip, text in heard.items() if clip.kind == "noise"}
    assert len(noises) >= 10
    assert {name: text for name, text in noises.items() if score.words(text)} == {}


def test_streaming_costs_at_most_2_points_over_decoding_the_whole_file(heard, offline):
    streamed = score.word_errors((clip.text, heard[clip]) for clip in offline)
    whole = score.word_errors((clip.text, text) for clip, text in offline.items())
    assert streamed["wer_percent"] <= whole["wer_percent"] + 2.0
