"""The driver is asked by a process of its own, here on a made-up GPU."""

import subprocess

import pytest

from fakes.nvml.card import DRIVER_NOT_LOADED, GPU_IS_LOST, MISMATCH, UNKNOWN
from fakes.sysfs import Machine
from patience import PATIENCE_S
from swictation.doctor.gpu import judge_driver
from swictation.gpu.nvml.query import ask

pytestmark = pytest.mark.process


@pytest.fixture
def machine(tmp_path):
    made_up = Machine(tmp_path / "machine")
    made_up.add()
    made_up.add_driver()
    return made_up


@pytest.fixture
def examine(card, machine, monkeypatch):
    for name, value in card.env().items():
        monkeypatch.setenv(name, value)

    def run(gpu="auto", limit_s=30.0):
        return judge_driver(ask(gpu, machine.root, limit_s, with_cuda=True))

    return run


def test_a_driver_that_answers_is_well(card, examine):
    card.set_hidden(1000)
    found = examine()
    assert (found.level, found.remedy) == ("ok", "")
    assert found.found == "the driver and CUDA answer; 2926 of 4096 MiB are free"
    assert (card.open_count, card.cuda_inits) == (0, 1)


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (DRIVER_NOT_LOADED, "not loaded", "modprobe nvidia"),
        (MISMATCH, "of different versions", "reboot"),
        (UNKNOWN, "after a sleep", "modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm"),
        (GPU_IS_LOST, "fallen off the bus", "reboot"),
    ],
)
def test_what_nvml_says_is_told_with_its_fix(card, examine, code, words, remedy):
    card.fail_init(code)
    found = examine()
    assert found.level == "warning"
    assert words in found.found
    assert remedy in found.remedy
    assert card.cuda_inits == 0


def test_a_driver_without_a_card_is_named(card, examine):
    card.remove_devices()
    found = examine()
    assert found.level == "warning"
    assert "it finds no GPU" in found.found


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (999, "restarted, as after a sleep", "modprobe -r nvidia_uvm"),
        (803, "of different versions", "reboot"),
        (100, "finds no GPU", "CUDA_VISIBLE_DEVICES"),
        (46, "fails with 46", "modprobe -r nvidia_uvm"),
    ],
)
def test_what_cuda_says_is_told_with_its_fix(card, examine, code, words, remedy):
    card.fail_cuda(code)
    found = examine()
    assert found.level == "warning"
    assert words in found.found
    assert remedy in found.remedy


def test_a_card_that_sleeps_is_not_woken(card, examine, machine):
    machine.set_power("suspended")
    assert examine().level == "ok"
    assert (card.calls, card.cuda_inits) == (0, 0)


@pytest.mark.parametrize("what", ["queries", "init", "cuda"])
def test_a_driver_that_hangs_is_given_up(card, examine, what):
    card.block(what)
    found = examine(limit_s=1.0)
    assert found.level == "warning"
    assert "does not answer within 1 s" in found.found
    assert "reboot" in found.remedy


def test_a_broken_library_is_a_finding(examine, monkeypatch, tmp_path):
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"not a library")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    found = examine()
    assert found.level == "warning"
    assert "not installed" in found.found


def test_a_library_that_takes_its_process_with_it_is_a_finding(examine, monkeypatch, tmp_path):
    source = "__attribute__((constructor)) static void die(void) { __builtin_trap(); }"
    command = ["cc", "-xc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1", "-"]
    subprocess.run(command, input=source, text=True, check=True, timeout=PATIENCE_S)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    found = examine()
    assert found.level == "warning"
    assert "the process that asked it died, code -" in found.found


def test_the_card_of_the_configuration_is_asked_for(examine):
    found = examine("5")
    assert "[vram] gpu = '5'" in found.found
