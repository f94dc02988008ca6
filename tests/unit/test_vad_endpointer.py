import numpy as np
import pytest

from fakes.signals import frames_of, noise
from swictation.config.settings import VadSettings
from swictation.types import (
    FRAME_SAMPLES,
    Frame,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)
from swictation.vad.endpointer import Endpointer

pytestmark = pytest.mark.unit

SPEECH, SILENCE = 0.9, 0.1
QUIET = np.zeros(FRAME_SAMPLES, np.int16)


class Ear:
    """Feeds an endpointer runs of frames of one probability."""

    def __init__(self, **settings):
        self.endpointer = Endpointer(VadSettings(**settings))
        self.points = []
        self.now = 0

    def hear(self, probability, frames, sound=None):
        """`sound`: the samples of these frames; digital silence without it."""
        for number in range(frames):
            at = number * FRAME_SAMPLES
            samples = QUIET if sound is None else sound[at : at + FRAME_SAMPLES]
            self.points += self.endpointer.feed(Frame(self.now, samples), probability)
            self.now += FRAME_SAMPLES
        return self

    def flush(self, end_sample=None):
        self.points += self.endpointer.flush(self.now if end_sample is None else end_sample)
        return self

    def take(self):
        points, self.points = self.points, []
        return points


def at(frame):
    """The sample at which a frame ends, counted from 0."""
    return (frame + 1) * FRAME_SAMPLES


def test_an_utterance_has_its_points_at_exact_samples():
    points = Ear().hear(SILENCE, 40).hear(SPEECH, 10).hear(SILENCE, 30).points
    onset, speech_end = 40 * FRAME_SAMPLES, 50 * FRAME_SAMPLES
    decoded_to = speech_end + 3200
    assert points == [
        SpeechStarted(0, at(43), onset - 8000, onset - 4800, continues=False),
        SilenceNoticed(0, at(56), decoded_to),  # the first frame that ends 0.2 s after speech
        SilenceConfirmed(0, at(59)),
        SpeechEnded(0, at(74), decoded_to, "silence"),
    ]


def test_the_length_of_the_silence_is_what_the_settings_say():
    ear = Ear(hang_over_s=1.6, tail_s=0.1).hear(SILENCE, 40).hear(SPEECH, 10).hear(SILENCE, 60)
    assert ear.points[-1] == SpeechEnded(0, at(49 + 50), 50 * FRAME_SAMPLES + 1600, "silence")


def test_three_frames_of_speech_do_not_begin_an_utterance():
    assert Ear().hear(SILENCE, 10).hear(SPEECH, 3).hear(SILENCE, 2).hear(SPEECH, 3).points == []


def test_what_began_no_utterance_does_not_count_towards_the_next():
    ear = Ear().hear(SPEECH, 3).hear(SILENCE, 1).hear(SPEECH, 4)
    assert [type(point) for point in ear.points] == [SpeechStarted]
    assert ear.points[0].at_sample == at(7)


def test_speech_goes_on_down_to_the_release_threshold():
    ear = Ear().hear(SPEECH, 4).hear(0.35, 40)
    assert [type(point) for point in ear.points] == [SpeechStarted]
    ear.hear(0.349, 7)
    assert ear.points[1] == SilenceNoticed(0, at(50), at(43) + 3200)


def test_the_release_threshold_begins_nothing():
    assert Ear().hear(0.49, 50).points == []


def test_the_pre_roll_ends_at_the_streams_start():
    started = Ear().hear(SILENCE, 5).hear(SPEECH, 4).points[0]
    assert (started.kept_from_sample, started.first_sample) == (0, 0)
    started = Ear().hear(SILENCE, 12).hear(SPEECH, 4).points[0]
    assert (started.kept_from_sample, started.first_sample) == (0, 12 * FRAME_SAMPLES - 4800)


def test_the_pre_roll_ends_where_the_utterance_before_was_decoded_to():
    ear = Ear(hang_over_s=0.3).hear(SILENCE, 40).hear(SPEECH, 10).hear(SILENCE, 10)
    first_end = ear.take()[-1]
    started = ear.hear(SPEECH, 4).points[0]
    assert first_end.reason == "silence"
    assert started.kept_from_sample == started.first_sample == first_end.last_sample


def test_a_pre_roll_that_fits_is_not_shortened_by_the_utterance_before():
    ear = Ear().hear(SILENCE, 40).hear(SPEECH, 10).hear(SILENCE, 25)
    ear.take()
    started = ear.hear(SPEECH, 4).points[0]
    onset = 75 * FRAME_SAMPLES
    assert (started.kept_from_sample, started.first_sample) == (onset - 8000, onset - 4800)


def test_with_the_shortest_hang_over_a_pause_is_still_noticed_confirmed_and_then_the_end():
    ear = Ear(hang_over_s=0.3).hear(SPEECH, 10).hear(SILENCE, 10)
    assert [type(point) for point in ear.points[1:]] == [
        SilenceNoticed,
        SilenceConfirmed,
        SpeechEnded,
    ]
    assert [point.at_sample for point in ear.points[1:]] == [at(16), at(19), at(19)]


def test_speech_that_resumes_goes_on_with_the_same_utterance():
    ear = Ear().hear(SPEECH, 10).hear(SILENCE, 24).hear(SPEECH, 1).hear(SILENCE, 25)
    kinds = [SilenceNoticed, SilenceConfirmed, SpeechResumed]
    kinds += [SilenceNoticed, SilenceConfirmed, SpeechEnded]
    assert [type(point) for point in ear.points[1:]] == kinds
    assert {point.utterance for point in ear.points} == {0}
    assert ear.points[3] == SpeechResumed(0, at(34))
    assert ear.points[-1] == SpeechEnded(0, at(59), at(34) + 3200, "silence")


def test_a_pause_too_short_to_be_noticed_leaves_no_trace():
    ear = Ear().hear(SPEECH, 10).hear(SILENCE, 6).hear(SPEECH, 10)
    assert [type(point) for point in ear.points] == [SpeechStarted]


def test_utterances_are_numbered_one_after_the_other():
    ear = Ear()
    for _ in range(3):
        ear.hear(SPEECH, 5).hear(SILENCE, 40)
    started = [point.utterance for point in ear.points if isinstance(point, SpeechStarted)]
    assert started == [0, 1, 2]


def test_it_is_busy_from_the_first_frame_of_speech_to_the_end():
    ear = Ear().hear(SILENCE, 3)
    assert not ear.endpointer.is_busy
    assert ear.hear(SPEECH, 1).endpointer.is_busy
    assert not ear.hear(SILENCE, 1).endpointer.is_busy
    assert ear.hear(SPEECH, 4).hear(SILENCE, 24).endpointer.is_busy
    assert not ear.hear(SILENCE, 1).endpointer.is_busy


def test_a_flush_in_speech_decodes_the_tail():
    ear = Ear().hear(SPEECH, 10).flush()
    assert ear.points[-1] == SpeechEnded(0, at(9), at(9) + 3200, "flush")
    assert not ear.endpointer.is_busy


def test_a_flush_in_a_pause_asks_for_what_the_pause_asked_for():
    ear = Ear().hear(SPEECH, 10).hear(SILENCE, 12).flush()
    noticed, ended = ear.points[1], ear.points[-1]
    assert ended == SpeechEnded(0, at(21), noticed.last_sample, "flush")


def test_a_flush_when_idle_brings_nothing():
    assert Ear().flush().points == []
    assert Ear().hear(SPEECH, 3).flush().points == []
    assert Ear().hear(SPEECH, 5).hear(SILENCE, 30).flush().points[-1].reason == "silence"


def test_a_flush_never_lies_before_the_last_frame_even_if_that_was_padded():
    ear = Ear().hear(SPEECH, 4).flush(at(3) - 500)
    assert [point.at_sample for point in ear.points] == [at(3), at(3)]


def test_after_a_flush_the_next_utterance_begins_afresh():
    ear = Ear().hear(SPEECH, 10).flush()
    ear.take()
    started = ear.hear(SILENCE, 30).hear(SPEECH, 4).points[0]
    assert (started.utterance, started.continues) == (1, False)


def talk(seconds, dips, dbfs=-20.0):
    """Loud noise with quieter stretches: `dips` are (from s, to s, level)."""
    sound = noise(to_samples(seconds) // FRAME_SAMPLES * FRAME_SAMPLES, dbfs)
    for start_s, end_s, dip_dbfs in dips:
        first, last = to_samples(start_s), to_samples(end_s)
        sound[first:last] = noise(last - first, dip_dbfs)
    return sound


def cut_of(sound, **settings):
    """The cut that uninterrupted speech of that sound gets, and what begins behind it."""
    ear = Ear(**settings).hear(SPEECH, len(sound) // FRAME_SAMPLES, sound)
    ended = next(point for point in ear.points if isinstance(point, SpeechEnded))
    return ended, ear.points[ear.points.index(ended) + 1]


def test_at_the_cap_an_utterance_is_cut_in_its_quietest_moment_and_the_next_begins_there():
    ended, started = cut_of(talk(21.0, [(15.0, 15.2, -50.0)]))
    assert ended.reason == "cap"
    assert ended.at_sample == at(to_samples(20.0) // FRAME_SAMPLES - 1) == 320_000
    assert to_samples(15.05) <= ended.last_sample <= to_samples(15.15)
    cut = ended.last_sample
    assert started == SpeechStarted(1, ended.at_sample, cut, cut, continues=True)


def test_the_cut_lies_in_the_middle_of_the_first_of_the_quietest_moments():
    sound = talk(21.0, [])
    sound[to_samples(16.0) : to_samples(17.0)] = 0
    assert cut_of(sound)[0].last_sample == to_samples(16.0) + to_samples(0.15) // 2


@pytest.mark.parametrize("dip", [(11.5, 11.9, -80.0), (19.85, 20.0, -80.0)])
def test_only_the_last_8_s_but_the_very_last_moment_are_searched(dip):
    ended, _ = cut_of(talk(21.0, [dip, (14.0, 14.2, -40.0)]))
    assert to_samples(14.05) <= ended.last_sample <= to_samples(14.15)


def test_the_cap_is_what_the_settings_say():
    dips = [(2.0, 2.2, -50.0), (4.0, 4.2, -40.0)]  # only the last 40 % of a low cap are searched
    ended, _ = cut_of(talk(6.0, dips), max_utterance_s=5.0)
    assert ended.at_sample == at(to_samples(5.0) // FRAME_SAMPLES)
    assert to_samples(4.05) <= ended.last_sample <= to_samples(4.15)


def test_a_cut_never_lies_before_the_last_confirmed_pause():
    sound = talk(21.0, [(13.0, 13.3, -80.0), (17.0, 17.2, -40.0)])
    pause = slice(to_samples(15.0) // FRAME_SAMPLES, to_samples(15.0) // FRAME_SAMPLES + 12)
    ear = Ear()
    for number, frame in enumerate(frames_of(sound)):
        in_pause = pause.start <= number < pause.stop
        ear.points += ear.endpointer.feed(frame, SILENCE if in_pause else SPEECH)
    confirmed = next(point for point in ear.points if isinstance(point, SilenceConfirmed))
    ended = next(point for point in ear.points if isinstance(point, SpeechEnded))
    assert confirmed.at_sample == at(pause.start + 9)
    assert to_samples(17.05) <= ended.last_sample <= to_samples(17.15)


def test_with_no_room_behind_the_last_pause_the_cut_is_where_that_pause_began():
    before = to_samples(19.5) // FRAME_SAMPLES
    ear = Ear().hear(SPEECH, before).hear(SILENCE, 12).hear(SPEECH, 10)
    ended = next(point for point in ear.points if isinstance(point, SpeechEnded))
    assert (ended.reason, ended.last_sample) == ("cap", before * FRAME_SAMPLES)


def test_a_pause_that_is_noticed_puts_the_cap_off_until_it_ends():
    before = to_samples(19.8) // FRAME_SAMPLES
    ear = Ear().hear(SPEECH, before).hear(SILENCE, 24)
    assert not any(isinstance(point, SpeechEnded) for point in ear.points)
    assert ear.hear(SILENCE, 1).points[-1].reason == "silence"
    ear = Ear().hear(SPEECH, before).hear(SILENCE, 24).hear(SPEECH, 1)
    assert [type(point) for point in ear.points[-3:]] == [SpeechResumed, SpeechEnded, SpeechStarted]
    assert ear.points[-2].reason == "cap"


def test_the_half_that_was_cut_off_ends_like_any_other():
    ear = Ear().hear(SPEECH, 650, talk(21.0, [])).hear(SILENCE, 25)
    assert ear.points[-1] == SpeechEnded(1, at(674), at(649) + 3200, "silence")


@pytest.mark.parametrize("cap_s", [5.0, 8.0])
def test_a_low_cap_does_not_cut_in_the_silence_before_the_first_word(cap_s):
    sound = np.concatenate([np.zeros(40 * FRAME_SAMPLES, np.int16), talk(30.0, [])])
    ear = Ear(max_utterance_s=cap_s).hear(SILENCE, 40, sound)
    ear.hear(SPEECH, 900, sound[40 * FRAME_SAMPLES :])
    starts = [point.first_sample for point in ear.points if isinstance(point, SpeechStarted)]
    cuts = [point.last_sample for point in ear.points if isinstance(point, SpeechEnded)]
    assert len(cuts) >= 3
    for start, cut in zip(starts, cuts, strict=False):
        assert 0.6 * cap_s <= (cut - start) / 16_000 <= cap_s
