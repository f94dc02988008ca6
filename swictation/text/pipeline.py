"""The text stages, one after the other, from commits to what is sent to a window. Pure."""

from collections.abc import Iterable, Sequence

from swictation.text.compose import Composer
from swictation.text.stage import Insert, Item, TextStage, inserted
from swictation.types import Commit


class TextPipeline:
    """Stages in order, the Composer last: it alone knows what stands in the window."""

    def __init__(self, composer: Composer, stages: Sequence[TextStage] = ()) -> None:
        self._composer = composer
        self._stages = tuple(stages)
        self._utterance: int | None = None

    def feed(self, commit: Commit) -> list[Item]:
        """Take the next commit; return what is to be sent now: never two inserts in a row."""
        items: list[Item] = []
        if self._utterance not in {None, commit.utterance}:  # one that never became final
            items += self._run([], ends=True)
        items += self._run(inserted(commit.text), ends=commit.final, joins_next=commit.joins_next)
        self._utterance = None if commit.final else commit.utterance
        return _merged(items)

    def follow(self, text: str) -> None:
        """Start anew after `text`, which was typed before, or "" if nothing of ours is there.

        What was held back is dropped.
        """
        for stage in self._stages:
            stage.abandon()
        self._composer.follow(text)

    def abandon(self) -> None:
        """Nothing more of this utterance will come; what was typed stays."""
        for stage in (*self._stages, self._composer):
            stage.abandon()
        self._utterance = None

    def _run(self, items: list[Item], *, ends: bool, joins_next: bool = False) -> list[Item]:
        for stage in (*self._stages, self._composer):
            items = [made for item in items for made in stage.feed(item)]
            if ends:
                items += stage.finish(joins_next=joins_next)
        return items


def as_text(items: Iterable[Item]) -> str:
    """The items as one text."""
    return "".join(item.text for item in items)


def _merged(items: list[Item]) -> list[Item]:
    merged: list[Item] = []
    for item in items:
        last = merged[-1] if merged else None
        if isinstance(item, Insert) and isinstance(last, Insert):
            merged[-1] = Insert(last.text + item.text)
        else:
            merged.append(item)
    return merged
