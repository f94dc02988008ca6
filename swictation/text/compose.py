"""The last text stage: the space, case and punctuation of every seam. Pure.

Append-only: nothing typed is ever taken back. So what a later piece may still decide is held
back: everything before an utterance's first word, and the spaces and end marks (with quotes and
brackets closed after them) that a piece ends with. All decisions are made on the engine's text
as if it had come in one piece. Invisible characters are dropped first: `text.characters`.
"""

import re

from swictation.config.settings import TextSettings
from swictation.text.characters import Cleaner
from swictation.text.stage import Insert, Item, inserted

_END = ".?!…。？！"
_ENDS = tuple(_END)
_CLOSERS = "\"'“”’«»›‹)\\]}"
_TAIL_CHARS = 16
"""How much of the typed text decides how the next utterance is joined."""

_BLANKS = re.compile(r"[^\S\u00a0\u202f]\s*|\s{2,}")
"""A single no-break space stays: French has it before "!", Mongolian within words."""
_SECOND_END = re.compile(rf"(?<=[{_END}]) [{_END}]++(?![^\W_])")
_BLANK_BEFORE_MARK = re.compile(r" (?=[,;:?!…]|\.(?![^\W_]))")
"""A full stop straight before a word is part of it: .5, .NET."""

_UNDECIDED_TAIL = re.compile(rf"[\s{_END}][\s{_END}{_CLOSERS}]*$")
_FINAL_END = re.compile(rf"[{_END}]+([\s{_CLOSERS}]*)$")
_STRAY_START = re.compile(
    r"""(?: [\s,;:?!…—、。，？！)\]}]
    | [-–−] (?!\.?\d)                      # but "-5"
    | \. (?![^\W_]) | (?<=\.)\.            # but ".5", ".NET"
    | ["'”’»] (?=[\s,;:?!…)\]}]|\.\W|\.?$) # but '"Yes'
    )+""",
    re.VERBOSE,
)
_WORD_CHAR = re.compile(r"[^\W_]")
_FIRST_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

_AFTER_WORD = re.compile(rf"$|[\s,;:]|[{_END}](?![^\W_])")

_OPEN_BRACKET = re.compile(r"[(\[{¿¡„‚]$")
_OPEN_QUOTE = re.compile(r"(?:^|[\s(\[{¿¡])[\"'“”„‘’«»‹›]+$")
"""A quote is open where only space is before it: “ opens in English, closes in German."""

_SENTENCE_END = re.compile(rf"[{_END}][{_CLOSERS}]*(?:\s+[\"'“„‘«»‹›(\[{{]+)?$")

_ENGLISH = """
a an the this that these those another any each either every neither no none some such both
all few many more most much several own same other others
he she it we you they me him her us them my your his its our their mine yours hers ours theirs
myself yourself himself herself itself ourselves yourselves themselves
who whom whose which what whatever whoever whichever where when why how wherever whenever
somebody someone something anybody anyone anything nobody nothing everybody everyone everything
and or but nor so yet if then else than because although though unless until while whereas
whether since as once
about above across after against along among around at before behind below beneath beside
besides between beyond by despite during except for from in inside into like near of off on
onto out outside over past through throughout to toward towards under up upon via with within
without
am is are was were be been being do does did doing done have has had having
can could shall should would might must
isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't
wouldn't shouldn't mustn't needn't
he's he'd he'll she's she'd she'll it's it'd it'll we're we've we'd we'll you're you've you'd
you'll they're they've they'd they'll that's that'd that'll there's there're there'd there'll
here's what's what're who's who'd who'll where's when's how's let's
not also just only even still too very rather quite almost already again always never often
ever perhaps maybe however therefore there here now
"""
_ENGLISH_FUNCTION_WORDS = frozenset(_ENGLISH.split())


class Composer:
    """The stage that knows what stands in the window, across utterances. See `TextStage`.

    Args:
        settings: whether case is changed and final punctuation typed.
        language: of the engine's text, ISO 639-1.

    In mid-sentence (after a pause without a full stop, or a cut at the cap) an engine still
    begins an utterance with a capital. It is taken back for English only, and only for the first
    word, if that is one of a closed list of function words: from the text alone "Rose", "Will" or
    "Polish" cannot be told from "rose", "will" and "polish", and a wrong lower-cased name is
    worse than a capital too many. Other languages keep the engine's case (German nouns).
    """

    def __init__(self, settings: TextSettings, language: str) -> None:
        self._settings = settings
        self._is_english = language == "en"
        self._cleaner = Cleaner()
        self.follow("")

    def abandon(self) -> None:
        """Nothing more of this utterance will come; what was typed stays."""
        self._held, self._has_begun = "", False
        self._cleaner.end()
        stands = self._tail.rstrip()
        self._begins_sentence = not stands or _SENTENCE_END.search(stands) is not None

    def follow(self, text: str) -> None:
        """Start anew after `text`, which was typed before, or "" if nothing of ours is there.

        What was held back is dropped.
        """
        self._tail = text[-_TAIL_CHARS:]
        self.abandon()

    def feed(self, item: Item) -> list[Item]:
        """See `TextStage.feed`. After a key a new text begins."""
        if isinstance(item, Insert):
            return inserted(self._add(self._cleaner.add(item.text)))
        before = self.finish(joins_next=False)
        self.follow(item.text)
        return [*before, item]

    def finish(self, *, joins_next: bool) -> list[Item]:
        """See `TextStage.finish`."""
        return inserted(self._end(joins_next))

    def _add(self, piece: str) -> str:
        """Type what is decided of the utterance's text."""
        # A second end mark at a seam is a double; set apart, _SECOND_END removes it.
        is_double = self._held.endswith(_ENDS) and piece.startswith(_ENDS)
        text = _BLANKS.sub(" ", self._held + (" " if is_double else "") + piece)
        if not self._has_begun and not _WORD_CHAR.search(text):
            self._held = text
            return ""
        undecided = _UNDECIDED_TAIL.search(text)
        decided = text[: undecided.start()] if undecided else text
        self._held = text[len(decided) :]
        return self._type(decided)

    def _end(self, joins_next: bool) -> str:
        """End the utterance: decide on what is held back."""
        text, has_begun = self._held.rstrip(), self._has_begun
        self._held, self._has_begun = "", False
        self._cleaner.end()
        if not has_begun:
            return ""  # no word in it: nothing but punctuation
        text = _neat(text)
        ends_sentence = _SENTENCE_END.search(self._tail + text) is not None
        if joins_next or not self._settings.final_punctuation:
            text = _FINAL_END.sub(r"\1", text)
        self._remember(text)
        self._begins_sentence = ends_sentence and not joins_next
        return text

    def _type(self, text: str) -> str:
        text = _neat(text)
        if text and not self._has_begun:
            self._has_begun = True
            stray = _STRAY_START.match(text)
            text = self._joined(text[stray.end() :] if stray else text)
        self._remember(text)
        return text

    def _joined(self, text: str) -> str:
        """The start of an utterance, as it follows what is typed."""
        if self._settings.capitalise:
            if self._begins_sentence:
                text = _capitalised(text)
            elif self._is_english:
                text = _lowered(text)
        is_open = _OPEN_BRACKET.search(self._tail) or _OPEN_QUOTE.search(self._tail)
        is_apart = not self._tail or self._tail[-1].isspace()
        return text if is_open or is_apart else f" {text}"

    def _remember(self, text: str) -> None:
        self._tail = (self._tail + text)[-_TAIL_CHARS:]


def _neat(text: str) -> str:
    """No second end mark after a space, and no space before a mark."""
    return _BLANK_BEFORE_MARK.sub("", _SECOND_END.sub("", text))


def _capitalised(text: str) -> str:
    """With a capital, unless it begins with a number or a word like iPhone."""
    start = _WORD_CHAR.search(text)
    word = _FIRST_WORD.match(text, start.start()) if start else None
    if word is None or word[0] != word[0].lower():
        return text
    # Title case knows digraphs. "ß" has no single capital, and begins no German word.
    capital = word[0][0].title()
    if len(capital) != 1:
        return text
    return text[: word.start()] + capital + text[word.start() + 1 :]


def _lowered(text: str) -> str:
    """With its first word in small letters, where that is a function word."""
    start = _WORD_CHAR.search(text)
    word = _FIRST_WORD.match(text, start.start()) if start else None
    if word is None or word[0].lower().replace("’", "'") not in _ENGLISH_FUNCTION_WORDS:
        return text
    if word[0] != word[0].capitalize() or not _AFTER_WORD.match(text, word.end()):
        return text  # an acronym (IT, WHO, US) or part of a longer name (A4, A.M.)
    return text[: word.start()] + word[0].lower() + text[word.end() :]
