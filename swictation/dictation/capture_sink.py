"""Where the text goes that is captured: to the one who asked, never into a window."""

from collections.abc import Callable

from swictation.events import Composed, Event, Injected
from swictation.text.pipeline import TextPipeline, as_text
from swictation.types import Commit

CAPTURED = "captured"
"""The outcome of such a piece."""


class CaptureSink:
    """Composes the commits of captured utterances, each capture a text of its own."""

    def __init__(self, pipeline: TextPipeline, post: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._post = post
        self.number = 0
        """Of the last capture that was begun, from 1."""

    def begin(self) -> None:
        """Another capture: nothing stands before its text."""
        self.number += 1
        self._pipeline.follow("")

    def put(self, commit: Commit, capture: int, due_s: float) -> None:
        """Take a commit whose text was known at `due_s`; nobody waits for an earlier capture's."""
        text = as_text(self._pipeline.feed(commit)) if capture == self.number else ""
        self._post(Composed(commit, 0, text, due_s))
        self._post(Injected(commit.utterance, 0, commit.final, CAPTURED, ""))
