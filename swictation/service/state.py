"""The state of the installed service, in one query to systemd."""

import msgspec
from msgspec import field

from swictation.service import files
from swictation.service.systemctl import properties

_EXIT_EXEC = 203
"""What systemd gives in place of an exit status; see systemd.exec(5)."""


class ServiceState(msgspec.Struct, frozen=True):
    """The unit's state, in systemd's own words."""

    load: str = field(name="LoadState")
    enabled: str = field(name="UnitFileState")
    active: str = field(name="ActiveState")
    sub: str = field(name="SubState")
    since: str = field(name="StateChangeTimestamp")
    """Local time of the last change, or ""."""
    pid: int = field(name="MainPID")
    """0 while it does not run."""
    path: str = field(name="FragmentPath")
    """The unit's file, or ""."""
    target: str = field(name="WantedBy")
    """What starts it, or "" while it is not enabled."""
    result: str = field(name="Result")
    """Why it ended last, "success" included."""
    status_text: str = field(name="StatusText")
    """The last status text of the daemon itself."""
    restarts: int = field(name="NRestarts")
    exit_status: int = field(name="ExecMainStatus", default=0)

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
    def has_no_program(self) -> bool:
        """It failed because its program cannot be run, such as after its folder was moved."""
        return self.is_failing and self.exit_status == _EXIT_EXEC

    @property
    def is_failing(self) -> bool:
        """It ended by itself: for good, or systemd is about to start it again."""
        return self.active == "failed" or self.sub == "auto-restart"


def read() -> ServiceState:
    """Ask systemd. Raises ServiceError."""
    status_text = properties(files.UNIT, *ServiceState.__struct_encode_fields__)
    return msgspec.convert(status_text, ServiceState, strict=False)


def target_is_active(target: str) -> bool:
    """Whether a target has been reached. Raises ServiceError."""
    return properties(target, "ActiveState")["ActiveState"] == "active"
