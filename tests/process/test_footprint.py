"""What the daemon carries while it works: no engine, no hundred megabytes."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from swictation.hardening import INSPECT

pytestmark = [pytest.mark.process, pytest.mark.slow]

FOREIGN = ("torch", "onnxruntime", "ctranslate2", "tokenizers", "nemo")
MIB = 2**20


def test_the_running_daemon_is_small_and_maps_no_engine(program, sample, whisper_model):
    program.set("asr", engine="whisper", model="tiny.en")
    program.sound = sample
    program.env[INSPECT] = "1"
    running = program.start_playing("--pace", "realtime")
    worker = running.wait_for("worker", state="ready")["pid"]
    engine_maps = Path(f"/proc/{worker}/maps").read_text()
    running.wait_for("partial")
    daemon = psutil.Process(running.process.pid)
    maps = Path(f"/proc/{daemon.pid}/maps").read_text()
    rss_mib = daemon.memory_info().rss / MIB
    running.finish()
    assert "ctranslate2" in engine_maps, "so that the check can fail"
    assert [name for name in FOREIGN if name in maps] == []
    assert rss_mib <= 100


DETECTOR = """
import numpy as np
from pathlib import Path
from swictation.vad.silero_cpu import SileroCpu

def switches():
    texts = [(task / "status").read_text() for task in Path("/proc/self/task").iterdir()]
    return len(texts), sum(int(t.split("\\nvoluntary_ctxt_switches:")[1].split()[0]) for t in texts)

threads_before, _ = switches()
detector = SileroCpu()
sound = np.random.default_rng(1).normal(0, 3000, 512).astype(np.int16)
detector.probability(sound)
threads, before = switches()
for _ in range(100):
    detector.probability(sound)
print(threads - threads_before, switches()[1] - before)
"""


def test_the_detector_wakes_no_thread():
    """ggml would keep four, which wake each other 160 times for a frame."""
    done = subprocess.run(
        [sys.executable, "-c", DETECTOR], capture_output=True, text=True, check=True
    )
    threads, switches = map(int, done.stdout.split())
    assert threads == 0
    assert switches < 100
