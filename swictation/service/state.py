"""The state of the installed service, in one query to systemd."""

import msgspec

from swictation.service import files
from swictation.service.systemctl import properties

_ASKED = {
    "load": "LoadState",
    "enabled": "UnitFileState",
    "active": "ActiveState",
    "sub": "SubState",
    "since": "StateChangeTimestamp",
    "pid": "MainPID",
    "path": "FragmentPath",
    "target": "WantedBy",
    "result": "Result",
    "told": "StatusText",
    "restarts": "NRestarts",
}


class ServiceState(msgspec.Struct, frozen=True):
    """The unit's state, in systemd's own words."""

    load: str
    enabled: str
    active: str
    sub: str
    since: str
    """Local time of the last change, or ""."""
    pid: int
    """0 while it does not run."""
    path: str
    """The unit's file, or ""."""
    target: str
    """What starts it, or "" while it is not enabled."""
    result: str
    """Why it ended last, "success" included."""
    told: str
    """The last status text of the daemon itself."""
    restarts: int

    @property
    def is_installed(self) -> bool:
        return self.load not in ("not-found", "")

    @property
    def is_enabled(self) -> bool:
        return self.enabled == "enabled"

    @property
    def is_active(self) -> bool:
        return self.active in ("active", "reloading")

    @property
    def is_failing(self) -> bool:
        """It ended by itself: for good, or systemd is about to start it again."""
        return self.active == "failed" or self.sub == "auto-restart"


def read() -> ServiceState:
    """Ask systemd. Raises ServiceError."""
    told = properties(files.UNIT, *_ASKED.values())
    values: dict[str, str] = {name: told[asked] for name, asked in _ASKED.items()}
    return msgspec.convert(values, ServiceState, strict=False)


def target_is_active(target: str) -> bool:
    """Whether a target has been reached. Raises ServiceError."""
    return properties(target, "ActiveState")["ActiveState"] == "active"
