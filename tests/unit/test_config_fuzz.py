"""Whatever stands in the file: settings, or an error for a person."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swictation.asr.registry import PROVIDERS
from swictation.config.load import Loaded, load
from swictation.config.render import render, toml_key, toml_value
from swictation.config.settings import TABLES, Settings
from swictation.errors import ConfigError

pytestmark = pytest.mark.unit

_TABLES = TABLES | {name: engine.settings for name, engine in PROVIDERS.items()}
_KEYS = [field.name for cls in _TABLES.values() for field in msgspec.structs.fields(cls)]
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_keys = st.sampled_from(_KEYS) | _text
_scalars = (
    st.booleans()
    | st.integers()
    | st.integers(0, 40)
    | st.floats()
    | st.floats(0, 40)
    | _text
    | st.sampled_from(["auto", "on", "none", "stdout", "whisper", "en"])
    | st.datetimes(timezones=st.none() | st.just(None))
    | st.dates()
    | st.times()
)
_values = st.recursive(
    _scalars,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_keys, inside, max_size=3),
    max_leaves=6,
)
_documents = st.dictionaries(
    st.sampled_from(list(_TABLES)) | _text, st.dictionaries(_keys, _values) | _values, max_size=5
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "config.toml"


def outcome(file) -> Loaded | ConfigError:
    try:
        found = load(file, PROVIDERS)
    except ConfigError as error:
        found = error
    told = found.warnings if isinstance(found, Loaded) else found.message.split("\n")
    assert all(row and row.isprintable() for row in told)
    return found


@given(document=_documents)
@settings(max_examples=100, deadline=None)
def test_any_toml_gives_settings_or_an_error(file, document):
    text = "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in document.items())
    file.write_text(text, encoding="utf-8", newline="")
    found = outcome(file)
    if isinstance(found, Loaded):
        assert load_again(file, render(found.settings, PROVIDERS)) == found.settings
        assert math.isfinite(found.settings.vad.hang_over_s)


def load_again(file, text: str) -> Settings:
    file.write_text(text, encoding="utf-8", newline="")
    return load(file, PROVIDERS).settings


@given(raw=st.binary(max_size=60) | st.text("[]{}=.\"'#\n\\,aevd10 ", max_size=60).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_settings_or_an_error(file, raw):
    file.write_bytes(raw)
    outcome(file)
