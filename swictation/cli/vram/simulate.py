"""`swictation vram simulate`: what the daemon would have done during a recorded trace."""

from collections.abc import Iterator
from pathlib import Path

import click

from swictation.cli.common import config_option, settings_from
from swictation.cli.echo import echo, echo_json, echo_lines
from swictation.gpu.effects import summary
from swictation.gpu.policy.levels import Limits
from swictation.gpu.simulate.loop import Moment, Simulation
from swictation.gpu.simulate.plot import Picture, clock_time, library
from swictation.gpu.simulate.tally import Tally
from swictation.gpu.simulate.trace import SHIPPED, read
from swictation.shown import json_line


@click.command(epilog=f"Shipped traces: {', '.join(SHIPPED)}.")
@click.argument("trace")
@config_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line, the sums last."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PNG",
    help="Draw the memory by owner, levels and placements over time.",
)
def simulate(trace: str, config: Path | None, *, as_json: bool, plot: Path | None) -> None:
    """Replay TRACE through the memory manager.

    Prints each decision as the daemon would make it.

    TRACE is a file, plain or gzipped, or the name of a shipped one. Each line is a JSON object:
    t_s, total_mib, free_mib and ours_mib; what is neither free nor ours is taken by other
    programs, whatever the simulated worker does. A line holds until the next, for 60 s at most:
    then the GPU counts as unreadable, as it does from a line with "trouble": "stuck" (or lost,
    no-driver ...) on. `swictation vram record` writes such files.

    If the first line has "listening" (true or false), the trace says what is dictated: "listening"
    turns dictation on or off, "utterance_s" ends an utterance of that length. Otherwise dictation
    is on and an utterance of 6 s ends every 30 s.
    """
    settings = settings_from(config)
    if plot:
        library()  # before the work, not after it
    simulation = Simulation(settings, read(trace))
    picture = Picture() if plot else None
    rows = _json_rows if as_json else _rows
    for moment in simulation.moments():
        if picture:
            picture.add(moment)
        for row in rows(moment):
            echo(row)
    tally = simulation.tally
    if as_json:
        echo_json({"summary": tally})
    else:
        echo_lines(_summary(tally))
    if picture and plot:
        limits = Limits.of(settings.vram, simulation.total_mib)
        picture.save(plot, limits, f"{Path(trace).name}: {tally.simulated_s / 3600:.1f} h")
        echo(f"drawn: {plot}", err=True)


def _rows(moment: Moment) -> Iterator[str]:
    used_mib = moment.total_mib - moment.free_mib
    where = f"{moment.asr.upper() or 'wait'}/{moment.detector.upper()}"
    head = f"{_time(moment.at_s):>11}  {moment.level:<9}  {used_mib:5.0f} MiB  {where:<8}"
    for note in moment.notes:
        yield f"{head}  ({note})"
    for effect in moment.effects:
        what, why = summary(effect)
        yield f"{head}  {what}{f': {why}' if why else ''}"


def _json_rows(moment: Moment) -> Iterator[str]:
    state = {
        "at_s": round(moment.at_s, 3),
        "level": moment.level,
        "used_mib": round(moment.total_mib - moment.free_mib, 1),
        "others_mib": round(moment.others_mib, 1),
        "asr": moment.asr or None,
        "detector": moment.detector,
    }
    for effect in moment.effects:
        what, why = summary(effect)
        yield json_line({**state, "decision": what, "reason": why})
    for note in moment.notes:
        yield json_line({**state, "event": note})


def _summary(tally: Tally) -> str:
    said = f"{tally.utterances} utterances, {tally.said_s:.0f} s"
    answered = f"{tally.gpu_utterances} by the GPU, {tally.cpu_utterances} by the CPU"
    rows = (
        ("simulated", _time(tally.simulated_s)),
        ("said", f"{said}: {answered}, {tally.pieces} in pieces"),
        ("lost, still waiting", f"{tally.lost_s:.1f} s, {tally.waiting_s:.1f} s"),
        ("out of memory", f"{tally.ooms}"),
        ("others short of memory", f"{tally.others_short_s:.1f} s"),
        ("level changes", f"{tally.level_changes}"),
        ("loads, stops, trims", f"{tally.loads}, {tally.stops}, {tally.trims}"),
        ("detector moves", f"{tally.detector_moves}"),
        (
            "dictation served by",
            f"GPU {_time(tally.on_gpu_s)}, CPU {_time(tally.on_cpu_s)}, "
            f"nobody {_time(tally.on_hold_s)}",
        ),
    )
    return "\n".join(["", *(f"{name:<23} {value}" for name, value in rows)])


def _time(at_s: float) -> str:
    return f"{clock_time(at_s)}.{int(at_s * 10) % 10}"
