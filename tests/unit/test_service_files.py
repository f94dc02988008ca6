from importlib.resources import files as resources
from pathlib import Path

import pytest

from swictation.remedies import this_program
from swictation.service import files

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTED = ("/usr/bin/swictation",)


@pytest.mark.parametrize("name", [files.UNIT, files.ACTIVATION])
def test_what_a_distribution_installs_is_what_the_package_holds(name):
    asset = resources("swictation") / "assets" / name
    assert (ROOT / "systemd" / name).read_text() == asset.read_text()


def test_for_a_distribution_nothing_is_changed():
    unit = files.unit(DISTRIBUTED, files.DESKTOP_TARGET)
    assert unit == (ROOT / "systemd" / files.UNIT).read_text()
    assert files.activation(DISTRIBUTED) == (ROOT / "systemd" / files.ACTIVATION).read_text()


def test_the_program_and_the_target_are_put_in():
    unit = files.unit(("/home/u/venv/bin/swictation",), "default.target")
    assert "\nExecStart=/home/u/venv/bin/swictation run\n" in unit
    assert "\nWantedBy=default.target\n" in unit
    assert "/usr/bin/swictation" not in unit
    told = files.activation(("/usr/bin/python3", "-m", "swictation"))
    assert "\nExec=/usr/bin/python3 -m swictation run\n" in told


@pytest.mark.parametrize(
    ("path", "in_unit"),
    [
        ("/a b/swictation", '"/a b/swictation"'),
        ("/100%/swictation", '"/100%%/swictation"'),
        ("/$HOME/swictation", '"/$$HOME/swictation"'),
        ('/say "hi"/swictation', '"/say \\"hi\\"/swictation"'),
        ("/höhe/swictation", "/höhe/swictation"),
    ],
)
def test_odd_paths_are_quoted_for_systemd(path, in_unit):
    assert f"\nExecStart={in_unit} run\n" in files.unit((path,), "default.target")


def test_both_files_name_the_same_unit():
    assert f"\nSystemdService={files.UNIT}\n" in files.activation(DISTRIBUTED)
    assert files.ACTIVATION.removesuffix(".service") in files.activation(DISTRIBUTED)


def test_this_program_is_an_absolute_path_that_is_there():
    program = this_program()
    assert Path(program[0]).is_absolute()
    assert Path(program[0]).exists()
