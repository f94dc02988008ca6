import pytest

from fakes.sysfs import OTHER, Machine
from swictation.doctor.gpu import judge
from swictation.vram.cards import cards, driver

pytestmark = pytest.mark.unit

LAPTOP = "0000:01:00.0"


@pytest.fixture
def made_up(tmp_path):
    """A card of NVIDIA's, and one of another maker."""
    machine = Machine(tmp_path)
    machine.add("0000:00:02.0", vendor=OTHER, kind="0x030000")
    machine.add(LAPTOP)
    return machine


@pytest.fixture
def machine(made_up):
    return made_up.root


@pytest.fixture
def with_driver(made_up):
    made_up.add_driver()
    made_up.name("NVIDIA GeForce RTX 4060")
    return made_up


def test_without_a_card_all_is_well(tmp_path):
    found = judge(cards(tmp_path), driver(tmp_path))
    assert (found.level, found.remedy) == ("ok", "")
    assert "no NVIDIA card" in found.found


def test_a_card_and_its_driver_are_named(with_driver):
    found = judge(cards(with_driver.root), driver(with_driver.root))
    assert found.level == "ok"
    assert found.found == "NVIDIA GeForce RTX 4060; driver 550.163.01"


def test_a_card_without_its_driver_is_no_fault(machine):
    found = judge(cards(machine), driver(machine))
    assert found.level == "ok"
    assert "without NVIDIA's driver" in found.found


def test_a_card_that_sleeps_is_told_so(with_driver):
    with_driver.set_power("suspended")
    found = judge(cards(with_driver.root), driver(with_driver.root))
    assert found.found == f"{LAPTOP} (asleep); driver 550.163.01"
