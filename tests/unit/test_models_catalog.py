import re

import pytest

from swictation.errors import ModelError
from swictation.models.catalog import AUTO, CATALOG, choose

pytestmark = pytest.mark.unit

EVERY_MODEL = pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.name)


def test_auto_is_tiny_en_for_english_and_base_for_another_language():
    assert choose(AUTO, "en").name == "tiny.en"
    assert choose(AUTO, "de").name == "base"


def test_a_name_is_taken_at_its_word():
    assert choose("base", "en").name == "base"


def test_an_english_model_asked_for_german_says_which_setting_to_change():
    with pytest.raises(ModelError, match=r"tiny\.en understands 'en' only, not 'de'") as caught:
        choose("tiny.en", "de")
    assert "--language en" in caught.value.remedy
    assert '[asr] model = "base"' in caught.value.remedy


def test_a_language_that_no_model_understands_is_an_error():
    with pytest.raises(ModelError, match="'xx'") as caught:
        choose(AUTO, "xx")
    assert "swictation model list" in caught.value.remedy
    with pytest.raises(ModelError, match="base understands other languages") as caught:
        choose("base", "xx")
    assert "[asr] language" in caught.value.remedy


def test_a_misspelt_name_is_guessed():
    with pytest.raises(ModelError, match=r"did you mean tiny\.en\?") as caught:
        choose("tiny-en", "en")
    assert caught.value.remedy == "swictation model list"


def test_a_name_like_no_other_is_not_guessed():
    with pytest.raises(ModelError, match=r"there is no model 'zzzz'$"):
        choose("zzzz", "en")


def test_multilingual_whisper_knows_99_languages_each_once():
    languages = choose("base", "en").languages
    assert len(languages) == len(set(languages)) == 99
    assert {"en", "de", "fr", "zh", "haw", "su"} <= set(languages)


@EVERY_MODEL
def test_every_file_and_wheel_is_pinned_by_its_sha256(spec):
    for pinned in (*spec.files, *spec.wheels):
        assert re.fullmatch("[0-9a-f]{64}", pinned.sha256)
        assert pinned.size_bytes > 0


@EVERY_MODEL
def test_every_file_is_made_from_the_wheels_and_nothing_else_is(spec):
    made = {member.file for wheel in spec.wheels for member in wheel.members}
    assert made == {file.name for file in spec.files}


@EVERY_MODEL
def test_every_wheel_is_pinned_to_one_version_and_named_after_it(spec):
    for wheel in spec.wheels:
        name, version = wheel.requirement.split("==")
        assert wheel.filename.startswith(f"{name.replace('-', '_')}-{version}-")
