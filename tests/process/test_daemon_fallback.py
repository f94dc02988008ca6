"""A daemon whose configured engine cannot be had: the embedded one serves, and it says why."""

import tarfile

import pytest

from desktop.daemon import Daemon, QuietDesk

pytestmark = pytest.mark.process


@pytest.fixture
def desk(tmp_path):
    with QuietDesk(tmp_path, {}) as desk:
        yield desk


def is_stood_in_for(status):
    return status["degraded"] and status["degraded"]["mode"] == "cpu-engine"


def truncated(path):
    path.write_bytes(b"\0" * 700)


def another_class(path):
    config = path.with_suffix(".yaml")
    config.write_text("target: nemo.collections.asr.models.rnnt_models.EncDecRNNTModel\n")
    with tarfile.open(path, "w") as archive:
        archive.add(config, "model_config.yaml")
        archive.add(config, "model_weights.ckpt")


def missing(path):
    path.unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "auto"])
@pytest.mark.parametrize("spoil", [truncated, another_class, missing])
def test_a_model_that_cannot_be_used_is_named_and_the_embedded_engine_serves(
    desk, tmp_path, spoil, device
):
    nemo = tmp_path / "mine.nemo"
    spoil(nemo)
    options = ("--engine", "canary", "--model", str(nemo), "--device", device, "--sink", "none")
    with Daemon(desk, *options) as daemon:
        daemon.wait_until(bool, "up")
        daemon.tell("start")  # then an engine beside one on a GPU is loaded
        daemon.wait_ready()
        daemon.tell("cancel")
        status = daemon.wait_until(is_stood_in_for, "cpu-engine")
        assert "mine.nemo" in status["degraded"]["reason"]
        assert status["device"] == "cpu"
        log = daemon.log_file.read_text()
        assert "Traceback" not in log
        assert "mine.nemo" in log


def test_an_engine_that_cannot_be_loaded_is_followed_by_the_embedded_one(desk, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model_config.yaml").write_text("target: a.EncDecMultiTaskModel\n")
    (folder / "model_weights.ckpt").write_bytes(b"none")
    options = ("--engine", "canary", "--model", str(folder), "--device", "cpu", "--sink", "none")
    with Daemon(desk, *options) as daemon:
        daemon.wait_until(lambda it: it["ready"] and is_stood_in_for(it), "ready, cpu-engine")
        assert "Traceback" not in daemon.log_file.read_text()


@pytest.mark.slow
def test_an_engine_that_nobody_knows_is_named_and_the_embedded_one_serves(desk, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[asr]\nengine = "canry"\n')
    with Daemon(desk, "--config", str(config), "--sink", "none") as daemon:
        status = daemon.wait_until(
            lambda it: it["ready"] and is_stood_in_for(it), "ready, cpu-engine"
        )
        assert "no engine called 'canry'" in status["degraded"]["reason"]
        assert (status["engine"], status["precision"]) == ("whisper", "int8")
        assert f"whisper {status['model']}, int8, on the CPU (worker" in daemon.tell("status")
