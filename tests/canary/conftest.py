"""Tiny models for these tests, made once and kept between runs."""

import pytest

from canary.tiny import store
from canary.tiny.sentences import Sentence, sentences


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """For children as well: more threads of OpenMP make the same work dearer."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def six() -> tuple[Sentence, ...]:
    """What the overfitted model knows."""
    try:
        return sentences()
    except FileNotFoundError:
        pytest.skip("espeak-ng is missing: scripts/system-packages dev")


@pytest.fixture(scope="session")
def tiny_nemo(six):
    """The .nemo of the model that writes `six` without an error."""
    return store.nemo_file("six")


@pytest.fixture(scope="session")
def tiny_folder(six):
    """The same, unpacked. Nothing may be written there: copy it."""
    return store.unpacked("six")


@pytest.fixture(scope="session")
def random_nemo(six):
    """A model of the same shape that nobody trained."""
    return store.nemo_file("random")


@pytest.fixture(scope="session")
def random_folder(six):
    """The same, unpacked. Nothing may be written there: copy it."""
    return store.unpacked("random")
