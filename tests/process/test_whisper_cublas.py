"""cuBLAS out of NVIDIA's wheel, where no loader looks: a made-up one, in processes of their own."""

import os
import subprocess
import sys

import pytest

from fakes.nvml.card import has_compiler
from patience import PATIENCE_S

pytestmark = pytest.mark.process

OPEN = """
import ctypes
from swictation.asr.engines.whisper import cublas
print(cublas.open_it())
ctypes.CDLL(cublas.NAME)  # as CTranslate2 does, by its name alone
"""


@pytest.fixture
def wheel(tmp_path):
    """A folder of packages with `nvidia-cublas-cu12` in it."""
    if not has_compiler():
        pytest.skip("cc is missing (package gcc): the made-up cuBLAS cannot be built")
    info = tmp_path / "nvidia_cublas_cu12-12.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: nvidia-cublas-cu12\nVersion: 12.9.0\n")
    folder = tmp_path / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    options = ("-xc", "-shared", "-fPIC", "-Wl,-soname,libcublas.so.12")
    command = ["cc", *options, "-o", folder / "libcublas.so.12", os.devnull]
    subprocess.run(command, check=True, timeout=PATIENCE_S)
    return tmp_path


def run(*folders):
    path = os.pathsep.join(map(str, filter(None, [*folders, os.environ.get("PYTHONPATH", "")])))
    return subprocess.run(
        [sys.executable, "-c", OPEN],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_it_is_found_in_the_wheel_and_then_by_its_name(wheel):
    done = run(wheel)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_a_wheel_that_lacks_it_is_none(wheel):
    done = run()
    if done.stdout.strip() == "True":
        pytest.skip("this machine has cuBLAS")
    (wheel / "nvidia" / "cublas" / "lib" / "libcublas.so.12").unlink()
    done = run(wheel)
    assert done.stdout.strip() == "False"
    assert "libcublas.so.12" in done.stderr
