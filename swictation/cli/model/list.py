"""`swictation model list`: the models known by name, and which of them this machine can load."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import click
import msgspec

from swictation.asr.model_spec import ModelSpec
from swictation.asr.registry import PROVIDERS, broken, find, provider
from swictation.cli.echo import echo_json
from swictation.cli.main import tell
from swictation.config.load import load
from swictation.config.settings import Settings, VramSettings
from swictation.control.bus import client
from swictation.control.status import decode
from swictation.doctor.machine import needed_mib
from swictation.errors import ControlError, ModelError
from swictation.gpu.nvml import query
from swictation.gpu.nvml.query_main import Answer
from swictation.gpu.policy.levels import Limits
from swictation.models.catalog.catalog import choose, known_models, knows_models
from swictation.models.catalog.choosing import Fit, fits
from swictation.models.store.store import State, folder_of, state
from swictation.shown import printable

_DAEMON_LIMIT_S = 2.0
_SHOWN = ("fp16", "int8", "fp32")
"""bf16 takes as much as fp16."""


class _Way(msgspec.Struct, frozen=True):
    """One way to load a model on the GPU. `needed_mib` and `fits*` are null if none can be read."""

    precision: str
    resident_mib: float
    is_estimate: bool
    needed_mib: float | None = None
    fits: bool | None = None
    fits_now: bool | None = None
    why_not: str = ""


class _Row(msgspec.Struct, frozen=True, rename={"gpu": "card"}):
    name: str
    engine: str
    languages: tuple[str, ...]
    parameters: int
    size_mb: float
    installed: State
    is_pinned: bool
    licence: str
    vram: tuple[_Way, ...]
    best: str | None
    """The best precision that fits this GPU."""
    gpu: str
    """The GPU in words, or why it is unknown."""
    wer_percent: float | None
    """As published, on LibriSpeech test-clean; None: not published."""
    wer_source: str
    ram_mib: int
    """About how much of the machine's memory a worker takes, without a GPU."""
    in_use: bool
    """By the running daemon; without one, by the next dictation."""


@click.command("list")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line, for each model."
)
def list_(as_json: bool) -> None:
    """List the known models: accuracy, memory, which is in use.

    With a GPU, also how much of its memory each model takes, and which models fit. A GPU that
    sleeps is not woken.
    """
    settings = load(None, PROVIDERS).settings
    for error in broken().values():
        tell(error)
    gpu = query.ask(settings.vram.gpu, limit_s=query.SOON_S)
    used = _used(settings)
    rows = [_row(spec, gpu, settings, used.model) for spec in known_models()]
    if as_json:
        for row in rows:
            echo_json(row)
        return
    _show(rows, gpu, settings.vram, used)


class _Used(NamedTuple):
    """The model in use, who says so, and its engine."""

    model: str
    by_whom: str
    engine: str


def _used(settings: Settings) -> _Used:
    with contextlib.suppress(ControlError, msgspec.DecodeError):
        now = decode(str(client.call("Status", limit_s=_DAEMON_LIMIT_S)))
        if now.model:
            return _Used(now.model, "the running daemon uses it", now.engine)
    asr, model = settings.asr, ""
    with contextlib.suppress(ModelError):
        model = choose(asr.model, asr.language, engine=asr.engine).name
    return _Used(model, "the configuration asks for it", asr.engine)


def _row(spec: ModelSpec, gpu: Answer, settings: Settings, used: str) -> _Row:
    engine = provider(spec.engine)
    plans = engine.memory_plans(spec, folder_of(spec), engine.options(settings))
    is_estimate = engine.are_plans_estimates
    ways = tuple(_Way(plan.precision, round(plan.resident_mib, 1), is_estimate) for plan in plans)
    if gpu.is_usable:
        found = fits(plans, gpu.total_mib, settings.vram)
        ways = tuple(_way(fit, gpu, is_estimate) for fit in found)
    best = next((way.precision for way in ways if way.fits), None)
    rate = spec.error_rate
    return _Row(
        spec.name,
        spec.engine,
        spec.languages,
        spec.parameters,
        round(spec.size_bytes / 1e6, 1),
        state(spec),
        spec.is_pinned,
        spec.licence,
        ways,
        best,
        _in_words(gpu),
        rate.percent if rate else None,
        rate.source if rate else "",
        needed_mib(provider(spec.engine).weights_bytes(spec, None)),
        spec.name == used,
    )


def _way(fit: Fit, gpu: Answer, is_estimate: bool) -> _Way:
    return _Way(
        fit.precision,
        round(fit.resident_mib, 1),
        is_estimate,
        round(fit.needed_mib, 1),
        fit.fits,
        fit.needed_mib <= gpu.free_mib,
        fit.why_not,
    )


def _in_words(gpu: Answer) -> str:
    if gpu.is_usable:
        return f"{gpu.total_mib:.0f} MiB, {gpu.free_mib:.0f} of them free"
    return gpu.reason


def _show(rows: list[_Row], gpu: Answer, settings: VramSettings, used: _Used) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    has_gpu = gpu.trouble not in query.NO_GPU
    gap = 1 if has_gpu else 2  # 80 columns are enough for both
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="")
    table.add_column("NAME", no_wrap=True)
    table.add_column("LANG", no_wrap=True)
    for title in ("WER", "RAM", "DISK"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("INSTALLED", no_wrap=True)
    if has_gpu:
        for precision in _SHOWN:
            table.add_column(precision.upper(), justify="right", no_wrap=True)
        table.add_column("GPU", no_wrap=True)
    engine = ""
    for row in rows:
        if row.engine != engine:
            engine = row.engine
            table.add_row(f"[{engine}]")
        cells = [*_cells(row), *(_gpu_cells(row) if has_gpu else ())]
        table.add_row(*(Text(cell) for cell in cells))
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print()
    if any(row.in_use for row in rows):
        console.print(f"*: {used.by_whom}.")
    elif find(used.engine) and not knows_models(used.engine):
        console.print(f"The engine {used.engine} has no models by name: {used.by_whom}.")
    for line in (*_notes(), *(_gpu_notes(rows, gpu, settings) if has_gpu else ())):
        console.print(line)


def _cells(row: _Row) -> Iterator[str]:
    yield f"{row.name}*" if row.in_use else row.name
    yield row.languages[0] if len(row.languages) == 1 else f"{len(row.languages)}"
    yield f"{row.wer_percent:.1f}" if row.wer_percent is not None else "-"
    yield _size(row.ram_mib * 1.048576)
    yield _size(row.size_mb)
    yield row.installed


def _size(size_mb: float) -> str:
    return f"{size_mb / 1e3:.1f} GB" if size_mb >= 1e3 else f"{size_mb:.0f} MB"


def _gpu_cells(row: _Row) -> Iterator[str]:
    ways = {way.precision: way for way in row.vram}
    for precision in _SHOWN:
        yield f"{ways[precision].resident_mib:.0f}" if precision in ways else ""
    yield _verdict(row)


def _verdict(row: _Row) -> str:
    way = next((it for it in row.vram if it.fits), None)
    if way is None:
        return "no room" if any(it.fits is False for it in row.vram) else "-"
    return way.precision if way.fits_now else f"{way.precision} later"


def _notes() -> Iterator[str]:
    yield (
        "WER: wrong words in 100, as published for LibriSpeech test-clean (English read aloud);"
        " the sources: swictation model list --json."
    )
    yield (
        "RAM: about the most memory of the machine that the engine takes without a GPU; most of"
        " the time it takes less."
    )


def _gpu_notes(rows: list[_Row], gpu: Answer, settings: VramSettings) -> Iterator[str]:
    guessed = {row.engine for row in rows if any(way.is_estimate for way in row.vram)}
    note = f"; estimates for {', '.join(sorted(guessed))}" if guessed else ""
    yield f"FP16, INT8, FP32: MiB of a GPU, the model alone{note}."
    yield f"GPU: {printable(_in_words(gpu))}."
    if not gpu.is_usable:
        return
    kept = Limits.of(settings, gpu.total_mib).enter_below_mib[1]
    yield (
        f"A model fits if {settings.context_mib} MiB for CUDA and at least {kept:.0f} MiB free"
        ' remain beside it; "later": but not beside what other programs hold now.'
    )
    for row in rows:
        lacking = [it for it in row.vram if it.precision in _SHOWN and not it.fits]
        text = ", ".join(f"{it.precision} ({it.needed_mib:.0f} MiB needed)" for it in lacking)
        if text:
            yield f"{row.name}: no room for {text}."
