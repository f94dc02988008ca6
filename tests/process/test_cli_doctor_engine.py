"""The self-test of `swictation doctor` on engines that misbehave: what it found, what to type."""

import json

import pytest

from fakes.scripted_engine.sound import Word
from swictation.types import to_samples

pytestmark = pytest.mark.process


@pytest.fixture
def examine(program):
    """The finding of the self-test, and the exit code."""

    def run():
        done = program.run("doctor", "--json")
        assert done.is_calm
        assert done.err == ""
        report = json.loads(done.out)
        (found,) = [check for check in report["checks"] if check["name"] == "self-test"]
        return found, done.code

    return run


def says(program, text):
    """Let the engine hear these words in the sample."""
    spoken = text.split()
    edges = [to_samples(0.5 + 4.5 * n / len(spoken)) for n in range(len(spoken) + 1)]
    words = [Word(edges[n], edges[n + 1], f" {word}") for n, word in enumerate(spoken)]
    program.scene = program.scene.__class__(program.scene.samples, tuple(words), ())


def test_an_engine_of_another_package_that_hears_the_sample_is_fine(program, examine, sample):
    says(program, sample.with_suffix(".txt").read_text())
    found, _ = examine()
    assert found["level"] == "ok"
    assert "every word right" in found["found"]


def test_an_engine_of_another_package_need_not_understand_the_sample(program, examine):
    says(program, "marigold bicycle lantern")
    found, code = examine()
    assert (found["level"], code) == ("warning", 4)
    assert "0 of 14 words right" in found["found"]
    assert "marigold" not in found["found"]


@pytest.mark.slow
def test_an_engine_that_mishears_a_word_is_a_warning(program, examine, sample):
    says(program, sample.with_suffix(".txt").read_text().replace("computer", "commuter"))
    found, _ = examine()
    assert found["level"] == "warning"
    assert "13 of 14 words right" in found["found"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "on", "told"),
    [
        ("raise", "decode", "its engine raised"),
        ("signal", "decode", "SIGKILL"),
        ("signal", "load", "SIGKILL"),
        ("hang", "decode", "it hung"),
    ],
)
def test_an_engine_that_dies_or_hangs_is_an_error_that_says_how_to_see_more(
    program, examine, kind, on, told
):
    program.fault(kind, on)
    found, code = examine()
    assert (found["level"], code) == ("error", 1)
    assert told in found["found"]
    assert found["remedy"].startswith("to see what it prints: swictation transcribe -v ")


@pytest.mark.slow
def test_an_engine_that_cannot_be_loaded_says_itself_what_to_do(program, examine):
    program.set("asr", model=str(program.folder / "gone.json"))
    found, code = examine()
    assert (found["level"], code) == ("error", 1)
    assert "There is no manifest" in found["found"]
    assert found["remedy"] == "write one"
