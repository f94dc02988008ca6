"""All checks, in the order of the report."""

from collections.abc import Callable, Iterator
from pathlib import Path

from swictation import paths
from swictation.asr.registry import PROVIDERS
from swictation.config.load import load
from swictation.doctor import (
    bus,
    disk,
    gpu,
    hotkey,
    machine,
    model,
    orphaned_audio,
    service,
    sound,
    window,
)
from swictation.doctor.finding import Finding, Subject
from swictation.errors import ConfigError, SwictationError

Check = Callable[[Subject], Iterator[Finding]]


def configuration(subject: Subject) -> Iterator[Finding]:
    """Read the file; the later checks then use its settings, or the defaults."""
    try:
        loaded = load(subject.config, PROVIDERS)
    except ConfigError as error:
        note = "(the checks below use the defaults instead)"
        yield Finding("configuration", "error", f"{error.message}\n{note}", error.remedy)
        return
    subject.settings = loaded.settings
    if loaded.warnings:
        found = "\n".join(loaded.warnings)
        remedy = "correct or remove what is named, then type: swictation config check"
        yield Finding("configuration", "warning", found, remedy)
    elif loaded.path is None:
        found = f"there is no {paths.config_file()}: the defaults are in force"
        yield Finding("configuration", "ok", found)
    else:
        yield Finding("configuration", "ok", str(loaded.path))


def _selftest(subject: Subject) -> Iterator[Finding]:
    # Imported only when it runs: a quick check needs neither decoder nor detector.
    from swictation.doctor.selftest import selftest

    return selftest(subject)


_CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", machine.python),
    ("configuration", configuration),
    ("engine", model.engine),
    ("model", model.model),
    ("model files", model.files),
    ("self-test", _selftest),
    ("memory", machine.memory),
    ("GPU", gpu.gpu),
    ("GPU", gpu.gpu_driver),
    ("GPU", gpu.engine_gpu),
    ("models disk", disk.models),
    ("spool disk", disk.spool),
    ("spool", orphaned_audio.orphaned_audio),
    ("sound server", sound.server),
    ("microphone", sound.microphone),
    ("window", window.window),
    ("session bus", bus.bus),
    ("service", service.service),
    ("hotkey", hotkey.hotkey),
)
_SLOW: tuple[Check, ...] = (
    model.files,
    _selftest,
    gpu.gpu_driver,
    gpu.engine_gpu,
    sound.microphone,
)
"""They read the whole model, start an engine, ask a driver that may hang, or listen."""


def examine(config: Path | None, *, quick: bool) -> Iterator[Finding]:
    """Run the checks one after the other; a check that raises is a finding, too."""
    subject = Subject(config)
    for name, check in _CHECKS:
        if quick and check in _SLOW:
            continue
        try:
            yield from check(subject)
        except SwictationError as error:
            yield Finding(name, "error", error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - a user must not get a traceback
            found = f"the check itself failed: {type(error).__name__}: {error}"
            yield Finding(name, "error", found, "this is a bug; please report it with this line")
