import os
import subprocess
import sys

import pytest

from fakes.nvml import card as nvml
from fakes.sysfs import Machine
from patience import PATIENCE_S
from swictation.clock import SimClock
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.gpu.nvml.probe import ChosenGpu

pytestmark = pytest.mark.process

OURS = os.getpid()


@pytest.fixture
def machine(tmp_path):
    made_up = Machine(tmp_path / "machine")
    made_up.add()
    return made_up


@pytest.fixture
def clock():
    return SimClock(100.0)


@pytest.fixture
def make(card, machine, clock):
    """Make a probe; closed at the end."""
    probes = []

    def made(gpu="auto"):
        probes.append(NvmlProbe(gpu, machine.root, clock))
        return probes[-1]

    yield made
    for probe in probes:
        probe.close()


@pytest.fixture
def probe(make):
    return make()


def test_total_free_and_our_part_are_read(card, probe):
    card.set_hidden(500)
    card.set_process(OURS, 1719)
    card.set_process(999_999, 300, kind="graphics", is_lasting=True)
    now = probe.read([OURS])
    assert now.is_usable
    assert (now.at_s, now.total_mib, now.ours_mib) == (100.0, 4096, 1719)
    assert now.free_mib == 4096 - 170 - 500 - 1719 - 300


def test_an_old_driver_without_the_second_call_tells_the_same(card, probe):
    card.set_hidden(500)
    second = probe.read()
    card.lack_v2()
    assert probe.read() == second
    before = card.calls
    assert probe.read() == second
    assert card.calls - before == 1  # it is not asked again for what it lacks


def test_a_process_that_computes_and_draws_is_counted_once(card, probe):
    card.set_process(OURS, 200)
    card.set_process(OURS, 200, kind="graphics")
    assert probe.read([OURS]).ours_mib == 200


def test_of_a_process_that_only_draws_the_memory_is_ours_too(card, probe):
    card.set_process(OURS, 80, kind="graphics")
    assert probe.read([OURS]).ours_mib == 80


def test_several_workers_are_added_and_one_without_memory_is_nothing(card, probe):
    card.set_process(OURS, 100)
    card.set_process(os.getppid(), 40)
    assert probe.read([OURS, os.getppid(), 1]).ours_mib == 140
    assert probe.read([1]).ours_mib == 0
    assert probe.read().ours_mib == 0


def test_where_the_driver_does_not_tell_our_part_is_unknown(card, probe, clock):
    card.set_process(OURS, 100)
    card.hide_use()
    now = probe.read([OURS])
    assert (now.ours_mib, now.is_usable) == (None, True)
    card.hide_use(False)
    card.fail_processes(nvml.NOT_SUPPORTED)
    clock.advance(5.0)
    now = probe.read([OURS])
    assert (now.ours_mib, now.is_usable) == (None, True)


def test_processes_are_listed_every_five_seconds_or_when_others_are_asked_for(card, probe, clock):
    card.set_process(OURS, 100)
    probe.read([OURS])
    card.set_process(OURS, 200)
    clock.advance(4.9)
    before = card.calls
    assert probe.read([OURS]).ours_mib == 100
    assert card.calls - before == 1
    clock.advance(0.1)
    assert probe.read([OURS]).ours_mib == 200
    card.set_process(OURS, 300)
    assert probe.read([OURS, 1]).ours_mib == 300


def test_what_is_ours_says_whether_it_was_listed_just_now(card, probe, clock):
    card.set_process(OURS, 300)
    assert probe.read([OURS]).is_ours_fresh
    card.set_process(OURS, 900)
    clock.advance(1.0)
    later = probe.read([OURS])
    assert (later.ours_mib, later.is_ours_fresh) == (300, False)
    assert not probe.read([]).is_ours_fresh


def test_a_tick_makes_at_most_twelve_calls(card, probe, clock):
    card.set_process(OURS, 100)
    card.set_process(1, 100, kind="graphics", is_lasting=True)
    counts = []
    for _ in range(30):
        before = card.calls
        assert probe.read([OURS, os.getppid()]).is_usable
        counts.append(card.calls - before)
        clock.advance(1.0)
    assert max(counts) <= 12
    assert sum(count > 1 for count in counts) == 30 / 5


def test_opening_is_within_twelve_calls_for_two_cards_too(card, make):
    card.add_device()
    card.set_process(OURS, 100)
    assert make("auto").read([OURS]).is_usable
    assert card.calls <= 12


def test_a_sleeping_card_is_left_asleep(card, probe, machine):
    for power in ("suspended", "suspending"):
        machine.set_power(power)
        now = probe.read()
        assert (now.trouble, now.is_usable) == ("asleep", False)
    assert (card.inits, card.calls) == (0, 0)
    machine.set_power("active")
    assert probe.read().is_usable


def test_what_is_closed_is_let_go_and_may_sleep(card, probe, machine):
    probe.read()
    assert card.open_count == 1
    probe.close()
    probe.close()
    assert (card.open_count, card.inits, card.shutdowns) == (0, 1, 1)
    machine.set_power("suspended")
    assert probe.read().trouble == "asleep"
    assert card.inits == 1


@pytest.mark.parametrize(
    ("code", "trouble", "words"),
    [
        (12, "no-library", "not installed"),
        (nvml.DRIVER_NOT_LOADED, "no-driver", "not loaded"),
        (nvml.MISMATCH, "mismatch", "different versions"),
        (nvml.UNKNOWN, "unknown", "after a sleep"),
        (4, "no-device", "may not use"),
        (15, "lost", "fallen off"),
        (77, "unknown", "failed"),
    ],
)
def test_a_driver_that_cannot_be_opened_is_a_reading_of_its_own(card, probe, code, trouble, words):
    card.fail_init(code)
    now = probe.read([OURS])
    assert (now.trouble, now.is_usable, now.total_mib) == (trouble, False, 0)
    assert words in now.reason
    card.fail_init(0)
    assert probe.read().is_usable


def test_a_lost_card_is_let_go_and_found_again(card, probe):
    probe.read()
    card.fail_queries(nvml.GPU_IS_LOST)
    assert probe.read().trouble == "lost"
    assert card.open_count == 0
    assert probe.read().trouble == "lost"
    card.fail_queries(0)
    assert probe.read().is_usable


def test_a_driver_that_was_loaded_anew_is_opened_again_within_the_reading(card, probe):
    card.set_process(OURS, 100)
    probe.read([OURS])
    card.reload()
    card.set_process(OURS, 150)
    now = probe.read([OURS])
    assert (now.trouble, now.ours_mib) == ("", 150)
    assert card.open_count == 1


def test_a_driver_that_is_gone_for_good_is_no_endless_loop(card, probe):
    probe.read()
    card.fail_queries(1)
    assert probe.read().trouble == "unknown"
    assert card.inits == 2


@pytest.mark.parametrize(
    ("total", "free"), [(0, 0), (4096, 4097), (2.0**43, 1), (4096, 2.0**43), (0, 4096)]
)
def test_nonsense_is_no_reading(card, probe, total, free):
    card.lie(total, free)
    now = probe.read()
    assert now.trouble == "nonsense"
    assert "MiB" in now.reason


def test_no_device_at_all(card, probe):
    card.remove_devices()
    assert probe.read().trouble == "no-device"


def test_a_card_is_chosen_by_index_or_uuid(card, make):
    card.add_device(total_mib=8192, uuid="GPU-two", name="Second")
    for gpu in ("1", "GPU-two"):
        probe = make(gpu)
        assert probe.gpu is None
        assert probe.read().total_mib == 8192
        assert probe.gpu == ChosenGpu(1, "GPU-two", "Second")


@pytest.mark.parametrize("gpu", ["7", "GPU-nowhere", "first"])
def test_a_card_that_does_not_exist_is_named_with_those_that_do(card, make, gpu):
    card.add_device(uuid="GPU-two", name="Second")
    now = make(gpu).read()
    assert now.trouble == "no-device"
    for word in (gpu, "0 (Made-up A1000", "1 (Second, GPU-two)"):
        assert word in now.reason


def test_auto_takes_the_one_with_most_room_and_stays_while_a_worker_is_there(card, make):
    card.add_device(uuid="GPU-two")
    card.set_hidden(1000)
    probe = make("auto")
    assert probe.read().is_usable
    assert probe.gpu.uuid == "GPU-two"
    card.set_hidden(3000, device=1)
    probe.read([OURS])
    probe.close()
    probe.read([OURS])
    assert probe.gpu.uuid == "GPU-two"
    probe.close()
    probe.read()
    assert probe.gpu.index == 0


def test_a_lost_card_does_not_hide_another(card, make):
    card.add_device(uuid="GPU-two")
    card.fail_queries(nvml.GPU_IS_LOST, device=0)
    probe = make("auto")
    assert probe.read().is_usable
    assert probe.gpu.index == 1


def test_of_two_cards_the_one_that_sleeps_is_left_asleep(card, make, machine):
    card.add_device(uuid="GPU-two")
    machine.add("0000:02:00.0")
    machine.set_power("suspended")
    card.set_hidden(2000, device=1)
    for gpu, trouble in (("auto", ""), ("1", ""), ("GPU-two", ""), ("0", "asleep")):
        assert make(gpu).read().trouble == trouble
    assert make("7").read().trouble == "no-device"


def test_without_a_pci_bus_the_driver_is_asked_all_the_same(card, tmp_path):
    probe = NvmlProbe("auto", tmp_path / "wsl")
    assert probe.read().is_usable
    probe.close()


def test_the_current_package_is_used_which_warns_of_nothing():
    code = (
        "import pynvml\nfrom importlib.metadata import packages_distributions as names\n"
        "from swictation.gpu.nvml.nvml import NvmlProbe\n"
        "print(names()['pynvml'], NvmlProbe().read().trouble)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("['nvidia-ml-py']")


def test_without_the_package_it_is_a_trouble_as_without_the_driver(probe, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    now = probe.read()
    assert (now.trouble, now.at_s) == ("no-library", 100.0)
    assert "nvidia-ml-py" in now.reason


def test_a_driver_that_claims_a_million_cards_is_not_asked_for_each(card, probe, monkeypatch):
    monkeypatch.setattr("pynvml.nvmlDeviceGetCount", lambda: 10**6)
    assert probe.read().is_usable
    assert card.calls < 200
