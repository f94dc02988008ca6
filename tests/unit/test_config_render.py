import inspect
import re
from pathlib import Path

import msgspec
import pytest

from swictation.asr.registry import PROVIDERS
from swictation.config import settings as settings_module
from swictation.config.load import load
from swictation.config.render import (
    Kind,
    render,
    render_defaults,
    tables,
    toml_key,
    toml_value,
    user_fields,
)
from swictation.config.settings import (
    TABLES,
    AudioSettings,
    InjectSettings,
    Settings,
    VadSettings,
    is_fixed,
)

pytestmark = pytest.mark.unit

_SHIPPED = Path(__file__).parents[2] / "config" / "swictation.toml"


def test_the_shipped_file_is_the_rendered_defaults():
    assert _SHIPPED.read_text() == render_defaults(PROVIDERS)


def test_the_shipped_file_loads_to_the_defaults_without_a_warning():
    loaded = load(_SHIPPED, PROVIDERS)
    assert loaded.settings == Settings()
    assert loaded.warnings == ()


def test_every_setting_stands_in_the_defaults_below_its_meaning():
    text = render_defaults(PROVIDERS).split("\n")
    for name, table in tables(Settings(), PROVIDERS):
        rows = text[text.index(f"[{name}]") :]  # two tables may have keys of one name
        for field in user_fields(table):
            row = next(i for i, row in enumerate(rows) if row.startswith(f"{field.name} = "))
            meaning = Kind.of(field.type).meaning
            assert meaning
            comment = [row]
            while rows[comment[0] - 1].startswith("# "):
                comment.insert(0, comment[0] - 1)
            told = " ".join(rows[at].removeprefix("# ") for at in comment[:-1])
            assert told.startswith(meaning)


def test_a_constant_has_its_reason_in_the_source_and_no_line_in_the_file():
    text = render_defaults(PROVIDERS)
    source = inspect.getsource(settings_module)
    for table in TABLES.values():
        for field in msgspec.structs.fields(table):
            if is_fixed(field.type):
                assert f"\n{field.name} = " not in text
                reason = rf'\n    {field.name}: .*FIXED\] = .*\n    """'
                assert re.search(reason, source), field.name


def test_a_range_and_the_choices_are_told():
    text = render_defaults(PROVIDERS)
    assert "# seconds of silence that end an utterance (0.3 to 3.0)\nhang_over_s = 0.8\n" in text
    assert '("auto", "on", "off")\npartials = "auto"\n' in text
    assert "(<= 0.0)\ncommit_score = -0.4\n" in text


def test_settings_in_force_load_back_to_themselves(tmp_path):
    settings = Settings(
        audio=AudioSettings(device='a "b" \\ é \U0001f3a4 \u202e', keep_warm=True),
        vad=VadSettings(hang_over_s=1.0),
        inject=InjectSettings(chain=("none", "stdout")),
    )
    file = tmp_path / "config.toml"
    file.write_text(render(settings, PROVIDERS))
    assert load(file, PROVIDERS).settings == settings


def test_a_line_that_differs_from_its_default_says_so():
    text = render(Settings(vad=VadSettings(hang_over_s=1.0)), PROVIDERS)
    assert "\nhang_over_s = 1.0  # default: 0.8\n" in text
    assert text.count("#") == 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (1, "1"),
        (0.5, "0.5"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        ("\x1b[0m\x9b", '"\\u001b[0m\\u009b"'),
        ("\U000e0001", '"\\U000e0001"'),
        ([1, "a"], '[1, "a"]'),
        ({"a b": {"c": 1}}, '{"a b" = {c = 1}}'),
        (16**40, "0x1" + "0" * 40),
    ],
)
def test_a_value_is_written_as_toml_writes_it(value, written):
    assert toml_value(value) == written


def test_a_key_stands_bare_where_it_can():
    assert [toml_key(key) for key in ("a-b_1", "", "a.b")] == ["a-b_1", '""', '"a.b"']
