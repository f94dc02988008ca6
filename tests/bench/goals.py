"""The goals, beside what was measured."""

from collections.abc import Sequence
from typing import Any

import msgspec

_ALL = ("tiny.en", "base")


class Goal(msgspec.Struct, frozen=True):
    """A figure of a benchmark, by its path in the results, and its limit by model."""

    what: str
    path: tuple[str, ...]
    limits: dict[str, float]
    is_floor: bool = False
    """At least the limit, instead of at most."""


class Verdict(msgspec.Struct, frozen=True):
    what: str
    goal: str
    measured: str
    is_met: bool


def _both(limit: float) -> dict[str, float]:
    return dict.fromkeys(_ALL, limit)


GOALS = (
    Goal("WER, read, %", ("accuracy", "by_kind", "read", "wer_percent"), _both(4.0)),
    Goal("WER, long, %", ("accuracy", "by_kind", "long", "wer_percent"), _both(10.0)),
    Goal("slot values heard, %", ("accuracy", "slots", "percent"), _both(88.0), is_floor=True),
    Goal("words out of noise", ("accuracy", "noise", "invented_words"), _both(0.0)),
    Goal("streamed - offline WER, points", ("offline", "dwer_points"), _both(2.0)),
    Goal("last word, p50, s", ("latency", "by_cpu", "last_word_s", "p50"), _both(0.45)),
    Goal("last word, p95, s", ("latency", "by_cpu", "last_word_s", "p95"), _both(0.9)),
    Goal("decode / plain, to 4 s", ("finals", "decode_ratio", "to_4_s", "p50_cpu"), _both(0.4)),
    Goal(
        "decode / plain, 4 to 12 s", ("finals", "decode_ratio", "4_to_12_s", "p50_cpu"), _both(0.7)
    ),
    Goal(
        "CPU of finals / plain, read",
        ("finals", "cpu", "read", "ratio"),
        {"tiny.en": 0.6, "base": 0.45},
    ),
    Goal(
        "CPU of finals / plain, long",
        ("finals", "cpu", "long", "ratio"),
        {"tiny.en": 1.0, "base": 1.1},
    ),
    Goal("partials, CPU-s a s of speech", ("live", "partials", "cpu_s_per_speech_s"), _both(0.35)),
    Goal("overhead, p50, ms", ("live", "overhead_ms", "p50"), _both(30.0)),
    Goal("overhead, p95, ms", ("live", "overhead_ms", "p95"), _both(80.0)),
    Goal("daemon, RSS, MiB", ("live", "daemon", "rss_mib"), _both(95.3)),
    Goal("daemon, private, MiB", ("live", "daemon", "private_mib"), _both(76.2)),
    Goal("engine libraries in the daemon", ("live", "daemon", "forbidden"), _both(0.0)),
    Goal("off, % of a core", ("desk", "off", "cpu_percent"), _both(0.1)),
    Goal("off, wake-ups/s", ("desk", "off", "wakeups_per_s"), _both(0.75)),
    Goal("listening, % of a core", ("desk", "listening_to_silence", "cpu_percent"), _both(1.0)),
    Goal(
        "listening, wake-ups/s, own",
        ("desk", "listening_to_silence", "own_wakeups_per_s"),
        _both(30.0),
    ),
    Goal(
        "file of silence, wake-ups/s, own",
        ("desk", "file", "silence", "own_wakeups_per_s"),
        _both(30.0),
    ),
    Goal(
        "file of speech, wake-ups/s, own",
        ("desk", "file", "speech", "own_wakeups_per_s"),
        _both(30.0),
    ),
    Goal("key to open microphone, p50, ms", ("desk", "open_ms", "p50"), _both(50.0)),
    Goal("off to text, to 3 s, p50, ms", ("desk", "off_to_text_ms", "p50"), _both(350.0)),
    Goal("start to READY, s", ("desk", "up_s"), _both(0.5)),
    Goal("status, s", ("desk", "status_s"), _both(0.3)),
    Goal("daemon at a desk, RSS, MiB", ("desk", "rss_mib"), _both(95.3)),
    Goal("daemon at a desk, private, MiB", ("desk", "private_mib"), _both(76.2)),
    Goal("detector on silence, % of a core", ("gate", "silence", "gated_percent"), _both(1.5)),
    Goal("soak, times real time", ("soak", "times_real_time"), _both(1.0), is_floor=True),
    Goal("soak, daemon, MiB/h", ("soak", "daemon", "slope_mib_per_h"), _both(0.5)),
    Goal("soak, worker, MiB/h", ("soak", "worker", "slope_mib_per_h"), _both(0.5)),
)


def judge(model: str, figures: dict[str, Any], names: Sequence[str]) -> list[Verdict]:
    """What was measured, where there is a goal for it."""
    verdicts: list[Verdict] = []
    for goal in GOALS:
        found = _look_up(figures, goal.path)
        if goal.path[0] not in names or model not in goal.limits or found is None:
            continue
        limit = goal.limits[model]
        is_met = found >= limit if goal.is_floor else found <= limit
        sign = ">=" if goal.is_floor else "<="
        verdicts.append(Verdict(goal.what, f"{sign} {limit:g}", f"{found:g}", is_met))
    return verdicts


def _look_up(figures: dict[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = figures
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return len(found) if isinstance(found, list) else found


def as_text(verdicts: list[Verdict]) -> str:
    lines = [f"{'':34} {'goal':>8} {'measured':>9}"]
    for verdict in verdicts:
        mark = "" if verdict.is_met else "  MISSED"
        lines.append(f"{verdict.what:34} {verdict.goal:>8} {verdict.measured:>9}{mark}")
    return "\n".join(lines)
