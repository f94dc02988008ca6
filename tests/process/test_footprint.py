"""What the daemon carries while it works: no engine, no hundred megabytes."""

from pathlib import Path

import psutil
import pytest

from swictation.hardening import INSPECT

pytestmark = pytest.mark.process

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
