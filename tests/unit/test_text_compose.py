import pytest

from fakes.typed_text import TypedText
from swictation.config.settings import TextSettings
from swictation.types import Commit

pytestmark = pytest.mark.unit


def typed(*utterances: str | list[str], language: str = "en", cuts: tuple[int, ...] = (), **text):
    """What is typed of utterances, each its text or its pieces; those of `cuts` end at the cap."""
    composer = TypedText(TextSettings(**text), language)
    commits = [
        Commit(n, piece, final=i == 0, joins_next=i == 0 and n in cuts)
        for n, pieces in enumerate([u] if isinstance(u, str) else u for u in utterances)
        for i, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True)
    ]
    return "".join(map(composer.append, commits))


# --- within an utterance


def test_the_pieces_of_an_utterance_are_typed_as_the_engine_goes_on():
    assert (
        typed([" Hello world", ", and then it", " rained", "."])
        == "Hello world, and then it rained."
    )


def test_each_piece_is_typed_at_once():
    composer = TypedText(TextSettings(), "en")
    assert composer.append(Commit(0, " Hello world", final=False)) == "Hello world"
    assert composer.append(Commit(0, " again", final=False)) == " again"
    assert composer.append(Commit(0, ".", final=True)) == "."


def test_a_piece_may_begin_inside_a_word():
    assert typed([" He said, don", "'t go", "ing", " there."]) == "He said, don't going there."


@pytest.mark.parametrize(
    "pieces",
    [["a  b"], ["a \n\t b"], ["a ", " b"], ["a", " ", " ", "b"], ["a\x00b"], ["a\xa0\u2028b"]],
)
def test_blanks_and_control_characters_become_one_space(pieces):
    assert typed([*pieces, "."]) == "A b."


@pytest.mark.parametrize(
    "text",
    ["Quoi\u202f? Non\u00a0! «\u00a0Si\u00a0» : 10\u202f000\u00a0€.", "ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ"],
)
def test_a_space_that_does_not_break_stays_wherever_it_is_cut(text):
    for cut in range(len(text) + 1):
        assert typed([text[:cut], text[cut:]]) == text.replace(" :", ":")


def test_a_space_at_a_pieces_end_waits_for_the_next_piece():
    composer = TypedText(TextSettings(), "en")
    assert composer.append(Commit(0, " Hello ", final=False)) == "Hello"
    assert composer.append(Commit(0, "world ", final=True)) == " world"


def test_an_end_mark_at_a_pieces_end_waits_for_the_next_piece():
    composer = TypedText(TextSettings(), "en")
    assert composer.append(Commit(0, " It costs 3.", final=False)) == "It costs 3"
    assert composer.append(Commit(0, "50 today.", final=True)) == ".50 today."


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["Really?", "."], "Really?"),
        (["Really?", " ."], "Really?"),
        (["Really", "?", "."], "Really?"),
        (["Well...", "."], "Well..."),
        (["Well... I", " see?!"], "Well... I see?!"),
        (["Really? . Yes."], "Really? Yes."),
        (["Really?", ". Yes."], "Really? Yes."),
        (["Really? .5 of it."], "Really? .5 of it."),
    ],
)
def test_end_marks_are_not_doubled_at_a_seam(pieces, text):
    assert typed(pieces) == text


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("Hello , world !", "Hello, world!"),
        ("a ... b", "A... b"),
        ("about .5 of .NET", "About .5 of .NET"),
    ],
)
def test_no_space_stands_before_a_mark_unless_it_begins_a_number_or_name(engine, text):
    assert typed(engine) == text


# --- between utterances


def test_one_space_stands_between_utterances_and_none_at_the_start():
    assert typed(" Hello.", "  Good morning.", "How are you?") == (
        "Hello. Good morning. How are you?"
    )


@pytest.mark.parametrize("nothing", ["", " ", ".", " ... ", " - ", '"', "\n", "?!", "()"])
def test_an_utterance_without_a_word_types_nothing(nothing):
    assert typed(nothing) == ""
    assert typed(" One.", nothing, [nothing, nothing], " two.") == "One. Two."


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (", and then", "And then"),
        ("- Yes", "Yes"),
        ("-Yes", "Yes"),
        ("— Yes", "Yes"),
        ("...and then", "And then"),
        ("… and then", "And then"),
        (". . And", "And"),
        (") so", "So"),
        ('" said he', "Said he"),
        ('"yes" he said', '"Yes" he said'),
        ("“yes” he said", "“Yes” he said"),
        ("'cause I can", "'Cause I can"),
        ("(maybe)", "(Maybe)"),
        ("«oui»", "«Oui»"),
        ("¿qué?", "¿Qué?"),
        ("¡hola!", "¡Hola!"),
        ("$5 each", "$5 each"),
        ("€5 each", "€5 each"),
        ("-5 degrees", "-5 degrees"),
        ("−5 degrees", "−5 degrees"),
        ("- 5 apples", "5 apples"),
        (".5 percent", ".5 percent"),
        ("-.5 percent", "-.5 percent"),
        (".NET is", ".NET is"),
        ("#1", "#1"),
    ],
)
def test_stray_punctuation_before_the_first_word_goes_and_what_belongs_to_it_stays(start, text):
    assert typed(start) == text
    assert typed("One.", start) == f"One. {text}"


def test_what_belongs_to_the_first_word_may_come_in_a_piece_of_its_own():
    assert typed([" ", "-", "5 degrees."]) == "-5 degrees."
    assert typed([" - ", "yes."]) == "Yes."


@pytest.mark.parametrize("opened", ["(", '"', "“", "«", "[", "¿", '("'])
def test_no_space_follows_an_opening_quote_or_bracket_left_open(opened):
    assert typed(f"He said {opened}", "Peter") == f"He said {opened}Peter"


@pytest.mark.parametrize("closed", [")", '"', "”", "»", "’", "'"])
def test_a_space_follows_a_closed_quote_or_bracket(closed):
    assert typed(f"He said{closed}", "Peter") == f"He said{closed} Peter"


def test_a_german_quote_closes_where_an_english_one_opens():
    assert typed("Er sagte „Hallo“", "Peter", language="de") == "Er sagte „Hallo“ Peter"


# --- case


@pytest.mark.parametrize(
    "end", [".", "?", "!", "…", "...", '."', ".”", "?)", '.")', "!»", '. "', ". ("]
)
def test_a_capital_follows_a_sentences_end(end):
    assert typed(f"He left{end}", "then it rained").endswith("Then it rained")


@pytest.mark.parametrize("end", ["", ",", ":", ";", " -", '"', ")"])
def test_in_mid_sentence_an_english_function_word_has_no_capital(end):
    assert typed(f"He left{end}", "Then it rained").endswith(" then it rained")


_NAMES = "I I'm I’ll IT WHO US NASA London Rose Will May Polish A4 A.M. Don Theodore In-N-Out"


@pytest.mark.parametrize("word", _NAMES.split())
def test_in_mid_sentence_a_word_that_may_be_a_name_keeps_its_capital(word):
    assert typed("He saw", f"{word} again") == f"He saw {word} again"


@pytest.mark.parametrize("word", ["The", "And", "It's", "It’s", "Don't", "A", "They'll", "(Which"])
def test_a_function_word_may_be_contracted_or_stand_in_brackets(word):
    assert typed("He saw", f"{word} dog") == f"He saw {word.lower()} dog"


def test_a_cut_at_the_cap_is_mid_sentence_and_ends_without_an_end_mark():
    assert typed("He went.", "To the shop.", cuts=(0,)) == "He went to the shop."
    assert typed(["He went", "."], "To the shop.", cuts=(0,)) == "He went to the shop."
    assert typed('He said "go."', "And left.", cuts=(0,)) == 'He said "go" and left.'
    assert typed("He went,", "to the shop.", cuts=(0,)) == "He went, to the shop."


def test_an_utterance_without_a_word_changes_nothing_for_the_next():
    assert typed("He went", "...", "To the shop.", cuts=(0,)) == "He went to the shop."
    assert typed("He went.", "...", "then left.", cuts=(1,)) == "He went. Then left."


def test_other_languages_keep_the_engines_case_in_mid_sentence():
    assert typed("Das ist", "Der Hund", language="de") == "Das ist Der Hund"


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ("über uns", "Über uns"),
        ("école", "École"),
        ("ße", "ße"),
        ("ǆep", "ǅep"),
        ("iPhone", "iPhone"),
        ("5 apples", "5 apples"),
        ("привет", "Привет"),
        ("你好", "你好"),
    ],
)
def test_a_capital_is_set_where_the_script_and_the_word_have_one(start, text):
    assert typed(start, language="de") == text


def test_case_is_left_alone_when_the_settings_say_so():
    assert typed("hello.", "then", "The end", capitalise=False) == "hello. then The end"


# --- final punctuation


def test_final_punctuation_is_not_typed_when_the_settings_say_so():
    assert typed([" One. Two", "."], " three?", final_punctuation=False) == "One. Two Three"
    assert typed('He said "go!"', "then left...", final_punctuation=False) == (
        'He said "go" Then left'
    )


def test_a_sentence_still_ends_where_its_mark_is_not_typed():
    assert typed("One.", "the end", final_punctuation=False) == "One The end"
    assert typed("One", "The end", final_punctuation=False) == "One the end"


# --- targets and interruptions


def test_a_restart_begins_afresh():
    composer = TypedText(TextSettings(), "en")
    assert composer.append(Commit(0, " Hello and", final=True, joins_next=True)) == "Hello and"
    composer.follow("")
    assert composer.append(Commit(1, " then it rained", final=False)) == "Then it rained"
    composer.follow("")
    assert composer.append(Commit(1, ", and more", final=False)) == "And more"
    composer.follow("")
    assert composer.append(Commit(1, ".", final=True)) == ""


def test_an_utterance_that_never_became_final_is_ended_by_the_next():
    composer = TypedText(TextSettings(), "en")
    assert composer.append(Commit(0, " One.", final=False)) == "One"
    assert composer.append(Commit(1, " two", final=False)) == ". Two"
