"""Whether a field has a word, by what it tells before and after."""

from collections.abc import Callable
from typing import Any

import pytest

from swictation.inject.wayland.input_method import SHORT, InputMethod, Progress, has_come

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("stood", "stands", "expected"),
    [
        ("", "word ", True),
        ("a word ", "a word word ", True),
        ("a word ", "a word ", False),  # it was dropped, and stood there before
        ("word ", "word ", False),
        (None, "word ", False),
        ("a ", None, False),
        ("a" * SHORT, "a" * (SHORT - 5) + "word ", True),
        ("a" * (SHORT - 5) + "word ", "a" * (SHORT - 5) + "word ", False),
    ],
)
def test_a_word_has_come_when_it_is_the_difference(
    stood: str | None, stands: str | None, expected: bool
) -> None:
    assert has_come("word ", stood, stands) is expected


class LosesEachCommit:
    """The compositor and its connection: the field leaves and comes back, and says nothing."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._handlers: dict[str, Callable[..., None]] = {}

    def create(self, _request: str, _seat: object) -> "LosesEachCommit":
        return self

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self._handlers[event] = handler

    def send(self, request: str, text: object) -> None:
        if request == "commit_string":
            self.sent.append(str(text))

    def barrier(self, _timeout_s: float, at_pass: Callable[[], None] = lambda: None) -> None:
        for event in ("deactivate", "activate", "done"):
            self._handlers[event]()
        at_pass()

    def wait(self, condition: Callable[[], bool], _timeout_s: float) -> bool:
        return condition()


class Unlimited:
    """A pace at which all is read."""

    def has_room(self) -> bool:
        return True

    def sent(self) -> None: ...

    see = wait_read = sent


def test_nothing_follows_a_word_that_may_be_lost() -> None:
    compositor: Any = LosesEachCommit()
    pace: Any = Unlimited()
    progress = Progress()
    method = InputMethod(compositor, compositor, compositor)
    compositor.barrier(0)
    method.commit("one two", progress, lambda: True, pace)
    assert compositor.sent == ["one "]
    assert (progress.sent, progress.reason) == (0, "the text field lost the focus")
