"""`swictation vram record` as a program, on a made-up GPU."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys

import pytest

from fakes.bus import until
from fakes.client import run
from fakes.controls import daemon
from fakes.nvml.card import DRIVER_NOT_LOADED, GPU_IS_LOST, UNKNOWN
from patience import PATIENCE_S
from swictation.control.status import WorkerStatus

pytestmark = pytest.mark.process

_RECORD = (sys.executable, "-m", "swictation", "vram", "record")


@pytest.fixture(autouse=True)
def no_bus(monkeypatch):
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)


@pytest.fixture
def record(card):
    def run(*arguments):
        return subprocess.run(
            [*_RECORD, *map(str, arguments)],
            env={**os.environ, **card.env()},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def recorder(card, tmp_path):
    """Start a recording that lasts until a signal; the process and its file."""
    started = []

    def start(*arguments):
        file = tmp_path / "trace.jsonl"
        process = subprocess.Popen(
            [*_RECORD, str(file), *arguments],
            env={**os.environ, **card.env()},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, file

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines(file):
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]


def test_a_line_a_second_with_what_the_card_has(card, record, tmp_path):
    card.set_hidden(1000)
    file = tmp_path / "trace.jsonl"
    done = record(file, "--seconds", "1.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = lines(file)
    first = {"t_s": 0.0, "total_mib": 4096.0, "free_mib": 4096.0 - 170 - 1000, "ours_mib": 0.0}
    assert found[0] == first
    assert len(found) >= 1
    assert all(before["t_s"] < after["t_s"] < 1.5 for before, after in itertools.pairwise(found))
    assert card.open_count == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_until_it_is_ended_and_ends_well(card, recorder, number):
    process, file = recorder()

    async def test():
        await until(lambda: len(lines(file)) >= 1)
        card.set_hidden(2000)
        await until(lambda: lines(file)[-1]["free_mib"] == 4096 - 170 - 2000)

    run(test)
    process.send_signal(number)
    _, told = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, told) == (0, "")
    assert card.open_count == 0


def test_what_the_daemons_worker_holds_is_ours(card, recorder, session_bus):
    card.set_process(os.getpid(), 700)

    async def test():
        async with daemon() as stand_in:
            stand_in.change(worker=WorkerStatus(state="ready", pid=os.getpid()))
            _, file = recorder()
            await until(lambda: any(line["ours_mib"] == 700 for line in lines(file)))
            stand_in.change(worker=WorkerStatus())
            await until(lambda: lines(file)[-1]["ours_mib"] == 0)

    run(test)


def test_a_gap_is_told_once_and_the_recording_goes_on(card, recorder):
    process, file = recorder()

    async def test():
        await until(lambda: lines(file))
        card.fail_queries(GPU_IS_LOST)
        told = await asyncio.to_thread(process.stderr.readline)
        assert "cannot be read: the GPU has fallen off" in told
        known = len(lines(file))
        card.fail_queries(0)
        await until(lambda: len(lines(file)) > known)

    run(test)


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (DRIVER_NOT_LOADED, "driver is not loaded", "sudo modprobe nvidia"),
        (UNKNOWN, "as it may after a sleep", "modprobe -r nvidia_uvm"),
    ],
)
def test_a_card_that_cannot_be_read_is_one_clear_error(card, record, tmp_path, code, words, remedy):
    card.fail_init(code)
    file = tmp_path / "trace.jsonl"
    file.write_text("an earlier trace\n")
    done = record(file)
    assert done.returncode == 1
    told, how = done.stderr.splitlines()
    assert words in told
    assert remedy in how
    assert file.read_text() == "an earlier trace\n"


def test_a_card_that_does_not_exist_is_named(card, record, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[vram]\ngpu = "3"\n')
    done = record(tmp_path / "trace.jsonl", "--config", config)
    assert done.returncode == 1
    assert "gpu = '3': no such GPU; there is 0 (Made-up A1000" in done.stderr


def test_a_file_that_cannot_be_written_is_a_usage_error(card, record, tmp_path):
    done = record(tmp_path / "nowhere" / "trace.jsonl")
    assert done.returncode == 2
    assert "cannot be written: No such file or directory" in done.stderr


def test_the_group_is_listed_and_explains_itself(record):
    done = record("--help")
    assert done.returncode == 0
    assert "--seconds N" in done.stdout
