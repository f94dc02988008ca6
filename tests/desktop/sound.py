"""A private PulseAudio with a virtual microphone: a null sink, its monitor the default source."""

import os
import shutil
import signal
import subprocess
import threading
import time
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_CONFIG = """\
load-module module-native-protocol-unix
load-module module-null-sink sink_name=virtmic rate={rate} channels=1 format=s16le
load-module module-null-sink sink_name=out channels=2 sink_properties=device.description=Speakers
load-module module-loopback source=virtmic.monitor sink=out latency_msec=100 source_dont_move=yes
set-default-sink out
set-default-source virtmic.monitor
"""
# The loopback is not heard: without a listener a null sink sleeps for two seconds at a time.
_ALSA = "pcm.!default { type pulse }\nctl.!default { type pulse }\npcm.pulse { type pulse }\n"
_LEAD_IN_S = 1.0
"""A null sink rewinds when a stream starts: what stands there is lost."""


def missing() -> str:
    """The program that is not installed and needed, or ""."""
    return next((p for p in ("pulseaudio", "pactl", "paplay", "parec") if not shutil.which(p)), "")


class VirtualMicrophone:
    """The server, its environment, and a way to speak into it."""

    def __init__(self, folder: Path, rate_hz: int = 48000) -> None:
        self.folder = folder
        runtime = folder / "pulse"
        for each in (runtime, folder / "cfg"):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / "default.pa").write_text(_CONFIG.format(rate=rate_hz))
        (folder / "asound.conf").write_text(_ALSA)
        self.env = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(runtime),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_SERVER": f"unix:{runtime}/native",
            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder}/asound.conf",
        }
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._server = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "-F",
                str(self.folder / "default.pa"),
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
                "--disallow-exit=no",
                f"--log-target=file:{self.folder}/pulse.log",
            ],
            env={**os.environ, **self.env, "XDG_CONFIG_HOME": str(self.folder / "cfg")},
        )
        deadline_s = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline_s, "pulseaudio does not start"
            threading.Event().wait(0.05)
        self._wake_up()

    def _wake_up(self) -> None:
        """Read a little: a null sink's first two seconds come late and in one piece."""
        reader = subprocess.Popen(
            ["parec", "--device=virtmic.monitor", "--rate=16000", "--channels=1"],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
        )
        assert reader.stdout
        reader.stdout.read(16000)
        reader.stdout.close()
        reader.terminate()
        reader.wait()

    def kill(self) -> None:
        if self._server:
            self._server.kill()
            self._server.wait()
        self._server = None

    def pactl(self, *arguments: str) -> str:
        """Ask or tell the server."""
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.env}, capture_output=True, text=True, check=True, timeout=20,
        ).stdout  # fmt: skip

    @property
    def is_running(self) -> bool:
        return self._server is not None

    def signal(self, number: signal.Signals) -> None:
        assert self._server
        self._server.send_signal(number)

    def play(self, samples: NDArray[np.int16]) -> "subprocess.Popen[bytes]":
        """Speak 16 kHz mono into the microphone; returns the running player."""
        path = self.folder / "spoken.wav"
        lead_in = np.zeros(int(16000 * _LEAD_IN_S), np.int16)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(np.concatenate((lead_in, samples)).tobytes())
        return subprocess.Popen(
            ["paplay", "--device=virtmic", str(path)], env={**os.environ, **self.env}
        )

    def _answers(self) -> bool:
        done = subprocess.run(
            ["pactl", "info"], env={**os.environ, **self.env}, capture_output=True, check=False
        )
        return done.returncode == 0
