"""`swictation status`: what the daemon is doing."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import Callable

import click
import msgspec

from swictation.cli.daemon import call
from swictation.cli.echo import echo_json, echo_lines
from swictation.control.bus.client import has_notifications, other_version
from swictation.control.bus.connection import FAILURES
from swictation.control.bus.follow import follow
from swictation.control.gpu import memory, placements
from swictation.control.status import (
    QuarantineStatus,
    Status,
    bar_line,
    count,
    decode,
    serving,
)
from swictation.errors import REMEDY_MARK, ControlError, UsageError, with_remedy
from swictation.remedies import typeable
from swictation.shown import json_escaped

_LABEL_WIDTH = len("last error")
_ANSWER_S = 5.0
_MOST_SHOWN = 4
_UTTERANCES_FOR_19_OF_20 = 20
_SILENT = "no program here shows notifications: held text is reported only here"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option("--follow", "follows", is_flag=True, help="Print a line for a bar at each change.")
def status(as_json: bool, follows: bool) -> None:
    """Show what the daemon is doing.

    --follow prints a line of JSON at each change, with the keys that waybar reads, until you end
    it. It continues while the daemon is restarted.
    """
    if as_json and follows:
        raise UsageError("--json and --follow do not go together.", "choose one of them")
    if follows:
        asyncio.run(_follow())
        return
    answer = _ask()
    if as_json:
        click.echo(json_escaped(answer))  # noqa: TID251
        return
    now = _read(answer)
    for label, text in lines(now, is_silent=bool(now.held.texts) and _is_silent()):
        echo_lines(f"{label.ljust(_LABEL_WIDTH)}  {typeable(text)}")


def read_now() -> Status:
    """What the daemon is doing at this moment.

    Raises:
        NotRunning: there is none.
        ControlError: it does not answer, or is of another version.
    """
    return _read(_ask())


def _ask() -> str:
    return str(call("Status", limit_s=_ANSWER_S))


def _read(answer: str) -> Status:
    try:
        return decode(answer)
    except msgspec.DecodeError as error:
        raise other_version() from error


def _is_silent() -> bool:
    """Whether nothing here shows notifications."""
    with contextlib.suppress(ControlError, TimeoutError, *FAILURES):
        return not has_notifications()
    return False


def lines(now: Status, *, is_silent: bool = False) -> list[tuple[str, str]]:
    """Label and text for people; what is fine or unused is left out.

    `is_silent`: nothing shows notifications, so that held text is reported only here.
    """
    rows = [("state", now.state if now.ready else f"{now.state}; {_why_not_ready(now)}")]
    if now.degraded:
        since = duration(now.degraded.since_s)
        reason = now.degraded.reason
        if REMEDY_MARK not in reason:
            reason = with_remedy(reason, "swictation doctor")
        rows.append(("degraded", f"{now.degraded.mode}, for {since}: {_told(reason)}"))
    rows += [("model", _model(now)), *_gpu(now), ("microphone", _microphone(now))]
    if now.injector.name:
        rows.append(("typing", _typing(now)))
    if now.queue.utterances:
        queued = count(now.queue.utterances, "utterance")
        rows.append(("queue", f"{queued}, {now.queue.audio_s:.1f} s of sound"))
    if now.held.texts:
        rows.append(("held", f"{now.held}\n  -> {typeable('swictation paste-last')}"))
        if is_silent:
            rows.append(("", _SILENT))
    rows += [("set aside", _quarantined(one)) for one in now.quarantined[:_MOST_SHOWN]]
    if (more := len(now.quarantined) - _MOST_SHOWN) > 0:
        rows.append(("", f"and {more} more, see: {typeable('swictation doctor')}"))
    if now.loss.samples:
        rows.append(("lost", f"{count(now.loss.samples, 'sample')} of sound"))
    if now.latency_ms.finalisation_p50 is not None:
        rows.append(("latency", _latency(now)))
    if now.last_error:
        rows.append(("last error", _told(_last_error(now.last_error, now.last_error_s))))
    rows.append(("up", f"{duration(now.uptime_s)}, process {now.pid}, version {now.version}"))
    return rows


def _told(text: str) -> str:
    """A remedy on a line of its own, where there is one."""
    return text.replace(REMEDY_MARK, "\n  -> ")


def _why_not_ready(now: Status) -> str:
    states = set(now.models.values())
    is_replaced = now.degraded is not None and now.degraded.mode == "cpu-engine"
    if "failed" in states and not is_replaced:
        return "the model cannot be loaded"
    if now.fetching:
        return f"fetching the model {now.fetching}"
    return "the model is being loaded" if "loading" in states else "the model is not loaded"


def _model(now: Status) -> str:
    fetching = f"fetching {now.fetching}" if now.fetching else ""
    name = serving(now) if now.model else fetching or "none yet"
    if now.worker.pid is None:
        return name
    deaths = f", restarted {count(now.worker.deaths, 'time')}" if now.worker.deaths else ""
    worker = f"{name} (worker {now.worker.pid}, {now.worker.rss_mib:.0f} MiB{deaths})"
    return f"{worker}; {fetching}" if fetching else worker


def _quarantined(one: QuarantineStatus) -> str:
    states = {"tried": "tried again now", "pending": "will be tried again"}
    state = states.get(one.state, "the engine died on it each time")
    line = f"{one.audio_s:.1f} s of speech in {one.path or 'memory'}: {state}"
    return line if one.state == "tried" else f"{line}\n  -> {typeable('swictation retry')}"


def _gpu(now: Status) -> list[tuple[str, str]]:
    if now.vram is None:
        return []
    rows = [("GPU", memory(now.vram)), ("", placements(now.vram))]
    if now.vram.breaker.is_banned:
        why = f"{now.vram.breaker.why}; to try again:\n  -> {typeable('swictation vram reset')}"
        rows.append(("", why))
    return rows


def _microphone(now: Status) -> str:
    audio = now.audio
    parts = [audio.source, audio.health] if audio.source else [audio.health]
    if audio.reason:
        parts.append(audio.reason)
    if audio.level_dbfs is not None:
        parts.append(f"{audio.level_dbfs:.0f} dBFS")
    return ", ".join(parts)


def _typing(now: Status) -> str:
    injector = now.injector
    if not injector.last_outcome:
        return f"by {injector.name}"
    reason = f" ({injector.last_reason})" if injector.last_reason else ""
    return f"by {injector.name}, last time {injector.last_outcome}{reason}"


def _latency(now: Status) -> str:
    half, most = now.latency_ms.finalisation_p50, now.latency_ms.finalisation_p95
    text, number = f"{half:.0f} ms from the end of speech to its text", now.latency_ms.utterances
    if most is None or number < _UTTERANCES_FOR_19_OF_20:
        return f"{text}, half of {number} within that" if number > 1 else text
    return f"{text}; 19 of 20 within {most:.0f} ms"


def _last_error(message: str, age_s: float | None) -> str:
    return message if age_s is None else f"{duration(age_s)} ago: {message}"


def duration(seconds: float) -> str:
    """Such as "12 s", "5 min", "2 h 5 min", "3 days 4 h"."""
    minutes, hours, days = (int(seconds // each) for each in (60, 3600, 86400))
    if days:
        return f"{count(days, 'day')} {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


async def follow_until_ended(tell: Callable[[Status], None], every_s: float | None = None) -> None:
    """As `follow`, until a signal ends it or nobody reads what is printed."""
    following = asyncio.create_task(follow(tell, every_s))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, following.cancel)
    out = sys.stdout.fileno()
    if stat.S_ISFIFO(os.fstat(out).st_mode):
        loop.add_reader(out, following.cancel)  # signalled only when the reader has gone
    with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
        await following
    loop.remove_reader(out)


async def _follow() -> None:
    """Print one line for each status that looks different from the one before."""
    last: dict[str, object] = {}

    def tell(now: Status) -> None:
        nonlocal last
        if (line := bar_line(now)) != last:
            last = line
            echo_json(line)
            sys.stdout.flush()

    await follow_until_ended(tell)
