"""PortAudio, loaded when it is first needed: files can be transcribed without its library."""

import atexit
import importlib
from contextlib import suppress
from typing import Any

from swictation.errors import AudioError


def load() -> Any:  # noqa: ANN401 - the package has no types
    """The module sounddevice.

    Raises:
        AudioError: the system's libportaudio is missing.
    """
    try:
        sounddevice: Any = importlib.import_module("sounddevice")
    except OSError as error:
        raise AudioError(
            "libportaudio2 is missing: no microphone can be opened.",
            "sudo apt-get install libportaudio2 libasound2-plugins",
        ) from error
    # It would wait for a frozen sound server without limit.
    atexit.unregister(sounddevice._exit_handler)
    return sounddevice


def look_again() -> None:
    """List the devices again, while none is open: without a server at start there are none."""
    sounddevice = load()
    with suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
        sounddevice._initialize()


def inputs() -> dict[str, int]:
    """The input devices: number by name."""
    devices: Any = load().query_devices()
    found = [(d["name"], d["index"]) for d in devices if d["max_input_channels"] > 0]
    return {str(name): int(index) for name, index in found}
