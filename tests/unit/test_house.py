"""The rules of the house that can be counted; `python -m tests.house` prints all figures."""

import ast
import textwrap

import pytest

from tests.house import figures, words
from tests.house.tree import Module, modules, parsed
from tests.house.writes import writes_from_outside

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def product():
    return modules()


def test_each_part_takes_a_few_collaborators(product):
    assert figures.long_inits(product) == []


def test_nothing_is_set_from_outside_after_construction(product):
    assert writes_from_outside(product) == []


def test_no_file_is_too_long():
    assert figures.long_files() == []


def test_no_folder_is_too_full():
    assert figures.full_folders() == []


def test_no_old_word_is_left(product):
    found = words.old_words(product)
    assert [str(place) for places in found.values() for place in places] == []


SAMPLE = """
    class Point(Struct):
        x: int = 0

    class Engine:
        def __init__(self, a, b, c, d, e, f):
            self.speed = 0
            self.at = Point()

        def own(self):
            self.speed = 1
            self.at.x = 1

    class Driver:
        def __init__(self, engine: Engine | None, spare):
            self._engine = engine
            self._spare = spare

        def drive(self):
            self._engine.speed = 2
            self._engine.at.x = 3
            self._spare.speed = 4
            made, n = Engine(*range(6)), 1
            made.at, n.other = Point(), 2
"""


def sample() -> Module:
    return parsed("sample.py", "sample", ast.parse(textwrap.dedent(SAMPLE)))


def test_what_an_object_does_itself_and_what_happens_to_plain_data_is_no_write_from_outside():
    found = [place.what for place in writes_from_outside([sample()])]
    assert found == ["self._engine.speed", "self._spare.speed", "made.at"]


def test_parameters_are_counted_without_self():
    assert [place.what for place in figures.long_inits([sample()])] == ["Engine takes 6"]


def test_lines_of_code_are_neither_blank_nor_comment_nor_docstring(tmp_path):
    path = tmp_path / "one.py"
    path.write_text('"""Doc."""\n\n# why\na = """x\ny"""\n"""Of a."""\nb = (\n    1,\n)\n')
    assert figures.code_lines_of(path) == 5


def test_an_old_word_is_found_as_a_part_of_a_name_but_not_in_another_word():
    tree = ast.parse("class Card_Worker: pass\ndiscard = cardUuid = 1\ndef placements(): pass\n")
    found = words.old_words([parsed("x.py", "x", tree)])
    assert sorted(place.what for place in found["card"]) == ["Card_Worker", "cardUuid"]
    assert found["seat"] == []
