"""How to install what pip cannot bring, in the words of this distribution."""

import shutil

_INSTALL = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
}

PORTAUDIO = {
    "apt-get": "libportaudio2",
    "dnf": "portaudio",
    "pacman": "portaudio",
    "zypper": "libportaudio2",
}
PULSE_PLUGIN = {
    "apt-get": "libasound2-plugins",
    "dnf": "alsa-plugins-pulseaudio",
    "pacman": "pulseaudio-alsa",
    "zypper": "alsa-plugins-pulse",
}
"""With which PortAudio, through ALSA, reaches PulseAudio and PipeWire."""
SOUND_SERVER = {
    "apt-get": "pipewire-audio",
    "dnf": "pipewire-pulseaudio wireplumber",
    "pacman": "pipewire-pulse wireplumber",
    "zypper": "pipewire-pulseaudio wireplumber",
}


def install(names: dict[str, str]) -> str:
    """The line to type; `names` are those of one thing, by package manager."""
    for manager, line in _INSTALL.items():
        if shutil.which(manager):
            return f"{line} {names[manager]}"
    return f"install with your system's package manager: {names['apt-get']}"
