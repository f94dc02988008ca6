"""What `[asr] model` comes to on a machine: with a GPU, without one, with an archive by hand."""

import msgspec
import pytest

from fakes.made_model import Steps
from fakes.made_nemo import KEPT, archive
from swictation.asr.engines.canary.settings import CanarySettings
from swictation.config.settings import AsrSettings, Settings, VramSettings
from swictation.errors import ModelError
from swictation.models.catalog.catalog import named
from swictation.models.fetch.model_request import ensure, find, missing, resolve
from swictation.models.store.store import folder_of

pytestmark = pytest.mark.process


def settings(model="auto", *, engine="canary", language="en", device="auto", precision="auto"):
    return Settings(
        asr=AsrSettings(engine=engine, model=model, language=language, device=device),
        engines={"canary": CanarySettings(precision=precision)},
    )


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def in_use(card, monkeypatch):
    for name, value in card.env().items():
        monkeypatch.setenv(name, value)
    return card


def install(name):
    """As a user does by hand: a folder of what the archive holds."""
    folder = folder_of(named(name))
    folder.mkdir(parents=True)
    for file in KEPT:
        (folder / file).touch()
    return folder


def test_auto_on_a_card_of_4_gb_asks_for_the_best_that_would_fit(in_use):
    sought = resolve(settings())
    assert missing(sought) == "canary-1b-flash"
    assert "in fp16 needs 2638 of the GPU's 4096 MiB" in sought.reason


def test_auto_takes_what_is_installed_and_fits(in_use):
    folder = install("canary-180m-flash")
    sought = resolve(settings())
    assert (sought.model, missing(sought)) == ("canary-180m-flash", "")
    found = find(sought)
    assert (found.name, found.path) == ("canary-180m-flash", folder)
    assert "not installed or too large: canary-1b-flash, canary-1b-v2" in found.reason


def test_auto_for_another_language_is_the_model_that_speaks_it(in_use):
    install("canary-1b-flash")
    assert missing(resolve(settings(language="pl"))) == "canary-1b-v2"


def test_auto_goes_by_the_precision_that_is_set(in_use):
    in_use.set_total(2560)
    assert resolve(settings(precision="fp32")).model == "canary-180m-flash"


def test_auto_on_a_card_too_small_for_any_says_so_and_what_to_do(in_use):
    in_use.set_total(512)
    with pytest.raises(ModelError, match="no model fits the GPU in any precision") as caught:
        resolve(settings())
    assert '[asr] engine = "whisper"' in caught.value.remedy


def test_auto_with_a_driver_that_fails_takes_what_is_installed(in_use):
    in_use.fail_init(9)
    install("canary-1b-v2")
    sought = resolve(settings())
    assert sought.model == "canary-1b-v2"
    assert "not loaded" in sought.reason


def test_without_a_card_nothing_is_asked_for_that_none_could_use(in_use):
    in_use.fail_init(9)
    with pytest.raises(ModelError, match="needs a GPU, and there is none") as caught:
        resolve(settings())
    assert "whisper" in caught.value.remedy


def test_on_the_processor_the_smallest_is_meant_and_no_card_is_asked(in_use):
    assert resolve(settings(device="cpu")).model == "canary-180m-flash"
    assert in_use.calls == 0


def test_a_name_is_taken_at_its_word_and_no_card_is_asked(in_use):
    assert missing(resolve(settings("canary-1b-v2"))) == "canary-1b-v2"
    assert resolve(settings(engine="whisper")).model == "auto"
    assert in_use.calls == 0


def test_an_archive_of_the_users_is_unpacked_when_it_is_needed(tmp_path):
    path = tmp_path / "mine.nemo"
    path.write_bytes(archive())
    sought = resolve(settings(str(path)))
    assert missing(sought) == str(path)
    with pytest.raises(ModelError, match="not unpacked yet") as caught:
        find(sought)
    assert caught.value.remedy == f"swictation model download {path}"
    steps = Steps()
    found = ensure(sought, steps)
    assert steps == ["unpacking mine.nemo"]
    assert found.name == "mine"
    assert {it.name for it in found.path.iterdir()} >= KEPT
    assert (missing(sought), find(sought)) == ("", found)


LANGUAGES = {"tokenizer": {"type": "agg", "langs": {"spl_tokens": {}, "en": {}, "de": {}}}}


@pytest.mark.parametrize("kind", ["an archive", "a folder"])
def test_a_language_that_a_model_of_ones_own_lacks_is_refused_before_it_is_loaded(tmp_path, kind):
    path = tmp_path / "mine.nemo"
    path.write_bytes(archive(**LANGUAGES))
    if kind == "a folder":
        path = ensure(resolve(settings(str(path))), Steps()).path
    found = ensure(resolve(settings(str(path), language="de")), Steps())
    assert found.languages == ("de", "en")
    with pytest.raises(ModelError) as caught:
        ensure(resolve(settings(str(path), language="xx")), Steps())
    assert caught.value.message == f"the model {path} understands de, en, not 'xx'"
    assert caught.value.remedy.startswith("give --language de")


def test_a_model_of_ones_own_that_does_not_tell_its_languages_is_left_to_the_engine(tmp_path):
    path = tmp_path / "mine.nemo"
    path.write_bytes(archive())
    assert ensure(resolve(settings(str(path), language="xx")), Steps()).languages == ()


def test_a_folder_of_the_users_is_checked_for_the_engine_that_is_to_load_it(tmp_path):
    folder = install("canary-180m-flash").rename(tmp_path / "mine")
    with pytest.raises(ModelError, match="it is no Canary"):
        ensure(resolve(settings(str(folder))), Steps())
    with pytest.raises(ModelError, match=r"lacks config\.json, model\.bin"):
        ensure(resolve(settings(str(folder), engine="whisper")), Steps())


def test_an_engine_of_somebody_elses_finds_its_own(tmp_path):
    other = msgspec.structs.replace(settings("tiny", engine="scripted"), vram=VramSettings())
    assert missing(resolve(other)) == ""
    assert find(resolve(other)).name == "tiny"
