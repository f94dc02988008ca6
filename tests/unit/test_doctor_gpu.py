import pytest

from swictation.doctor.gpu import Card, cards, driver, judge

pytestmark = pytest.mark.unit

LAPTOP = "0000:01:00.0"


@pytest.fixture
def machine(tmp_path):
    """A made-up /sys and /proc: a card of NVIDIA's, its sound device, a card of another maker."""

    def device(address, vendor, kind, power="active"):
        folder = tmp_path / "sys/bus/pci/devices" / address
        (folder / "power").mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
        (folder / "power/runtime_status").write_text(f"{power}\n")

    device("0000:00:02.0", "0x8086", "0x030000")
    device(LAPTOP, "0x10de", "0x030200")
    device("0000:01:00.1", "0x10de", "0x040300")
    return tmp_path


@pytest.fixture
def with_driver(machine):
    module, card = machine / "sys/module/nvidia", machine / "proc/driver/nvidia/gpus" / LAPTOP
    for folder in (module, card):
        folder.mkdir(parents=True)
    (module / "version").write_text("550.163.01\n")
    (card / "information").write_text("Model: \t\t NVIDIA GeForce RTX 4060\nIRQ:   \t\t 159\n")
    return machine


def test_without_a_card_all_is_well(tmp_path):
    found = judge(cards(tmp_path), driver(tmp_path))
    assert (found.level, found.remedy) == ("ok", "")
    assert "no NVIDIA card" in found.found


def test_a_card_and_its_driver_are_named(with_driver):
    found = judge(cards(with_driver), driver(with_driver))
    assert found.level == "ok"
    assert found.found == "NVIDIA GeForce RTX 4060; driver 550.163.01"


def test_only_display_devices_of_nvidia_count(machine):
    assert cards(machine) == [Card(LAPTOP, "active", "")]


def test_a_card_without_its_driver_is_no_fault(machine):
    found = judge(cards(machine), driver(machine))
    assert found.level == "ok"
    assert "without NVIDIA's driver" in found.found


def test_a_card_that_sleeps_is_left_alone(with_driver):
    power = with_driver / "sys/bus/pci/devices" / LAPTOP / "power/runtime_status"
    power.write_text("suspended\n")
    information = with_driver / "proc/driver/nvidia/gpus" / LAPTOP / "information"
    information.write_text("Model: read although it sleeps\n")
    found = judge(cards(with_driver), driver(with_driver))
    assert found.found == f"{LAPTOP} (asleep); driver 550.163.01"
