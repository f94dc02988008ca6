"""The command `swictation`: loads each command when called, and prints errors for people."""

import errno
import locale
import logging
import os
import shlex
import sys
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from swictation import __version__
from swictation.cli.echo import echo, echo_lines
from swictation.cli.groups import lazy_group
from swictation.errors import (
    ConfigError,
    Interrupted,
    NothingRecorded,
    NotRunning,
    SwictationError,
    UsageError,
)
from swictation.hardening import keep_private
from swictation.remedies import SPARE_MEMORY, is_out_of_memory, typeable

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_RUNNING = 3
EXIT_NOTHING_RECORDED = 5
EXIT_INTERRUPTED = 130

_log = logging.getLogger(__name__)

_COMMANDS = {
    "run": "swictation.cli.run:run",
    "toggle": "swictation.cli.control:toggle",
    "start": "swictation.cli.control:start",
    "stop": "swictation.cli.control:stop",
    "cancel": "swictation.cli.control:cancel",
    "capture": "swictation.cli.control:capture",
    "status": "swictation.cli.status:status",
    "paste-last": "swictation.cli.control:paste_last",
    "retry": "swictation.cli.control:retry",
    "record": "swictation.cli.control:record",
    "transcribe": "swictation.cli.transcribe:transcribe",
    "model": "swictation.cli.model.group:model",
    "config": "swictation.cli.config:config",
    "vram": "swictation.cli.vram.group:vram",
    "doctor": "swictation.cli.doctor:doctor",
    "service": "swictation.cli.service:service",
    "completion": "swictation.cli.completion:completion",
}


@click.command(cls=lazy_group(_COMMANDS), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="swictation")
def cli() -> None:
    """Speak, and the words appear. A spoken word is never lost."""


def _need_utf8() -> None:
    """Start again in UTF-8 mode if the locale has another encoding.

    File names are bytes, which C++ libraries take as UTF-8 whatever the locale says. Output keeps
    the terminal's own encoding.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    encoding = None if os.environ.get("PYTHONIOENCODING") else locale.getencoding()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _need_stdout() -> None:
    """Open closed standard streams, whose numbers the next files would get; exit without stdout."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python leaves None if there was no stream at start.
    if not sys.stdout:  # pyright: ignore[reportUnnecessaryComparison]
        tell(SwictationError("Standard output is closed: the text has nowhere to go."))
        sys.exit(EXIT_FAILURE)


def _on_os_error(error: OSError) -> NoReturn:
    """Report and exit. Such an error is nearly always stdout's: a full disk, a reader that left."""
    _log.info("unexpected", exc_info=error)
    if error.errno in {errno.ENOSPC, errno.EIO, errno.EBADF}:
        tell(SwictationError(f"The output cannot be written: {error.strerror}."))
    elif not isinstance(error, BrokenPipeError):
        tell(SwictationError(f"The system refused: {error}.", "swictation doctor"))
    # What stdout still buffers must not raise once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(EXIT_FAILURE)


def _exit_code(error: SwictationError) -> int:
    if isinstance(error, Interrupted):
        return EXIT_INTERRUPTED
    if isinstance(error, NotRunning):
        return EXIT_NOT_RUNNING
    if isinstance(error, NothingRecorded):
        return EXIT_NOTHING_RECORDED
    return EXIT_USAGE if isinstance(error, UsageError | ConfigError) else EXIT_FAILURE


def tell(error: SwictationError) -> None:
    """Print what happened and what to do about it on stderr."""
    echo_lines(f"swictation: {error.message}", err=True)
    if error.remedy:
        echo(f"  -> {typeable(error.remedy)}", err=True)


def _called(args: list[str] | None) -> str:
    """The command that is called: click does not say it of an option that lacks its value."""
    command, path = cli, ["swictation"]
    for word in sys.argv[1:] if args is None else args:
        if not isinstance(command, click.Group):
            break
        if found := command.get_command(click.Context(command), word):
            command = found
            path.append(word)
    return " ".join(path)


def _as_a_file(args: list[str] | None, error: click.ClickException) -> str:
    """How to name a file that begins with a dash, where that was meant; else ""."""
    words = sys.argv[1:] if args is None else args
    names = [word for word in words if word.startswith("-") and os.path.lexists(word)]
    if not names or not isinstance(error, click.NoSuchOption):
        return ""
    return f"swictation {shlex.join(f'./{it}' if it in names else it for it in words)}"


def main(args: list[str] | None = None, *, defaults: object = None) -> NoReturn:
    """Run the command line and exit with a code of docs/cli.md.

    `defaults`: the settings that hold where the configuration says nothing; a test may pass
    other constants.
    """
    _need_stdout()
    _need_utf8()
    keep_private()
    try:
        result: Any = cli.main(
            args=args, prog_name="swictation", standalone_mode=False, obj=defaults
        )
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        # click lists the choices of a missing argument with newlines and tabs.
        remedy = _as_a_file(args, error) or f"{_called(args)} --help"
        tell(UsageError(" ".join(error.format_message().split()), remedy))
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except SwictationError as error:
        tell(error)
        sys.exit(_exit_code(error))
    except OSError as error:
        _on_os_error(error)
    except Exception as error:  # noqa: BLE001 - a user gets a sentence, -v gets the traceback
        _log.info("unexpected", exc_info=error)
        if is_out_of_memory(error):
            tell(SwictationError("There is too little memory.", SPARE_MEMORY))
            sys.exit(EXIT_FAILURE)
        what = f"Something unexpected went wrong: {type(error).__name__}: {error}."
        tell(SwictationError(what, "this is a bug; please report it with the output of -v"))
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)
