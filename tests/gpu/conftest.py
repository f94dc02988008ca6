"""The real GPU: found, or the reason why not."""

import contextlib
import ctypes
import importlib
import os
import subprocess
import sys

import pytest

from realcard.hog import Hog, NoCard
from swictation.gpu.nvml.nvml import NvmlProbe

_FIRST_NAMESPACE = "pid:[4026531836]"
_NEEDED_MIB = 5120
_FIGURES = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session")
def nvml_path():
    """Loaded by its path: a made-up one of the same name may be in this process already."""
    code = (
        "import pynvml; pynvml.nvmlInit()\n"
        "print(next(line.split()[-1] for line in open('/proc/self/maps')"
        " if 'libnvidia-ml' in line))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"no NVIDIA GPU: {done.stderr.splitlines()[-1]}")
    return done.stdout.strip()


@pytest.fixture
def real_nvml(nvml_path, monkeypatch):
    pynvml = importlib.import_module("pynvml")
    monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(nvml_path))
    pynvml._nvmlGetFunctionPointer_cache.clear()
    yield pynvml
    pynvml._nvmlGetFunctionPointer_cache.clear()


@pytest.fixture
def gpu(real_nvml, monkeypatch):
    """The UUID of the one with most room: for NVML, and for CUDA in children."""
    probe = NvmlProbe()
    now = probe.read()
    probe.close()
    if not now.is_usable:
        pytest.skip(f"the GPU cannot be read: {now.reason}")
    if now.free_mib < _NEEDED_MIB:
        pytest.skip(f"only {now.free_mib:.0f} MiB of the GPU are free, not {_NEEDED_MIB}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", probe.gpu.uuid)
    try:
        Hog().end()
    except NoCard as error:
        pytest.skip(f"no program can use the GPU: {error}")
    return probe.gpu.uuid


@pytest.fixture
def sees_pids(gpu, real_nvml):
    """In a container the driver may tell the host's numbers; outside it has to tell ours."""
    if os.readlink("/proc/self/ns/pid") == _FIRST_NAMESPACE:
        return True
    with Hog() as hog:
        real_nvml.nvmlInit()
        handle = real_nvml.nvmlDeviceGetHandleByUUID(gpu)
        listed = real_nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        real_nvml.nvmlShutdown()
        return hog.pid in {process.pid for process in listed}


@pytest.fixture
def is_closed():
    return lambda: not device_files()


def device_files():
    """Those of the GPU that this process has open."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"/proc/self/fd/{number}")
            if target.startswith("/dev/nvidia"):
                found.add(target)
    return found


@pytest.fixture(scope="session")
def figures(pytestconfig):
    return pytestconfig.stash.setdefault(_FIGURES, {})


def pytest_terminal_summary(terminalreporter, config):
    """For the tables in docs/vram-tests.md."""
    for name, figure in config.stash.get(_FIGURES, {}).items():
        terminalreporter.write_line(f"| {name} | {figure} |")
