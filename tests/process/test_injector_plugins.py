"""An injector of another package, in the real program: tried on a file, checked, named."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.daemon import Daemon, QuietDesk
from fakes.installed import install
from fakes.scripted_engine.sound import make_scene
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.process

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "injector.md"

DIARY = """
import json
import os
from pathlib import Path

from swictation.errors import InjectError
from swictation.inject.injector import BasicInjector, Injection, InjectorCapabilities, Unknown

class Diary(BasicInjector):
    name = "diary"
    lost = ""
    capabilities = InjectorCapabilities()

    def __init__(self):
        self.file = Path(os.environ["DIARY"]).open("a")
    async def inject(self, text, into=None):
        self.file.write(text)
        return Injection("typed", sent=len(text))
    async def focus(self):
        return Unknown()
    async def close(self):
        self.file.write(" The end.")
        self.file.close()

class Careless(Diary):
    async def inject(self, text, into=None):
        return "ok"

async def open_diary(settings):
    return Diary()
async def open_careless(settings):
    return Careless()
async def open_none(settings):
    raise InjectError("no diary", "buy one")
"""
POINTS = {
    "diary": "diary_injector:open_diary",
    "careless": "diary_injector:open_careless",
    "no-diary": "diary_injector:open_none",
    "torn": "torn_injector:open_torn",
}


@pytest.fixture
def program(program, tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    install(site, "diary_injector", DIARY, {"swictation.injectors": POINTS})
    (site / "torn_injector.py").write_text("import no_such_module\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    program.diary = tmp_path / "diary"
    program.env["DIARY"] = str(program.diary)
    program.hear(make_scene(1, 1))
    return program


def test_a_recording_goes_to_the_plug_in_that_is_named(program):
    done = program.run("run", "--source", program.sound, "--sink", "diary")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert program.diary.read_text() == f"{program.scene.text} The end."


def test_what_a_plug_in_does_wrong_is_told(program):
    done = program.run("run", "--source", program.sound, "--sink", "careless")
    assert done.code == 1
    assert "the plug-in careless: inject returned str, not an Injection: see docs/" in done.err


def test_one_that_does_not_open_says_what_helps(program):
    done = program.run("run", "--source", program.sound, "--sink", "no-diary")
    assert done.code == 1
    assert "no diary" in done.err
    assert "-> buy one" in done.err


def test_the_help_and_a_wrong_name_tell_which_there_are(program):
    asked = program.run("run", "--help")
    assert "|careless|diary|" in "".join(asked.out.split())
    wrong = program.run("run", "--source", program.sound, "--sink", "dairy")
    assert wrong.code == 2
    assert "diary" in wrong.err


@pytest.mark.parametrize(("name", "code"), [("diary", 0), ("torn", 2)])
def test_config_check_tells_of_one_that_cannot_be_imported(program, name, code):
    program.set("inject", chain=[name, "x11"])
    done = program.run("config", "check")
    assert done.code == code
    if code:
        assert '"torn" cannot be imported: torn_injector:open_torn: ModuleNotFoundError' in done.err
        assert "[inject] chain" in done.err


def test_the_suite_runs_over_the_plug_in_of_the_page_as_the_page_says(tmp_path):
    module, test = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    (tmp_path / "editor_injector.py").write_text(module)
    (tmp_path / "test_editor.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_editor.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout), done.stdout


def test_a_daemon_says_in_its_status_and_its_log_what_helps(program, tmp_path):
    program.set("feedback", notifications=False, sounds=False)
    with (
        QuietDesk(tmp_path, program.prepare()) as desk,
        Daemon(desk, "--sink", "no-diary") as daemon,
    ):
        daemon.wait_until(lambda status: bool(status["degraded"]), "degraded")
        assert eventually(lambda: any(e["kind"] == "window" for e in daemon.events("fault")))
        (told,) = [e for e in daemon.events("fault") if e["kind"] == "window"]
        assert told["message"] == "text cannot be typed: no-diary: no diary -> buy one"
        assert "no diary -> buy one" in daemon.log_file.read_text()


def test_the_doctor_gives_the_plug_ins_own_advice(program):
    program.set("inject", chain=["no-diary"])
    done = program.run("doctor", "--quick", "--json")
    (found,) = [each for each in json.loads(done.out)["checks"] if each["name"] == "window"]
    assert "no diary" in found["found"]
    assert found["remedy"] == "buy one"
