"""All checks, in the order in which they are told."""

from collections.abc import Callable, Iterator
from pathlib import Path

from swictation.doctor import configuration, disk, leftovers, machine, model
from swictation.doctor.finding import Finding, Subject
from swictation.errors import SwictationError

Check = Callable[[Subject], Iterator[Finding]]


def _selftest(subject: Subject) -> Iterator[Finding]:
    # Imported when it is its turn: a quick examination needs neither decoder nor detector.
    from swictation.doctor.selftest import selftest

    return selftest(subject)


_QUICK: tuple[tuple[str, Check], ...] = (
    ("python", machine.python),
    ("configuration", configuration.configuration),
    ("engine", model.engine),
    ("model", model.model),
    ("memory", machine.memory),
    ("models disk", disk.models),
    ("spool disk", disk.spool),
    ("spool", leftovers.leftovers),
)
_THOROUGH: tuple[tuple[str, Check], ...] = (
    ("model files", model.files),
    ("self-test", _selftest),
)


def examine(config: Path | None, *, quick: bool) -> Iterator[Finding]:
    """Run the checks one after the other; a check that breaks off is a finding, too."""
    subject = Subject(config)
    for name, check in _QUICK if quick else (*_QUICK, *_THOROUGH):
        try:
            yield from check(subject)
        except SwictationError as error:
            yield Finding(name, "error", error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - whoever is ill must not be told a traceback
            found = f"the check itself broke off: {type(error).__name__}: {error}"
            yield Finding(name, "error", found, "this is a bug; please report it with this line")
