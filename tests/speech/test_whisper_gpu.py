"""Whisper that is to compute on a GPU where none can be used: the text comes all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faster_whisper import WhisperModel

from contract.vad_detector_suite import read
from fakes.nvml import card as nvml
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.asr.engines.whisper.errors import has_driver
from swictation.asr.engines.whisper.gpu import GpuWhisper, types_for
from swictation.asr.engines.whisper.loading import load
from swictation.asr.engines.whisper.memory import read_shape
from swictation.asr.engines.whisper.settings import WhisperSettings
from swictation.config.settings import AsrSettings, Settings
from swictation.doctor import gpu
from swictation.doctor.finding import Subject
from swictation.errors import EngineError
from swictation.gpu.nvml.allocator import NvmlAllocator
from swictation.types import DecodeRequest
from swictation.worker.child.decoder import DeviceDecoder, decoder_for
from swictation.worker.protocol.messages import Decode, Order

pytestmark = [pytest.mark.speech, pytest.mark.slow]

CONFIG = """
[asr]
model = "tiny.en"
device = "cuda"
cpu_model = "tiny.en"
"""
MIB = 1 << 20


no_card = pytest.mark.skipif(has_driver(), reason="this machine has CUDA: see tests/gpu")


@pytest.fixture
def shown(card, tmp_path, monkeypatch):
    """NVML shows a GPU of 4096 MiB; libcuda is not there."""
    card.set_hidden(300)
    folder = tmp_path / "nvml"
    folder.mkdir()
    (folder / nvml.LIBRARY).symlink_to(card.library)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))
    return card


def configure():
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "swictation" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONFIG)


def test_what_the_real_model_takes_is_told_by_its_file(whisper_model):
    file = whisper_model / "model.bin"
    shape = read_shape(file)
    assert (shape.width, shape.layers, shape.vocabulary) == (384, 4, 51864)
    assert shape.weights_mib("float16") == pytest.approx(file.stat().st_size / MIB, rel=0.01)
    assert 0.5 < shape.weights_mib("int8_float16") / shape.weights_mib("float16") < 0.6


@pytest.fixture
def seated(card, whisper_model):
    """The engine as it is on a GPU, its model on the processor all the same; NVML shows it."""
    card.set_process(os.getpid(), 300)
    own_use = NvmlAllocator()
    own_use.note_context()
    card.set_process(os.getpid(), 300 + 110)
    spec = EngineSpec("whisper", "tiny.en", str(whisper_model), "en", device="cuda", tier=1)
    model = WhisperModel(str(whisper_model), device="cpu", compute_type="int8")
    engine = GpuWhisper(model, spec, WhisperSettings(), types_for(set()), own_use)
    yield engine
    engine.close()
    assert card.open_count == 0


def test_under_the_guard_its_memory_is_told_and_no_peak_is_too_low(seated, sample):
    """What a decode takes comes and goes unseen: it is counted."""
    decoder = decoder_for(seated)
    assert isinstance(decoder, DeviceDecoder)
    samples = read(sample)
    answer = decoder.answer(Decode(DecodeRequest(1, 0, 0, len(samples)), samples.tobytes()))
    assert answer.hypothesis.new_text.strip() == sample.with_suffix(".txt").read_text().strip()
    assert (answer.figures.allocated_mib, answer.figures.reserved_mib) == (110, 110)
    assert answer.figures.peak_mib > 110 + 20


def test_greedy_is_carried_out_and_taken_back_and_needs_less(seated, sample):
    decoder, samples = decoder_for(seated), read(sample)
    order = Decode(DecodeRequest(1, 0, 0, len(samples)), samples.tobytes())
    peaks = []
    for what, is_known in (("greedy", True), ("beam", True), ("half-buffer", False)):
        assert decoder.apply(Order(what)).is_done is is_known
        answer = decoder.answer(order)
        assert answer.hypothesis.new_text.strip()
        peaks.append(answer.figures.peak_mib)
    greedy_mib, beam_mib, _ = peaks
    assert greedy_mib < beam_mib


def test_it_tells_its_tiers(seated):
    can = seated.capabilities
    assert (can.device, can.tier, can.precision) == ("cuda", 1, "int8")
    assert [one.name for one in can.tiers] == ["tiny.en float32", "tiny.en int8"]


@no_card
def test_without_a_card_it_is_one_line_that_says_how_to_mend_it(whisper_model):
    spec = EngineSpec("whisper", "tiny.en", str(whisper_model), "en", device="cuda")
    with pytest.raises(EngineError) as caught:
        load(spec)
    assert caught.value.message == (
        "Whisper cannot use the GPU: NVIDIA's library libcuda.so.1 is not installed."
    )
    assert "driver" in caught.value.remedy


@no_card
def test_the_engine_on_the_processor_takes_over_and_the_text_is_right(whisper_model, shown, sample):
    configure()
    command = [sys.executable, "-m", "swictation", "transcribe", str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, sample.with_suffix(".txt").read_text())
    assert "Traceback" not in done.stderr


@no_card
def test_the_examination_says_what_is_missing(shown):
    assert list(gpu.engine_gpu(Subject())) == [], "nobody wants one"
    wished = Settings(asr=AsrSettings(device="cuda"))
    (found,) = gpu.engine_gpu(Subject(settings=wished))
    assert found.level == "warning"
    assert "libcuda.so.1 is not installed" in found.found
    assert found.remedy


def test_an_examination_that_hangs_is_given_up():
    found = gpu.judge_engine("Whisper", "swictation.asr.engines.whisper.ask", limit_s=0.001)
    assert found.level == "warning"
    assert "hangs" in found.found
    assert found.remedy
