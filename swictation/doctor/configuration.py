"""The configuration file."""

from collections.abc import Iterator

from swictation import paths
from swictation.asr.registry import PROVIDERS
from swictation.config.load import load
from swictation.doctor.finding import Finding, Subject
from swictation.errors import ConfigError


def configuration(subject: Subject) -> Iterator[Finding]:
    """Read the file; the later checks then see its settings, or the defaults."""
    try:
        loaded = load(subject.config, PROVIDERS)
    except ConfigError as error:
        note = "(the checks below see the defaults instead)"
        yield Finding("configuration", "error", f"{error.message}\n{note}", error.remedy)
        return
    subject.settings = loaded.settings
    if loaded.warnings:
        found = "\n".join(loaded.warnings)
        remedy = "correct or remove what is named; then: swictation config check"
        yield Finding("configuration", "warning", found, remedy)
    elif loaded.path is None:
        found = f"there is no {paths.config_file()}: the defaults are in force"
        yield Finding("configuration", "ok", found)
    else:
        yield Finding("configuration", "ok", str(loaded.path))
