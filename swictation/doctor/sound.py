"""Checks the sound server and the microphone."""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from swictation.doctor.finding import Finding, Subject
from swictation.remedies import has_systemd, noted


class _Packages(NamedTuple):
    install: str
    portaudio: str
    pulse_plugin: str
    """It lets PortAudio, through ALSA, reach PulseAudio and PipeWire."""
    sound_server: str


_PACKAGES = {
    "apt-get": _Packages(
        "sudo apt-get install", "libportaudio2", "libasound2-plugins", "pipewire-audio"
    ),
    "dnf": _Packages(
        *("sudo dnf install", "portaudio", "alsa-plugins-pulseaudio"),
        "pipewire-pulseaudio wireplumber",
    ),
    "pacman": _Packages(
        "sudo pacman -S", "portaudio", "pulseaudio-alsa", "pipewire-pulse wireplumber"
    ),
    "zypper": _Packages(
        *("sudo zypper install", "libportaudio2", "alsa-plugins-pulse"),
        "pipewire-pulseaudio wireplumber",
    ),
}
"""By package manager."""

_LISTEN_S = 0.5
_CONNECT_S = 1.0
_SILENT_BELOW_DBFS = -85.0
"""Far below the noise of any room; zeros come from a source that is muted."""


def server(_: Subject) -> Iterator[Finding]:
    """Find the sound server of this user, by its sockets."""
    found, refused = find_servers(os.environ)
    if found:
        yield Finding("sound server", "ok", " and ".join(found))
    elif refused:
        message = f"{refused[0]} does not answer"
        remedy = _restart("pulseaudio --start")
        yield Finding("sound server", "error", message, remedy)
    else:
        message = (
            "neither PipeWire nor PulseAudio runs: only a sound card, through ALSA, can be used"
        )
        remedy = noted(_install("sound_server"), "then log in again")
        yield Finding("sound server", "warning", message, remedy)


def microphone(subject: Subject) -> Iterator[Finding]:
    """Listen for half a second. Raises AudioError if PortAudio is missing."""
    # Imported only when it runs: it imports PortAudio and numpy.
    try:
        from swictation.doctor.microphone_check import listen
    except OSError as error:
        message = f"PortAudio is missing: {error}"
        yield Finding("microphone", "error", message, _install("portaudio"))
        return
    device = subject.settings.audio.device
    heard = listen(device, _LISTEN_S)
    servers, _ = find_servers(os.environ)
    if heard.source:
        yield judge_level(heard.source, heard.level_dbfs)
    else:
        yield judge_absent(device, heard.reason, has_server=bool(servers))


def judge_level(source: str, level_dbfs: float | None) -> Finding:
    """Compare a level with silence; None: nothing came."""
    if level_dbfs is None:
        message = f"{source}: opened, but no sound comes"
        remedy = _restart("pulseaudio -k")
        return Finding("microphone", "error", message, remedy)
    if level_dbfs < _SILENT_BELOW_DBFS:
        remedy = noted(
            "unmute it: pactl set-source-mute @DEFAULT_SOURCE@ 0", "then check again and speak"
        )
        return Finding("microphone", "warning", f"{source}: nothing but silence", remedy)
    return Finding("microphone", "ok", f"{source}: {level_dbfs:.0f} dBFS")


def judge_absent(device: str, reason: str, *, has_server: bool) -> Finding:
    """Say why there is no microphone: a wrong name, a missing plug-in, or none connected."""
    if device != "default":
        message = f"[audio] device = {device!r} is not there: {reason}"
        remedy = 'choose another, or set it to "default": swictation config path'
        return Finding("microphone", "error", message, remedy)
    if has_server:
        message = "the sound server has none, or ALSA's way to the server is missing"
        plugin = _install("pulse_plugin")
        remedy = f"pactl list short sources; if that names a microphone: {plugin}"
        return Finding("microphone", "error", message, remedy)
    message = "there is none: files can be transcribed, nothing can be dictated"
    return Finding("microphone", "warning", message, "plug one in, then type: swictation doctor")


def find_servers(environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The servers that answer, and those whose socket exists without an answer."""
    runtime = Path(environment.get("XDG_RUNTIME_DIR", "/nonexistent"))
    pulse = Path(environment.get("PULSE_RUNTIME_PATH", runtime / "pulse")) / "native"
    given = environment.get("PULSE_SERVER", "")
    if given.startswith(("unix:", "/")):
        pulse = Path(given.removeprefix("unix:"))
    pipewire = Path(environment.get("PIPEWIRE_RUNTIME_DIR", runtime))
    pipewire /= environment.get("PIPEWIRE_REMOTE", "pipewire-0")
    answers = {"PipeWire": _answers(pipewire), "PulseAudio": _answers(pulse)}
    if answers["PipeWire"]:
        # Then PipeWire answers at PulseAudio's socket, too.
        del answers["PulseAudio"]
    return (
        [name for name, answer in answers.items() if answer],
        [name for name, answer in answers.items() if answer is False],
    )


def _answers(path: Path) -> bool | None:
    """Whether a server listens at a socket; None: there is no socket."""
    if not path.is_socket():
        return None
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_CONNECT_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _install(what: str) -> str:
    """The command that installs what pip cannot; `what`: a field of `_Packages`."""
    for manager, packages in _PACKAGES.items():
        if shutil.which(manager):
            return f"{packages.install} {getattr(packages, what)}"
    return f"install with your system's package manager: {getattr(_PACKAGES['apt-get'], what)}"


def _restart(pulseaudio: str) -> str:
    pipewire = "systemctl --user restart pipewire pipewire-pulse"
    return noted(pipewire, f"or: {pulseaudio}") if has_systemd() else pulseaudio
