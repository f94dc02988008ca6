import os
import subprocess
import sys

import pytest

from patience import PATIENCE_S
from swictation import remedies
from swictation.asr.registry import PROVIDERS, provider
from swictation.config.render import render, render_defaults
from swictation.config.settings import Settings

pytestmark = pytest.mark.process


@pytest.fixture
def home(tmp_path):
    return tmp_path / "config home"


@pytest.fixture
def swictation(home):
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "swictation", "config", *args],
            env={**os.environ, "XDG_CONFIG_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def own(home):
    (home / "swictation").mkdir(parents=True)
    return home / "swictation" / "config.toml"


def test_without_a_file_check_says_that_the_defaults_hold_and_how_to_make_one(swictation, home):
    done = swictation("check")
    assert done.returncode == 0
    assert "the defaults are in force" in done.stdout
    command = done.stdout.split("to create one: ")[1]
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    env["XDG_CONFIG_HOME"] = str(home)
    subprocess.run(["sh", "-c", command], check=True, env=env)
    assert swictation("check").stdout == f"{home}/swictation/config.toml: ok\n"


def test_a_good_file_is_ok_and_its_unknown_keys_warn_on_stderr(swictation, own):
    own.write_text("[vad]\nhang_over = 1\n")
    done = swictation("check")
    assert (done.returncode, done.stdout) == (0, f"{own}: usable, with 1 warning (above)\n")
    expected = f"warning: {own}:2: unknown key [vad] hang_over: did you mean 'hang_over_s'?\n"
    assert done.stderr == expected


def test_a_bad_file_exits_2_with_all_its_errors_and_no_traceback(swictation, tmp_path):
    file = tmp_path / "bad one.toml"
    file.write_text("[vad]\nhang_over_s = 9\n[asr]\npartials = 'of'\n")
    done = swictation("check", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.split("\n") == [
        "swictation: the configuration has 2 errors:",
        f"{file}:2: [vad] hang_over_s = 9: must be <= 3.0 "
        "(seconds of silence that end an utterance)",
        f'{file}:4: [asr] partials = "of": must be one of "auto", "on", "off": '
        'did you mean "off"? (tentative text for display; auto: only while somebody reads it)',
        f"  -> fix it, then type: swictation config check '{file}'",
        "",
    ]


def test_an_engine_that_nobody_knows_is_an_error_of_the_file(swictation, own):
    own.write_text('[asr]\nengine = "canry"\ncpu_engine = "wisper"\n')
    done = swictation("check")
    assert (done.returncode, done.stdout) == (2, "")
    _, first, second, _, _ = done.stderr.split("\n")
    assert first.startswith(f'{own}:2: [asr] engine = "canry": there is no such engine, only ')
    assert first.endswith('did you mean "canary"?')
    assert second.startswith(f'{own}:3: [asr] cpu_engine = "wisper": there is no such engine')
    assert second.endswith('did you mean "whisper"?')


def test_an_engine_without_its_libraries_is_no_error_but_is_told(swictation, own):
    if provider("canary").unavailable() is None:
        pytest.skip("the engine is installed")
    own.write_text('[asr]\nengine = "canary"\n')
    done = swictation("check")
    assert (done.returncode, done.stdout) == (0, f"{own}: ok\n")
    command = remedies.install_command("canary")
    assert done.stderr == (f"note: the engine canary is not installed; to install it: {command}\n")


def test_a_named_file_that_is_missing_exits_2(swictation, tmp_path):
    done = swictation("check", str(tmp_path / "gone.toml"))
    assert done.returncode == 2
    assert "no such file" in done.stderr


def test_an_empty_file_by_the_name_of_dev_null_is_ok(swictation):
    done = swictation("check", "/dev/null")
    assert (done.returncode, done.stdout) == (0, "/dev/null: ok\n")


def test_a_file_that_others_may_write_exits_2_with_the_command_that_mends_it(swictation, own):
    own.write_text("")
    own.chmod(0o666)
    done = swictation("check")
    assert (done.returncode, done.stdout) == (2, "")
    first, remedy, _ = done.stderr.split("\n")
    assert first.endswith("config.toml: everybody may write there: the configuration is not used")
    subprocess.run(["sh", "-c", remedy.removeprefix("  -> ")], check=True)
    assert swictation("check").returncode == 0


def test_a_key_of_a_thousand_parts_is_an_error_of_the_file_and_no_bug(swictation, own):
    own.write_text("a." * 1200 + "a = 1\n")
    done = swictation("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"swictation: {own}:1: too deeply nested\n")


def test_show_prints_what_is_in_force(swictation, own):
    own.write_text("[vad]\nhang_over_s = 1\n")
    done = swictation("show")
    assert done.returncode == 0
    assert done.stdout.startswith(f"# {own}\n\n[audio]\n")
    assert "\nhang_over_s = 1.0  # default: 0.8\n" in done.stdout


def test_show_without_a_file_prints_the_defaults(swictation):
    assert swictation("show").stdout.endswith(f"\n\n{render(Settings(), PROVIDERS)}")


def test_show_defaults_prints_the_commented_file_even_when_ones_own_is_broken(swictation, own):
    own.write_text("[vad\n")
    assert swictation("show").returncode == 2
    assert swictation("show", "--defaults").stdout == render_defaults(PROVIDERS)


def test_path_prints_where_the_file_belongs(swictation, home):
    assert swictation("path").stdout == f"{home}/swictation/config.toml\n"


@pytest.mark.parametrize(
    ("asr", "words"),
    [
        ('model = "bse"', "did you mean base?"),
        ('language = "xx"', "understands the language 'xx'"),
        ('model = "tiny.en"\nlanguage = "de"', "understands 'en' only"),
    ],
)
def test_a_model_or_language_that_no_engine_has_is_an_error_of_the_file(
    swictation, own, asr, words
):
    own.write_text(f"[asr]\n{asr}\n")
    done = swictation("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
