"""Where things live, by the XDG base directory specification. Never /tmp."""

import errno
import os
import stat
from pathlib import Path

import platformdirs

_APP = "swictation"


def config_file() -> Path:
    """`$XDG_CONFIG_HOME/swictation/config.toml`."""
    return platformdirs.user_config_path(_APP) / "config.toml"


def models_dir() -> Path:
    """`$XDG_DATA_HOME/swictation/models`."""
    return platformdirs.user_data_path(_APP) / "models"


def spool_dir() -> Path:
    """`$XDG_STATE_HOME/swictation/spool`."""
    return platformdirs.user_state_path(_APP) / "spool"


def units_dir() -> Path:
    """`$XDG_CONFIG_HOME/systemd/user`: systemd's own place for the units of a user."""
    return platformdirs.user_config_path() / "systemd" / "user"


def dbus_services_dir() -> Path:
    """`$XDG_DATA_HOME/dbus-1/services`."""
    return platformdirs.user_data_path() / "dbus-1" / "services"


def daemon_lock_files() -> tuple[Path, ...]:
    """The locks that the one daemon which may run holds, the surest first.

    `$XDG_RUNTIME_DIR/swictation/daemon.lock` where there is one, since that is in memory, and
    `$XDG_STATE_HOME/swictation/daemon.lock`, which keeps out those without that variable, and
    versions up to 0.1, which know only that one.
    """
    in_state = platformdirs.user_state_path(_APP) / "daemon.lock"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isabs(runtime) or not os.path.isdir(runtime):
        return (in_state,)
    return Path(runtime) / _APP / "daemon.lock", in_state


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/swictation`: everything here may be deleted at any time."""
    return platformdirs.user_cache_path(_APP)


def make_private(folder: Path) -> None:
    """Make a folder that only its user may enter, whatever the umask; an existing one is closed.

    Raises:
        OSError: it cannot be made, or is another user's.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "the folder belongs to another user", str(folder))
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
