import hashlib

import pytest

from fakes.made_model import make_known
from swictation.asr.model_spec import ModelFile, ModelSpec
from swictation.errors import ModelError
from swictation.models.store.store import folder_of, locate, quick_problems, verify

pytestmark = pytest.mark.unit

CONTENT = {
    "config.json": b"{}",
    "model.bin": b"weights" * 10,
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"a\nb\n",
}
SPEC = ModelSpec(
    name="wee",
    engine="whisper",
    repo="org/wee",
    languages=("en",),
    parameters=70,
    licence="MIT",
    files=tuple(
        ModelFile(name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in CONTENT.items()
    ),
    wheels=(),
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    make_known(monkeypatch, SPEC)
    return tmp_path


def put(folder):
    folder.mkdir(parents=True)
    for name, data in CONTENT.items():
        (folder / name).write_bytes(data)
    return folder


def find(model="auto", language="en"):
    return locate(model, language)


@pytest.mark.parametrize("model", ["auto", "wee"])
def test_a_stored_model_is_found(home, model):
    folder = put(folder_of(SPEC))
    assert folder == home / "swictation/models/whisper/wee"
    found = find(model)
    assert (found.name, found.path, found.languages) == ("wee", folder, ("en",))


def test_a_missing_model_names_the_download():
    with pytest.raises(ModelError, match="wee is not on this machine yet") as caught:
        find()
    assert caught.value.remedy == "swictation model download wee"


def test_a_truncated_file_is_named_and_the_forced_download_with_it():
    (put(folder_of(SPEC)) / "model.bin").write_bytes(b"weig")
    with pytest.raises(
        ModelError, match=r"damaged: model\.bin has 4 bytes instead of 70"
    ) as caught:
        find()
    assert caught.value.remedy == "swictation model download --force wee"


def test_a_folder_without_a_file_is_damaged():
    (put(folder_of(SPEC)) / "vocabulary.txt").unlink()
    with pytest.raises(ModelError, match=r"vocabulary\.txt is missing"):
        find()


def test_only_verify_notices_a_file_of_the_right_size_with_other_bytes():
    folder = put(folder_of(SPEC))
    assert verify(SPEC) == []
    (folder / "model.bin").write_bytes(b"Weights" * 10)
    assert quick_problems(SPEC) == []
    assert verify(SPEC) == ["model.bin has a wrong sha256"]


def test_a_file_that_the_engine_would_read_and_nobody_published_is_noticed():
    folder = put(folder_of(SPEC))
    (folder / "README.txt").write_text("whatever")
    assert quick_problems(SPEC) == []
    (folder / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"preprocessor_config\.json is of unknown origin") as told:
        find()
    assert told.value.remedy == f"rm {folder}/preprocessor_config.json"
    assert verify(SPEC) == ["preprocessor_config.json is of unknown origin"]


def test_verify_names_every_file_of_a_model_that_is_not_there():
    assert verify(SPEC) == [f"{name} is missing" for name in CONTENT]


@pytest.mark.parametrize("spelling", ["{home}/mine", "./mine", "mine", "~/mine"])
def test_a_folder_of_ones_own_is_taken_for_any_language(home, monkeypatch, spelling):
    monkeypatch.setenv("HOME", str(home))
    put(home / "mine")
    found = find(spelling.format(home=home), "xx")
    assert (found.name, found.path, found.languages) == ("mine", home / "mine", ())


def test_a_known_name_wins_over_a_folder_of_that_name(home):
    put(home / "wee")
    with pytest.raises(ModelError, match="not on this machine yet"):
        find("wee")


def test_a_nearly_empty_folder_says_what_it_lacks(home):
    (home / "mine").mkdir()
    (home / "mine/config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"lacks model\.bin, tokenizer\.json, vocabulary\.txt or"):
        find("./mine")


def test_a_folder_that_is_not_there_is_said_to_be_missing(home):
    with pytest.raises(ModelError, match=f"there is no model folder {home}/mine"):
        find(f"{home}/mine")
