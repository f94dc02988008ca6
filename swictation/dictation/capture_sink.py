"""Where captured text goes: to its caller, never into a window."""

from collections.abc import Callable

from swictation.events import Composed, Event, Injected
from swictation.text.pipeline import TextPipeline, as_text
from swictation.types import Commit

CAPTURED = "captured"
"""The outcome of a captured piece."""


class CaptureSink:
    """Composes the commits of captured utterances, each capture a text of its own."""

    def __init__(self, pipeline: TextPipeline, post: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._post = post
        self.number = 0
        """Of the last capture, counted from 1."""

    def begin(self) -> None:
        """Begin another capture: nothing stands before its text."""
        self.number += 1
        self._pipeline.follow("")

    def put(self, commit: Commit, capture: int, due_s: float) -> None:
        """Take a commit whose text was known at `due_s`; an earlier capture's is discarded."""
        text = as_text(self._pipeline.feed(commit)) if capture == self.number else ""
        self._post(Composed(commit, 0, text, due_s))
        self._post(Injected(commit.utterance, 0, commit.final, CAPTURED, ""))
