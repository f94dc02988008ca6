import pytest

from swictation.doctor.finding import Subject
from swictation.doctor.selftest import judge, selftest

pytestmark = pytest.mark.unit

EXPECTED = "The computer is listening. Don't worry: not a word is lost."
HOW, MEND = "loaded in 0.5 s", "swictation model download --force tiny.en"


def judged(heard, *, is_slow=False):
    return judge(EXPECTED, heard, HOW, MEND, is_slow=is_slow)


def test_every_word_right_is_fine_whatever_the_case_and_the_punctuation():
    found = judged(" the computer is listening don't worry, not a word is lost")
    assert (found.level, found.remedy) == ("ok", "")
    assert found.found == f"{HOW}, every word right"


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("The computer was listening. Don't worry: not a word is lost.", 10),
        ("The computer is listening. Don't worry: not a word is lost. Thank you.", 11),
        ("The computer is listening. Don't worry: not a word.", 9),
    ],
)
def test_a_word_or_two_wrong_is_a_warning(heard, right):
    found = judged(heard)
    assert (found.level, found.remedy) == ("warning", MEND)
    assert f"{right} of 11 words right" in found.found


@pytest.mark.parametrize("heard", ["", "Thank you.", "listening lost computer word"])
def test_less_than_half_of_the_words_is_an_error(heard):
    found = judged(heard)
    assert (found.level, found.remedy) == ("error", MEND)


def test_slower_than_speech_is_a_warning():
    found = judged(EXPECTED, is_slow=True)
    assert found.level == "warning"
    assert "slower than speech" in found.found


def test_what_was_heard_is_not_told():
    assert "Hollow" not in judged("Hollow words").found


def test_without_a_model_the_detector_is_tried_and_the_engine_is_not():
    detector, engine = selftest(Subject())
    assert (detector.name, detector.level) == ("detector", "ok")
    assert (engine.name, engine.level) == ("self-test", "warning")
    assert "swictation doctor" in engine.remedy


def test_a_detector_that_hears_nothing_names_the_setting(tmp_path):
    subject = Subject()
    vad = type(subject.settings.vad)(threshold=0.9999999)
    subject.settings = type(subject.settings)(vad=vad)
    (found,) = selftest(subject)
    assert found.level == "error"
    assert "[vad] threshold" in found.found
