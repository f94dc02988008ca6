"""`swictation service`: the daemon as a systemd user service."""

import click

from swictation.asr.registry import PROVIDERS
from swictation.cli.echo import echo
from swictation.cli.groups import Group
from swictation.cli.main import EXIT_NOT_RUNNING
from swictation.config.load import load
from swictation.remedies import READ_LOG, RESTART, START, typeable
from swictation.service import files, installer, state
from swictation.service.installer import DISPLAYS, Installed
from swictation.service.state import ServiceState
from swictation.service.systemctl import need


@click.group(cls=Group)
def service() -> None:
    """Manage the service that starts with your desktop."""


@service.command()
@click.option("--no-start", is_flag=True, help="Install and enable it, but do not start it now.")
def install(no_start: bool) -> None:
    """Install, enable and start the service.

    Writes the systemd unit and the D-Bus file. Run it again after an update: it changes only
    what is different.
    """
    load(None, PROVIDERS)  # or a daemon would be started that cannot use it
    done = installer.install(start=not no_start)
    for path in done.written:
        echo(f"wrote {path}")
    if not done.written:
        echo(f"already installed: {files.unit_file()}")
    _tell_target(done)
    if no_start:
        echo("enabled, not started")
        echo(f"  -> {START}")
        return
    now = state.read()
    echo(f"{'restarted' if done.is_restarted else 'running'} (PID {now.pid})")
    echo(f"  -> to see its state: {typeable('swictation status')}")


@service.command()
def remove() -> None:
    """Stop and disable the service, and delete its files."""
    gone = installer.remove()
    for path in gone:
        echo(f"removed {path}")
    if not gone:
        echo("nothing is installed")


@service.command()
def status() -> int:
    """Show whether it is installed, enabled and running.

    The exit code is 3 if it is not running.
    """
    need()
    now = state.read()
    if not now.is_installed:
        echo("not installed")
        echo(f"  -> {typeable('swictation service install')}")
        return EXIT_NOT_RUNNING
    echo(f"installed  {now.path}")
    echo(f"enabled    {_enabled(now)}")
    echo(f"active     {_active(now)}")
    if now.status_text:
        echo(f"it says    {now.status_text}")
    if remedy := _remedy(now):
        echo(f"  -> {typeable(remedy)}")
    return 0 if now.is_active else EXIT_NOT_RUNNING


def _tell_target(done: Installed) -> None:
    if done.target == files.DESKTOP_TARGET:
        echo(f"starts with {done.target}, which is active: together with your desktop")
        return
    echo(f"starts with {done.target}, when you log in")
    echo(f"({files.DESKTOP_TARGET} is not active: your desktop does not tell systemd that it runs)")
    if done.imported:
        echo(f"until you log out, systemd knows: {' '.join(done.imported)}")
    names = " ".join(done.imported or DISPLAYS)
    again = f"systemctl --user import-environment {names} && {RESTART}"
    echo(f"  -> for later log-ins, put this into your desktop's autostart: {again}")


def _enabled(now: ServiceState) -> str:
    return f"yes, starts with {now.target}" if now.is_enabled else now.enabled or "no"


def _active(now: ServiceState) -> str:
    since = f" since {now.since}" if now.since else ""
    if now.is_active:
        restarts = f", {now.restarts} restarts" if now.restarts else ""
        return f"yes{since} (PID {now.pid}{restarts})"
    if now.is_failing:
        again = "" if now.active == "failed" else "; systemd tries again"
        return f"no: it failed ({now.result}){again}"
    return f"{now.active}{since}"


def _remedy(now: ServiceState) -> str:
    if now.has_no_program:
        return "swictation service install"
    if now.is_failing:
        return f"to see why: {READ_LOG}"
    if not now.is_enabled:
        return "swictation service install"
    return "" if now.is_active else START
