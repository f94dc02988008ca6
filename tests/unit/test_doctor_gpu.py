import pytest

from fakes.sysfs import OTHER, Machine
from swictation.doctor import gpu
from swictation.gpu.nvml.pci import driver, gpus, parameters

pytestmark = pytest.mark.unit

LAPTOP = "0000:01:00.0"


@pytest.fixture
def machine(tmp_path):
    """A GPU of another maker."""
    made_up = Machine(tmp_path)
    made_up.add("0000:00:02.0", vendor=OTHER, kind="0x030000")
    return made_up


@pytest.fixture
def laptop(machine):
    """And one of NVIDIA's, with its driver."""
    machine.add(LAPTOP)
    machine.add_driver()
    machine.name("NVIDIA GeForce RTX 4060")
    return machine


def judge(machine, *, is_wanted=False):
    return gpu.judge(gpus(machine.root), driver(machine.root), is_wanted=is_wanted)


def judge_sleep(machine, *, is_wanted=True):
    return list(gpu.judge_sleep(parameters(machine.root), is_wanted=is_wanted))


def test_without_a_card_all_is_well(machine):
    found = judge(machine)
    assert (found.level, found.remedy) == ("ok", "")
    assert "no NVIDIA GPU" in found.found


def test_a_card_and_its_driver_are_named(laptop):
    for is_wanted in (False, True):
        found = judge(laptop, is_wanted=is_wanted)
        assert (found.level, found.remedy) == ("ok", "")
        assert found.found == "NVIDIA GeForce RTX 4060; driver 550.163.01"


def test_a_card_without_its_driver_is_no_fault_while_nobody_wants_it(machine):
    machine.add(LAPTOP)
    found = judge(machine)
    assert (found.level, found.remedy) == ("ok", "")
    assert "without NVIDIA's driver" in found.found
    found = judge(machine, is_wanted=True)
    assert found.level == "warning"
    assert "modprobe nvidia" in found.remedy


def test_an_engine_that_wants_a_card_where_there_is_none_is_warned_of(machine):
    found = judge(machine, is_wanted=True)
    assert found.level == "warning"
    assert 'engine = "whisper"' in found.remedy


def test_a_driver_without_a_card_is_warned_of(machine):
    machine.add_driver()
    found = judge(machine)
    assert found.level == "warning"
    assert "no GPU is on the bus" in found.found
    assert "/sys/bus/pci/rescan" in found.remedy


def test_a_card_that_sleeps_is_told_so(laptop):
    laptop.set_power("suspended")
    assert judge(laptop).found == f"{LAPTOP} (asleep); driver 550.163.01"


def test_all_is_looked_at_together(laptop):
    laptop.set_parameters("PreserveVideoMemoryAllocations: 0\n")
    found = list(gpu.look(laptop.root, is_wanted=True))
    assert [one.level for one in found] == ["ok", "warning"]
    assert {one.name for one in found} == {"GPU"}


def test_in_a_container_no_card_on_the_bus_does_not_mean_none(machine):
    (machine.root / "dev").mkdir()
    (machine.root / "dev/nvidiactl").touch()
    (found,) = gpu.look(machine.root, is_wanted=True)
    assert (found.level, found.found) == ("ok", "a driver without a PCI bus: a container, or WSL")


def test_memory_that_does_not_outlive_a_sleep_is_warned_of_with_the_fix(laptop):
    laptop.set_parameters("EnableMSI: 1\nPreserveVideoMemoryAllocations: 0\n")
    (found,) = judge_sleep(laptop)
    assert found.level == "warning"
    assert "NVreg_PreserveVideoMemoryAllocations is off" in found.found
    assert "NVreg_PreserveVideoMemoryAllocations=1" in found.remedy
    assert "systemctl enable nvidia-suspend nvidia-resume" in found.remedy
    (found,) = judge_sleep(laptop, is_wanted=False)
    assert (found.level, found.remedy) == ("ok", "")


def test_a_driver_that_knows_the_newer_way_is_told_that_one(laptop):
    laptop.set_parameters("PreserveVideoMemoryAllocations: 0\nUseKernelSuspendNotifiers: 0\n")
    (found,) = judge_sleep(laptop)
    assert "NVreg_UseKernelSuspendNotifiers=1" in found.remedy
    assert "systemctl" not in found.remedy


@pytest.mark.parametrize(
    "told",
    [
        "PreserveVideoMemoryAllocations: 1\n",
        "PreserveVideoMemoryAllocations: 0\nUseKernelSuspendNotifiers: 1\n",
        "EnableMSI: 1\n",
        "",
    ],
)
def test_memory_that_outlives_a_sleep_is_not_mentioned(laptop, told):
    laptop.set_parameters(told)
    assert judge_sleep(laptop) == []
