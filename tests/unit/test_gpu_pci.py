import pytest

from fakes.sysfs import OTHER, Machine
from swictation.gpu.nvml.pci import PciGpu, driver, gpus

pytestmark = pytest.mark.unit

LAPTOP = "0000:01:00.0"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_only_display_devices_of_nvidia_count(machine):
    machine.add("0000:00:02.0", vendor=OTHER, kind="0x030000")
    machine.add(LAPTOP)
    machine.add("0000:01:00.1", kind="0x040300")
    assert gpus(machine.root) == [PciGpu(LAPTOP, "active", "")]


def test_they_come_in_the_order_of_the_bus_with_the_drivers_name(machine):
    machine.add("0000:41:00.0", kind="0x030000")
    machine.add(LAPTOP)
    machine.name("NVIDIA RTX A1000")
    assert gpus(machine.root) == [
        PciGpu(LAPTOP, "active", "NVIDIA RTX A1000"),
        PciGpu("0000:41:00.0", "active", ""),
    ]


@pytest.mark.parametrize("power", ["suspended", "suspending"])
def test_of_a_card_that_sleeps_not_even_the_name_is_asked(machine, power):
    machine.add(LAPTOP, power=power)
    machine.name("read although it sleeps")
    assert gpus(machine.root) == [PciGpu(LAPTOP, power, "")]
    assert gpus(machine.root)[0].is_asleep


@pytest.mark.parametrize("power", ["active", "resuming", "unsupported", ""])
def test_whatever_else_the_kernel_says_is_awake(machine, power):
    machine.add(LAPTOP, power=power)
    assert not gpus(machine.root)[0].is_asleep


def test_the_driver_is_known_by_its_version(machine):
    assert driver(machine.root) == ""
    machine.add_driver()
    assert driver(machine.root) == "550.163.01"


def test_without_a_bus_there_are_none(tmp_path):
    assert gpus(tmp_path / "nowhere") == []
