import pytest

from swictation.dictation.latency import Latency
from swictation.types import SpeechEnded, to_samples

pytestmark = pytest.mark.unit


def ended(utterance, silence_s=0.8, reason="silence"):
    """Speech ended `silence_s` before the point that says so; `last_sample` has a tail of 0.2 s."""
    last = to_samples(10.2)
    return SpeechEnded(utterance, to_samples(10.0 + silence_s), last, reason)


def spoken(latency, utterance, took_s):
    """An utterance whose last words came `took_s` after its speech ended at 100 s."""
    latency.ended(ended(utterance), 100.8)
    latency.committed(utterance, 100.0 + took_s)
    latency.settled(utterance)


def test_before_any_utterance_there_is_none():
    assert Latency().percentile_ms(0.5) is None


def test_it_counts_from_the_end_of_speech_to_the_last_commit():
    latency = Latency()
    latency.ended(ended(0, silence_s=0.8), 100.8)
    latency.committed(0, 100.5)
    latency.committed(0, 101.1)
    latency.settled(0)
    assert latency.percentile_ms(0.5) == pytest.approx(1100.0)


def test_a_commit_may_come_before_the_end_is_known():
    latency = Latency()
    latency.committed(0, 100.35)
    latency.ended(ended(0), 100.8)
    latency.settled(0)
    assert latency.percentile_ms(0.5) == pytest.approx(350.0)


def test_none_is_negative():
    latency = Latency()
    latency.committed(0, 90.0)
    latency.ended(ended(0), 100.8)
    latency.settled(0)
    assert latency.percentile_ms(0.5) == 0.0


@pytest.mark.parametrize("brings_text", [True, False])
def test_cuts_and_utterances_without_text_do_not_count(brings_text):
    latency = Latency()
    latency.ended(ended(0, reason="cap" if brings_text else "silence"), 100.8)
    if brings_text:
        latency.committed(0, 101.0)
    latency.settled(0)
    latency.settled(7)  # of which nothing is known
    assert latency.percentile_ms(0.5) is None


def test_percentiles():
    latency = Latency()
    for number in range(100):
        spoken(latency, number, took_s=0.001 * (number + 1))
    assert latency.percentile_ms(0.0) == pytest.approx(1.0)
    assert latency.percentile_ms(0.5) == pytest.approx(51.0)
    assert latency.percentile_ms(0.95) == pytest.approx(96.0)
    assert latency.percentile_ms(1.0) == pytest.approx(100.0)


def test_the_last_200_count():
    latency = Latency()
    for number in range(300):
        spoken(latency, number, took_s=5.0 if number < 100 else 0.2)
    assert latency.percentile_ms(1.0) == pytest.approx(200.0)
