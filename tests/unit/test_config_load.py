import os
from pathlib import Path

import pytest

from swictation.asr.registry import PROVIDERS
from swictation.config.load import Loaded, load
from swictation.config.settings import Settings, WorkerSettings
from swictation.errors import ConfigError

pytestmark = pytest.mark.unit


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


def errors(file: Path, text: str) -> list[str]:
    """The lines of the error about `text`, the file's name cut off."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, PROVIDERS)
    return [row.replace(f"{file}:", "") for row in caught.value.message.split("\n")]


def loaded(file: Path, text: str) -> Loaded:
    file.write_text(text)
    return load(file, PROVIDERS)


def warnings(file: Path, text: str) -> list[str]:
    return [row.replace(f"{file}:", "") for row in loaded(file, text).warnings]


def test_values_of_the_file_replace_the_defaults_and_the_rest_stays(file):
    found = loaded(file, '[vad]\nhang_over_s = 0.5\n[inject]\nchain = ["none", "stdout"]\n')
    assert found.settings.vad.hang_over_s == 0.5
    assert found.settings.vad.pre_roll_s == Settings().vad.pre_roll_s
    assert found.settings.inject.chain == ("none", "stdout")
    assert (found.warnings, found.path) == ((), file)


def test_an_empty_file_is_the_defaults(file):
    assert loaded(file, "").settings == Settings()


def test_without_a_file_the_defaults_are_in_force(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load(None, PROVIDERS) == Loaded(Settings(), (), None)


def test_the_users_own_file_is_found_by_xdg(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "swictation" / "config.toml"
    own.parent.mkdir()
    own.write_text("[vad]\nhang_over_s = 0.5\n")
    assert load(None, PROVIDERS).path == own
    assert load(None, PROVIDERS).settings.vad.hang_over_s == 0.5


def test_a_dangling_link_at_the_users_own_place_is_an_error_not_the_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "swictation").mkdir()
    (tmp_path / "swictation" / "config.toml").symlink_to("gone.toml")
    with pytest.raises(ConfigError, match="no such file"):
        load(None, PROVIDERS)


def test_a_named_file_that_is_missing_is_an_error_that_says_how_to_make_one(file):
    with pytest.raises(ConfigError, match="no such file") as caught:
        load(file, PROVIDERS)
    assert caught.value.remedy == f"to create one: swictation config show --defaults > {file}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[vad]\nhang_over_s = 9",
            "2: [vad] hang_over_s = 9: must be <= 3.0 (seconds of silence that end an utterance)",
        ),
        ("[vad]\nhang_over_s = 0.1", "2: [vad] hang_over_s = 0.1: must be >= 0.3"),
        ("[vad]\nthreshold = 1", "2: [vad] threshold = 1: must be < 1.0"),
        ("[vad]\nthreshold = 0.0", "2: [vad] threshold = 0.0: must be > 0.0"),
        ("[vad]\nhang_over_s = true", "2: [vad] hang_over_s = true: must be a number, such as 0.8"),
        ("[vad]\nhang_over_s = '1'", '2: [vad] hang_over_s = "1": must be a number, such as 0.8'),
        ("[vad]\nhang_over_s = nan", "2: [vad] hang_over_s = nan: must be a finite number"),
        ("[whisper]\ncommit_score = -inf", "2: [whisper] commit_score = -inf: must be a finite"),
        ("[whisper]\nbeam = 2.0", "2: [whisper] beam = 2.0: must be a whole number, such as 0"),
        ("[vad]\nhang_over_s = 2020-01-01", "2: [vad] hang_over_s = 2020-01-01: must be a number"),
        ("[vad]\nenergy_gate = 'yes'", '2: [vad] energy_gate = "yes": must be true or false'),
        ("[vad]\nenergy_gate = 1", "2: [vad] energy_gate = 1: must be true or false"),
        ("[audio]\ndevice = 3", '2: [audio] device = 3: must be text in quotes, such as "default"'),
        ("[audio]\ndevice = ''", '2: [audio] device = "": must not be empty'),
        ('[audio]\ndevice = "a\\nb"', '2: [audio] device = "a\\u000ab": must be on one line'),
        ("[asr]\nlanguage = 'Klingon'", '2: [asr] language = "Klingon": there is no such language'),
        (
            "[asr]\npartials = 'of'",
            '2: [asr] partials = "of": must be one of "auto", "on", "off": did you mean "off"?',
        ),
        ("[asr]\npartials = true", '2: [asr] partials = true: must be one of "auto", "on", "off" '),
        ("[inject]\nchain = 'none'", '2: [inject] chain = "none": must be a list, such as ["way'),
        ("[inject]\nchain = []", "2: [inject] chain = []: must not be empty"),
        (
            "[inject]\nchain = ['none', 'stdut']",
            '2: [inject] chain = ["none", "stdut"]: "stdut" must be one of '
            '"wayland", "x11", "x11-type", "x11-paste", "clipboard", "stdout", "none": '
            'did you mean "stdout"?',
        ),
        (
            "[inject]\nchain = [1]",
            "2: [inject] chain = [1]: must hold texts in quotes, such as [",
        ),
        (
            "[vram]\nthresholds = [0.8, 0.9]",
            "2: [vram] thresholds = [0.8, 0.9]: must be a list of 3 numbers, such as [0.8, 0.875",
        ),
        ("[vram]\nthresholds = 0.8", "2: [vram] thresholds = 0.8: must be a list of 3 numbers"),
        ("[vram]\nthresholds = [0.8, nan, 1]", "[0.8, nan, 1]: must be finite numbers"),
        ("vad = 3", "1: vad must be one table: [vad]"),
        ("[[vad]]\nthreshold = 0.5", "1: vad must be one table: [vad]"),
        ("[whisper]\nbeam = 0x" + "f" * 5000, "2: [whisper] beam = 0xffff"),
        ("[worker]\nmax_rss_mib = 0x" + "f" * 20, "must fit into 64 bits"),
    ],
)
def test_a_wrong_value_is_told_with_line_key_and_what_would_be_right(file, text, told):
    head, *rows = errors(file, text)
    assert head == "the configuration has 1 error:"
    assert len(rows) == 1
    assert told in rows[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[asr]\nengine = "canry"',
            [
                '2: [asr] engine = "canry": there is no such engine, only "canary", "whisper": '
                'did you mean "canary"?'
            ],
        ),
        (
            '[asr]\ncpu_engine = "oracle"',
            ['2: [asr] cpu_engine = "oracle": there is no such engine, only "canary", "whisper"'],
        ),
        ('[asr]\nengine = "canary"\ncpu_engine = ""', []),
    ],
)
def test_an_engine_that_is_none_of_those_known_is_an_error_where_one_insists(file, text, told):
    file.write_text(text)
    assert load(file, PROVIDERS).settings, "a daemon does not insist"
    if not told:
        assert load(file, PROVIDERS, ["canary", "whisper"]).path == file
        return
    with pytest.raises(ConfigError) as caught:
        load(file, PROVIDERS, ["canary", "whisper"])
    assert [row.replace(f"{file}:", "") for row in caught.value.message.split("\n")][1:] == told


def test_an_integer_will_do_where_a_float_is_wanted(file):
    value = loaded(file, "[vad]\nhang_over_s = 1\n").settings.vad.hang_over_s
    assert value == 1.0
    assert isinstance(value, float)


def test_all_errors_are_told_at_once_in_the_order_of_the_file(file):
    head, *rows = errors(
        file, "[whisper]\nbeam = 99\n\n[vad]\nhang_over_s = 9\nthreshold = 'x'\nhnag_over_s = 1\n"
    )
    assert head == "the configuration has 3 errors:"
    assert [row.split(" = ")[0] for row in rows] == [
        "2: [whisper] beam",
        "5: [vad] hang_over_s",
        "6: [vad] threshold",
        "warning: 7: unknown key [vad] hnag_over_s: did you mean 'hang_over_s'?",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[vad]\nhang_over = 1", "2: unknown key [vad] hang_over: did you mean 'hang_over_s'?"),
        ("[vad]\nHang-Over-S = 1", "2: unknown key [vad] Hang-Over-S: did you mean 'hang_over_s'?"),
        ("[asr]\nlang = 'en'", "2: unknown key [asr] lang: did you mean 'language'?"),
        ("[vad]\nflavour = 1", "2: unknown key [vad] flavour"),
        (
            "[audio]\nhang_over_s = 1",
            "2: unknown key [audio] hang_over_s: did you mean 'hang_over_s' of [vad]?",
        ),
        (
            "hang_over_s = 1",
            "1: unknown key hang_over_s outside a table: did you mean 'hang_over_s' of [vad]?",
        ),
        ("\n[Vad]\nx = 1", "2: unknown table [Vad]: did you mean [vad]?"),
        ("[future]\nx = 1", "1: unknown table [future]"),
        ("[vocabulary]\nx = 1", "1: unknown table [vocabulary]"),
        (
            "[worker]\nhang_factor = 'x'",
            "2: [worker] hang_factor is no longer a setting: 10.0 holds",
        ),
        (
            "[vram]\nceiling_mib = [9, 8, 7]",
            "2: [vram] ceiling_mib is no longer a setting: [2048, 1024, 512] holds",
        ),
        (
            "[vad]\nrelease_threshold = 0.4",
            "2: [vad] release_threshold is no longer a setting: speech ends below 0.7 x threshold",
        ),
        ('"\\u001b[31m" = 1', '1: unknown key "\\u001b[31m" outside a table'),
    ],
)
def test_an_unknown_key_or_table_only_warns(file, text, told):
    assert warnings(file, text) == [told]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# a comment\n\n[vad]\n\nhang_over_s = 9", 5),
        ("vad.hang_over_s = 9", 1),
        ("vad . 'hang_over_s' = 9", 1),
        ("[ 'vad' ]\n\"hang\\u005fover_s\" = 9", 2),
        ("\nvad = { threshold = 0.5, hang_over_s = 9 }", 2),
        ('[future]\nx = """\n[vad]\nhang_over_s = 9\n"""\n[vad]\nhang_over_s = 9', 7),
        ("[inject]\nchain = [ # [vad]\n 'none',\n]\n[vad]\nhang_over_s = 9", 6),
        ("[future.vad]\nhang_over_s = 9\n[vad]\nhang_over_s = 9", 4),
        ("[audio]\r\n\r\n[vad]\r\nhang_over_s = 9\r\n", 4),
    ],
)
def test_the_line_is_that_of_the_key_however_it_is_written(file, text, line):
    file.write_bytes(text.encode())
    with pytest.raises(ConfigError) as caught:
        load(file, PROVIDERS)
    told = [row for row in caught.value.message.split("\n") if "hang_over_s = 9" in row]
    assert told[0].startswith(f"{file}:{line}: [vad] hang_over_s = 9")


def test_no_line_is_given_rather_than_a_wrong_one_where_the_search_is_given_up(file):
    long_text = "x = '''\n" + "y\n" * 1000 + "'''\n"
    told = errors(file, f"{long_text}[vad]\nhang_over_s = 9")
    assert told[1].startswith(" [vad] hang_over_s = 9: must be")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[whisper]\ncontext_extra_s = 12", "2: [whisper] context_extra_s = 12.0: context_extra_s"),
        ("[whisper]\ncontext_min_s = 31", "2: [whisper] context_min_s = 31: must be <= 30.0"),
        (
            "[vram]\nthresholds = [0.9, 0.8, 0.95]",
            "2: [vram] thresholds = [0.9, 0.8, 0.95]: thresholds must rise and lie between 0 and 1",
        ),
        ("[vram]\nthresholds = [0.0, 0.8, 0.95]", "2: [vram] thresholds = [0.0, 0.8, 0.95]: thr"),
        ("[vram]\nthresholds = [0.7, 0.8, 1.0]", "2: [vram] thresholds = [0.7, 0.8, 1.0]: thr"),
        (
            "[vram]\nthresholds = [0.8, 0.84, 0.95]",
            "2: [vram] thresholds = [0.8, 0.84, 0.95]: a level ends 0.05 below where it begins, "
            "which must not be below where the next lower one begins, nor at an empty GPU: "
            "set the thresholds farther apart",
        ),
        ("[vram]\nthresholds = [0.05, 0.8, 0.95]", "2: [vram] thresholds = [0.05, 0.8, 0.95]: a l"),
        (
            "[vram]\nthresholds = [0.8, 0.875, 0.97]",
            "2: [vram] thresholds = [0.8, 0.875, 0.97]: the last must be <= 0.95",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_an_error(file, text, told):
    rows = errors(file, text)
    assert len(rows) == 2
    assert rows[1].startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[vram]\ngap = 0.02\nthresholds = [0.8, 0.84, 0.95]",
            "farther apart ([vram] gap is no longer a setting: 0.05 holds)",
        ),
        (
            "[vram]\nceiling_mib = [900, 500, 100]\nthresholds = [0.8, 0.875, 0.97]",
            "overlap ([vram] ceiling_mib is no longer a setting: [2048, 1024, 512] holds)",
        ),
        (
            "[vad]\nmax_utterance_s = 15\n[whisper]\ncontext_extra_s = 12",
            "of them ([vad] max_utterance_s is no longer a setting: 20.0 holds)",
        ),
    ],
)
def test_a_rule_names_the_key_that_once_made_the_file_right(file, text, told):
    assert errors(file, text)[1].endswith(told)


def test_a_key_that_went_changes_nothing(file):
    assert loaded(file, "[vram]\ngap = 0.2\nread_every_s = 2.0\n").settings == Settings()


def test_a_test_may_have_other_constants_but_no_file(file):
    defaults = Settings(worker=WorkerSettings(hang_factor=3.0, hang_min_s=2.0))
    file.write_text("[worker]\nhang_min_s = 4.0\nhang_factor = 5.0\n")
    found = load(file, PROVIDERS, defaults=defaults)
    assert found.settings.worker == WorkerSettings(hang_factor=3.0, hang_min_s=4.0)
    assert found.warnings == (f"{file}:3: [worker] hang_factor is no longer a setting: 3.0 holds",)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda"])
def test_the_embedded_engine_may_compute_anywhere(file, device):
    settings = loaded(file, f'[asr]\nengine = "whisper"\ndevice = "{device}"').settings
    assert settings.asr.device == device


def test_a_rule_is_not_told_where_its_setting_is_wrong_by_itself(file):
    assert len(errors(file, "[whisper]\ncontext_extra_s = 29")) == 2
    assert len(errors(file, "vram = 1")) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[audio]\ndevice = USB Mic\n", "2: not TOML: Invalid value: device = USB Mic"),
        ("[vad\n", "1: not TOML: Expected ']' at the end of a table declaration: [vad"),
        ("[vad]\n\nhang_over_s 1\n", "3: not TOML: Expected '=' after a key in a key/value pair: "),
        ("a = '''\nfoo\n", "2: not TOML: Expected \"'''\": foo"),
        ("[vad]\n[audio]\n[vad]\n", "3: not TOML: Cannot declare ('vad',) twice: [vad]"),
        ("a = 1\na = 2", "2: not TOML: Cannot overwrite a value: a = 2"),
        ("a = '\x1b[31m'", "1: not TOML: Found invalid character '\\x1b': a = '?[31m'"),
    ],
)
def test_a_slip_in_the_syntax_is_told_with_its_line(file, text, told):
    (row,) = errors(file, text)
    assert row.startswith(told)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"[vad]\n# caf\xe9\n", ":2: not UTF-8 text"),
        (b"\xff\xfe[\0v\0", ":1: not UTF-8 text"),
        (b"a = " + b"[" * 9999, ":1: too deeply nested"),
        (b"a = " + b"9" * 9999, ": not TOML: a number with too many digits"),
        (b"#" * 100_000, ": above 64 KiB: not a configuration file"),
    ],
)
def test_a_file_that_is_no_configuration_is_told_so(file, raw, told):
    file.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(file, PROVIDERS)
    assert caught.value.message == f"{file}{told}"


def test_a_byte_order_mark_is_passed_over(file):
    file.write_bytes(b"\xef\xbb\xbf[vad]\nhang_over_s = 1\n")
    assert load(file, PROVIDERS).settings.vad.hang_over_s == 1.0


def test_a_folder_is_told_to_be_one(tmp_path):
    with pytest.raises(ConfigError, match="a folder, not a file"):
        load(tmp_path, PROVIDERS)


def test_trouble_of_the_file_system_is_told_in_its_own_words(file):
    file.write_text("")
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load(file / "x", PROVIDERS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_so(file):
    file.write_text("")
    file.chmod(0)
    with pytest.raises(ConfigError, match="you may not read it"):
        load(file, PROVIDERS)


@pytest.mark.parametrize("written", ["deu", "DE", "de-AT", "German", "deutsch"])
def test_a_language_is_understood_as_people_write_it(tmp_path, written):
    file = tmp_path / "config.toml"
    file.write_text(f'[asr]\nlanguage = "{written}"\n')
    assert load(file, PROVIDERS).settings.asr.language == "de"


def test_a_word_that_names_no_language_is_an_error_with_its_line_and_what_was_meant(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[asr]\nlanguage = "germn"\n')
    with pytest.raises(ConfigError, match=r"toml:2: .*no such language: did you mean \"de\""):
        load(file, PROVIDERS)
