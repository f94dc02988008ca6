"""A daemon outside the service, as `make run` starts it: it keeps the service from starting."""

from swictation.filelock import try_lock
from swictation.paths import daemon_lock_files


def other_daemon(own_pid: int) -> str:
    """The process of a daemon that is not `own_pid`; "?" if it is unknown, "" if there is none."""
    for path in daemon_lock_files():
        try:
            with path.open("rb") as lock:
                if try_lock(lock, is_shared=True):
                    continue
                pid = lock.read().decode(errors="replace").strip()
        except OSError:
            continue  # no such file, or no locks here
        if pid != str(own_pid):
            return pid if pid.isdigit() else "?"
    return ""


def how_to_end(pid: str) -> str:
    """What to do about `other_daemon`."""
    kill = "" if pid == "?" else f", or: kill {pid}"
    return f"end that one (Ctrl-C in its terminal{kill})"
