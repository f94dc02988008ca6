"""The commit rule: decision points and an engine's answers in, requests and commits out. Pure.

At k1 (0.2 s of silence) the utterance is decoded, with the committed text forced as prefix. At k2
(0.3 s), if the engine is confident, everything but the final punctuation is committed; at k3 (the
hang-over) the rest. Points are handled in order and never skipped because the worker is late, so
the text is a function of the samples. Only a request whose silence ended before k2 has no effect:
it is not sent, or its answer is not awaited.

Of a long utterance only what follows an earlier commit is decoded again, with enough sound before
the new words; only the text of that stretch is forced (docs/adr/0008).

An engine that streams also gets requests at chunk ends, while speech goes on (docs/adr/0017),
always from the utterance's first sample. What it brings there is committed at once.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from swictation.asr.alignment import rest_after
from swictation.asr.chunks import ChunkEnd, ChunkEnds
from swictation.types import (
    Chunking,
    Commit,
    DecodeRequest,
    Hypothesis,
    Point,
    SilenceConfirmed,
    SilenceNoticed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    to_samples,
)

_PUNCTUATION = " .,!?;:-…\"'"

Step = DecodeRequest | Commit
"""What the rule returns: a decode to request (at most one is open), or text to commit."""


class _Current(msgspec.Struct):
    """The utterance whose points are being handled."""

    number: int
    first_sample: int
    forced_text: str = ""
    """What is committed of the text from `first_sample` on."""
    starts: list[tuple[int, int]] = []
    """Where a decode may begin: samples, and the length of `forced_text` before them."""
    rest: str = ""
    """The text of the last decode that is not committed."""
    decoded_to: int = -1
    """The last sample of that decode; -1 if there is none that counts."""
    beyond: str | None = None
    """`Hypothesis.beyond` of that decode."""
    chunk_end: int = -1
    """The last chunk end that was handled."""
    chunks: list[tuple[int, int]] = []
    """The chunk ends that an engine answered, and the length of `forced_text` before each."""
    is_confident: bool = False
    is_given_up: bool = False


class Stabilizer:
    """Decides the commits of one stream. Not thread-safe: used on the run loop only."""

    def __init__(self, numbers: Iterator[int], left_context_s: float, tail_s: float) -> None:
        """Begin with no utterance.

        Args:
            numbers: fresh request numbers, shared by all that use the same engine.
            left_context_s: the least sound that a decode takes, if the utterance has it.
            tail_s: how much silence is decoded after speech.
        """
        self._numbers = numbers
        self._left_context = to_samples(left_context_s)
        self._tail = to_samples(tail_s)
        self._points: deque[Point] = deque()
        self._chunk_ends = ChunkEnds()
        self._carried = ""
        """What is already committed of the next utterance, after a cut at the cap."""
        self._current: _Current | None = None
        self._pending: DecodeRequest | None = None

    @property
    def pending(self) -> DecodeRequest | None:
        """The unanswered request, which a new worker must get again, unchanged."""
        return self._pending

    @property
    def committed(self) -> str:
        """What is committed of the open utterance, as its engine wrote it."""
        return self._current.forced_text if self._current else ""

    @property
    def is_idle(self) -> bool:
        """Whether no point waits and no utterance is open."""
        return not self._points and self._current is None

    def needs(self, utterance: int, first_sample: int, last_sample: int) -> int:
        """From where on the sound of `utterance`, from `first` to `last`, may still be decoded.

        `last_sample` if none of it is needed.
        """
        current = self._current
        if self._pending and self._pending.utterance == utterance:
            return max(first_sample, self._pending.first_sample)
        if current and current.number == utterance:
            return last_sample if current.is_given_up else self._window(current, last_sample)[0]
        waiting = [point.utterance for point in self._points if isinstance(point, SpeechStarted)]
        return first_sample if utterance in waiting else last_sample

    def partial(self, first_sample: int, last_sample: int) -> DecodeRequest | None:
        """Make a request for tentative text of the open utterance, not before `first_sample`.

        For a streaming engine it begins with the utterance, which the engine has heard already.

        None while an answer is awaited, points wait, or no utterance is open.
        """
        current = self._current
        if current is None or current.is_given_up or self._pending or self._points:
            return None
        start, forced_text = self._window(current, last_sample)
        if current.chunks:
            first_sample = start
        return DecodeRequest(
            number=next(self._numbers),
            utterance=current.number,
            first_sample=max(start, first_sample),
            last_sample=last_sample,
            forced_text=forced_text if start >= first_sample else "",
            partial=True,
        )

    def points(self, points: Iterable[Point], chunking: Chunking | None = None) -> list[Step]:
        """Take the next decision points, in order.

        `chunking`: of the serving engine; None: it does not stream.
        """
        for point in points:
            self._points.extend(self._chunk_ends.before(point, chunking))
        return self._advance()

    def heard(self, sample: int) -> list[Step]:
        """All sound before `sample` has been heard, and all points but the last frame's passed."""
        self._points.extend(self._chunk_ends.heard(sample))
        return self._advance()

    def pass_over(self, number: int) -> list[Step]:
        """Do without the answer to request `number`, because no engine streams any more."""
        if self._current and self._pending and self._pending.goes_on:
            self._current.chunk_end = self._pending.last_sample
        return self.answer(number, Hypothesis("", confident=False))

    def is_outrun(self, request: DecodeRequest) -> bool:
        """Whether words from after the request's sound are committed, by a streaming engine.

        An engine that does not stream would repeat them: see `unstreamed`.
        """
        current = self._current
        if current is None or current.number != request.utterance:
            return False
        return any(sample > request.last_sample for sample, _ in current.chunks)

    def unstreamed(self, request: DecodeRequest) -> DecodeRequest:
        """Rewrite the pending request, which is outrun, so that any engine can answer it.

        Only the text of chunks that end within its sound is forced. The text of later chunks is
        searched in the answer, because a word that the stream held back may be there.
        """
        current = self._current
        assert current is not None
        length = next(length for sample, length in current.chunks if sample > request.last_sample)
        forced_text = current.forced_text[:length]
        self._pending = msgspec.structs.replace(request, forced_text=forced_text)
        return self._pending

    def answer(self, number: int, hypothesis: Hypothesis) -> list[Step]:
        """Take an engine's answer; only that of the pending request counts."""
        pending, current = self._pending, self._current
        if pending is None or pending.number != number or current is None:
            return []
        self._pending = None
        if pending.goes_on:
            return [*self._commit_chunk(current, pending, hypothesis), *self._advance()]
        # After chunks all committed text is forced, unless `unstreamed` rewrote the request.
        behind = current.forced_text[len(pending.forced_text) :] if current.chunks else ""
        if behind:
            heard = hypothesis.new_text
            hypothesis = msgspec.structs.replace(
                hypothesis, new_text=rest_after(behind, heard), beyond=rest_after(heard, behind)
            )
        current.rest = hypothesis.new_text
        current.is_confident = hypothesis.confident
        current.beyond = hypothesis.beyond
        current.decoded_to = pending.last_sample
        return self._advance()

    def give_up(self) -> list[Step]:
        """Give up the pending request's utterance: nothing more of it is decoded or typed."""
        if self._pending is None or self._current is None:
            return []
        self._pending = None
        self._current.is_given_up = True
        self._current.rest, self._current.beyond = "", None
        return self._advance()

    def _advance(self) -> list[Step]:
        steps: list[Step] = []
        while self._points:
            point = self._points[0]
            if isinstance(point, SpeechResumed):
                self._pending = None  # its silence ended before k2, or k2 is handled
            elif self._pending is None and self._needs_decode(point):
                self._pending = self._request(point)
                steps.append(self._pending)
            if self._pending and not isinstance(point, SilenceNoticed):
                break
            self._points.popleft()
            steps += self._apply(point)
        return steps

    def _needs_decode(self, point: Point) -> bool:
        if self._current is None or self._current.is_given_up:
            return False
        if isinstance(point, ChunkEnd):
            return self._current.chunk_end < point.at_sample
        if isinstance(point, SilenceNoticed):
            return not (len(self._points) > 1 and isinstance(self._points[1], SpeechResumed))
        return isinstance(point, SpeechEnded) and self._current.decoded_to != point.last_sample

    def _request(self, point: Point) -> DecodeRequest:
        assert self._current is not None
        assert isinstance(point, SilenceNoticed | SpeechEnded | ChunkEnd)
        goes_on = isinstance(point, ChunkEnd)
        last_sample = point.at_sample if goes_on else point.last_sample
        start, forced_text = self._window(self._current, last_sample)
        return DecodeRequest(
            number=next(self._numbers),
            utterance=self._current.number,
            first_sample=start,
            last_sample=last_sample,
            forced_text=forced_text,
            goes_on=goes_on,
        )

    def _window(self, current: _Current, last_sample: int) -> tuple[int, str]:
        """Where a decode up to `last_sample` begins, and what is committed from there on.

        Never at the last commit: the engine would not hear the words before the seam, and the
        comma or full stop there would be missing.
        """
        if current.chunks:
            return current.first_sample, current.forced_text
        latest = last_sample - self._left_context
        begun = [start for start in current.starts[:-1] if start[0] <= latest]
        if not begun:
            return current.first_sample, current.forced_text
        sample, length = begun[-1]
        # The mark at a seam belongs to the text before it; the engine begins with a word.
        forced_text = current.forced_text[length:].lstrip(_PUNCTUATION)
        return sample, f" {forced_text}" if forced_text else ""

    def _apply(self, point: Point) -> list[Step]:
        if isinstance(point, SpeechStarted):
            carried, self._carried = (self._carried if point.continues else ""), ""
            self._current = _Current(point.utterance, point.first_sample, carried)
        elif self._current is None:
            return []
        elif isinstance(point, SpeechResumed):
            self._current.rest, self._current.decoded_to = "", -1
            self._current.beyond = None
        elif isinstance(point, SilenceConfirmed):
            return self._commit_sure(self._current, point)
        elif isinstance(point, SpeechEnded):
            return self._commit_all(self._current, point)
        return []

    def _commit_chunk(
        self, current: _Current, request: DecodeRequest, hypothesis: Hypothesis
    ) -> list[Step]:
        if current.chunk_end < request.last_sample:
            current.chunk_end = request.last_sample
            current.chunks.append((request.last_sample, len(current.forced_text)))
        text = hypothesis.new_text
        current.forced_text += text
        return [Commit(current.number, text, False, request.last_sample)] if text else []

    def _commit_sure(self, current: _Current, point: SilenceConfirmed) -> list[Step]:
        sure = current.rest.rstrip(_PUNCTUATION) if current.is_confident else ""
        if not sure or current.decoded_to < 0:
            return []
        current.forced_text += sure
        current.starts.append((current.decoded_to - self._tail, len(current.forced_text)))
        current.rest = current.rest[len(sure) :]
        return [Commit(current.number, sure, final=False, at_sample=point.at_sample)]

    def _commit_all(self, current: _Current, point: SpeechEnded) -> list[Step]:
        self._current = None
        is_cut = point.reason == "cap"
        text = current.rest.rstrip(_PUNCTUATION) if is_cut else current.rest
        if is_cut:
            self._carried = _beyond(current, point.last_sample)
        return [Commit(current.number, text, True, point.at_sample, joins_next=is_cut)]


def _beyond(current: _Current, last_sample: int) -> str:
    """What is committed of an utterance from after `last_sample`, where it was cut.

    As its engine says, or else the text of all chunks that end after it.
    """
    if current.beyond is not None:
        return current.beyond
    lengths = [length for sample, length in current.chunks if sample > last_sample]
    return current.forced_text[lengths[0] :] if lengths else ""
