"""What people write for a language, and the code that engines take."""

import pytest

from swictation.config.languages import closest_language, language_code
from swictation.models.catalog.catalog import known_models

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        (" de ", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("German", "de"),
        ("deutsch", "de"),
        ("en-US", "en"),
        ("en_GB.UTF-8", "en"),
        ("zh-Hant", "zh"),
        ("français", "fr"),
        ("yue", "yue"),
        ("nb", "no"),
        ("jv", "jw"),
    ],
)
def test_a_language_is_understood_as_people_write_it(text, code):
    assert language_code(text) == code


@pytest.mark.parametrize("text", ["", "xx", "klingon", "e", "-", "en.", "auto"])
def test_what_names_no_language_is_told(text):
    assert language_code(text) is None


@pytest.mark.parametrize("code", sorted({it for spec in known_models() for it in spec.languages}))
def test_every_language_of_a_known_model_has_a_row(code):
    assert language_code(code) == code


def test_a_misspelt_name_finds_its_language():
    assert closest_language("germn") == "de"
    assert closest_language("zzzz") == ""
