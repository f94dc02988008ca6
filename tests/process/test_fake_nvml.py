"""The made-up GPU does what a driver does: other tests rest on it."""

import os
import signal
import subprocess
import sys
import threading

import pynvml
import pytest

from fakes.nvml.card import DRIVER_NOT_LOADED, GPU_IS_LOST, MIB, FakeCard

pytestmark = pytest.mark.process


@pytest.fixture
def opened(card):
    pynvml.nvmlInit()
    yield pynvml.nvmlDeviceGetHandleByIndex(0)
    card.fail_queries(0)
    pynvml.nvmlShutdown()


@pytest.fixture
def start(card):
    """Start a Python child that sees the GPU; it prints a line when `code` is done, then waits."""
    children = []

    def run(code):
        setting = "import os, sys\nfrom fakes.nvml.card import FakeCard\ncard = FakeCard.attach()\n"
        child = subprocess.Popen(
            [sys.executable, "-c", f"{setting}{code}\nprint('done', flush=True)\nsys.stdin.read()"],
            env={**os.environ, **card.env(), "PYTHONPATH": "tests"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield run
    for child in children:
        child.communicate()


def memory_mib(handle):
    told = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    return told.total / MIB, told.free / MIB


def used_by(handle):
    listed = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    listed += pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)
    return {process.pid: process.usedGpuMemory / MIB for process in listed}


def test_both_versions_agree_about_what_is_free_and_not_about_what_is_used(card, opened):
    card.set_hidden(350)
    card.set_process(os.getpid(), 1719)
    first = pynvml.nvmlDeviceGetMemoryInfo(opened)
    second = pynvml.nvmlDeviceGetMemoryInfo(opened, version=pynvml.nvmlMemory_v2)
    assert first.total == second.total == 4096 * MIB
    assert first.free == second.free == (4096 - 170 - 350 - 1719) * MIB
    assert first.used - second.used == 170 * MIB


def test_a_child_finds_it_by_its_environment(card, start):
    card.set_process(os.getpid(), 1000)
    child = start(
        "import pynvml as n\nn.nvmlInit()\n"
        "print(n.nvmlDeviceGetMemoryInfo(n.nvmlDeviceGetHandleByIndex(0)).free >> 20)"
    )
    assert child.stdout.readline().strip() == str(4096 - 170 - 1000)


def test_a_process_that_is_killed_is_off_the_card_though_nobody_buried_it(card, opened, start):
    child = start("card.set_process(os.getpid(), 800)")
    child.stdout.readline()
    assert used_by(opened) == {child.pid: 800}
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert used_by(opened) == {}
    assert memory_mib(opened) == (4096, 4096 - 170)


def test_with_a_lag_its_memory_is_seen_to_be_free_later_only(card, opened, start):
    card.set_lag(1000)
    child = start("card.set_process(os.getpid(), 800)")
    child.stdout.readline()
    child.communicate()
    card.set_process(os.getpid(), 100)
    card.set_process(os.getpid(), 60)
    assert used_by(opened) == {os.getpid(): 100}
    assert memory_mib(opened) == (4096, 4096 - 170 - 900)
    card.drop_process(os.getpid())
    assert used_by(opened) == {}
    assert memory_mib(opened) == (4096, 4096 - 170 - 860)
    card.set_lag(0)
    assert memory_mib(opened) == (4096, 4096 - 170 - 60)


def test_many_processes_write_at_once(card, opened, start):
    children = [
        start(
            "for n in range(200):\n"
            "    card.set_process(os.getpid(), n)\n"
            "    if n % 3 == 0: card.drop_process(os.getpid())\n"
            "card.set_process(os.getpid(), 40)"
        )
        for _ in range(4)
    ]
    for child in children:
        child.stdout.readline()
    assert used_by(opened) == {child.pid: 40 for child in children}


def test_a_call_hangs_until_it_is_released(card, opened):
    card.block()
    done = threading.Event()
    thread = threading.Thread(target=lambda: (memory_mib(opened), done.set()))
    thread.start()
    while not card.waiting:
        assert not done.wait(0.01)
    card.release()
    thread.join()
    assert done.is_set()


def test_errors_and_counts(card):
    card.fail_init(DRIVER_NOT_LOADED)
    with pytest.raises(pynvml.NVMLError_DriverNotLoaded):
        pynvml.nvmlInit()
    card.fail_init(0)
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    card.fail_queries(GPU_IS_LOST)
    with pytest.raises(pynvml.NVMLError_GpuIsLost):
        pynvml.nvmlDeviceGetMemoryInfo(handle)
    card.fail_queries(0)
    card.reload()
    with pytest.raises(pynvml.NVMLError_Uninitialized):
        pynvml.nvmlDeviceGetMemoryInfo(handle)
    pynvml.nvmlShutdown()
    assert (card.inits, card.shutdowns, card.open_count, card.calls) == (2, 1, 0, 6)


def test_several_cards_are_told_apart(card, opened):
    second = card.add_device(total_mib=8192, reserved_mib=0, uuid="GPU-two", name="Second")
    card.set_process(os.getpid(), 100, device=second, kind="graphics")
    handle = pynvml.nvmlDeviceGetHandleByUUID("GPU-two")
    assert pynvml.nvmlDeviceGetIndex(handle) == second
    assert pynvml.nvmlDeviceGetPciInfo(handle).busId == "00000000:02:00.0"
    assert memory_mib(handle) == (8192, 8092)
    assert memory_mib(opened) == (4096, 4096 - 170)
    assert (used_by(opened), used_by(handle)) == ({}, {os.getpid(): 100})


def test_another_view_of_the_same_card_sees_the_same(card):
    other = FakeCard.attach()
    other.set_hidden(100)
    other.set_process(os.getpid(), 10)
    pynvml.nvmlInit()
    assert memory_mib(pynvml.nvmlDeviceGetHandleByIndex(0)) == (4096, 4096 - 170 - 110)
    pynvml.nvmlShutdown()
    other.close()
