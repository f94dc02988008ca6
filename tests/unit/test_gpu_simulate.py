"""Traces: read line by line, played to the real manager, and told what a day would have been."""

import gzip
import random

import pytest
from msgspec.structs import replace

from fakes.desk import desk
from swictation.config.settings import Settings
from swictation.errors import UsageError
from swictation.gpu.effects import LevelChanged, LoadGpu, PlaceDetector, StopGpu
from swictation.gpu.simulate.loop import Simulation
from swictation.gpu.simulate.trace import SHIPPED, Line, read

pytestmark = pytest.mark.unit

TOTAL_MIB = 4096.0
GOOD = b'{"t_s":0,"total_mib":4096,"free_mib":3000,"ours_mib":0}\n'


def play(lines, settings=None):
    """The simulation when it is over, and each effect with its time."""
    simulation = Simulation(settings or Settings(), lines)
    told = [(m.at_s, effect) for m in simulation.moments() for effect in m.effects]
    return simulation, told


def others(at_s, mib, **more):
    return Line(float(at_s), TOTAL_MIB, max(0.0, TOTAL_MIB - mib), 0.0, **more)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_a_day_at_a_desk_loses_nothing_and_leaves_the_card_to_others(seed):
    tally = play(desk(seed))[0].tally
    assert tally.ooms == 0
    assert (tally.lost_s, tally.waiting_s) == (0.0, 0.0)
    assert tally.gpu_utterances + tally.cpu_utterances == tally.utterances > 2000
    assert tally.others_short_s <= 60.0
    assert tally.on_gpu_s > 0.7 * (tally.on_gpu_s + tally.on_cpu_s)


@pytest.mark.slow
def test_a_neighbour_that_breathes_round_a_threshold_changes_levels_four_times_at_most():
    rng = random.Random(5)
    lines = []
    for second in range(4 * 3600):
        base_mib = 0.80 * TOTAL_MIB - 2130 - (700 if second < 60 else 0)
        lines.append(others(second, base_mib + rng.gauss(0, 49)))
    tally = play(lines)[0].tally
    assert tally.level_changes <= 4
    assert (tally.loads, tally.stops) == (1, 0)


def test_decisions_come_to_the_second():
    steps = [(0, 800), (60, 1300), (120, 1500), (180, 3100), (240, 500), (290, 500)]
    simulation, told = play([others(at_s, mib, listening=True) for at_s, mib in steps])
    changes = [(at_s, effect.level) for at_s, effect in told if isinstance(effect, LevelChanged)]
    expected = [(61, "WARNING"), (121, "CRITICAL"), (180, "EMERGENCY"), (270, "NORMAL")]
    for begin_s, level in expected:
        # Without a worker the GPU is read each 15 s only.
        late_s = 16.0 if level == "NORMAL" else 1.3
        found = [at_s for at_s, told_level in changes if told_level == level]
        assert any(0.0 <= at_s - begin_s <= late_s for at_s in found), level
    assert simulation.tally.ooms == 0


def test_a_jump_that_takes_all_ends_the_worker_within_a_second():
    _, told = play([others(0, 800), others(60, 3500), others(90, 3500)])
    assert next(at_s for at_s, e in told if isinstance(e, StopGpu)) <= 61.0


def test_what_is_said_while_nobody_can_transcribe_waits_and_is_not_lost():
    settings = Settings()
    settings = replace(settings, vram=replace(settings.vram, on_critical="vad-only"))
    lines = [others(at_s, 3500) for at_s in range(0, 301, 50)]
    tally = play(lines, settings)[0].tally
    assert (tally.lost_s, tally.gpu_utterances, tally.cpu_utterances) == (0.0, 0, 0)
    assert tally.waiting_s == tally.said_s > 0.0
    lines += [others(at_s, 500) for at_s in range(350, 600, 50)]
    tally = play(lines, settings)[0].tally
    assert tally.gpu_utterances == tally.utterances


def test_a_gap_in_the_trace_is_a_card_that_cannot_be_read():
    _, told = play([others(0, 800), others(200, 800), others(230, 800)])
    stops = [(at_s, e) for at_s, e in told if isinstance(e, StopGpu)]
    assert "nothing is known" in stops[0][1].reason
    assert 69.0 <= stops[0][0] <= 72.0
    assert [at_s for at_s, e in told if isinstance(e, LoadGpu)][1] >= 200.0


def test_a_line_may_say_that_the_card_was_lost():
    lines = [others(0, 800), others(60, 800, trouble="lost"), others(62, 800)]
    _, told = play(lines)
    assert next(at_s for at_s, e in told if isinstance(e, StopGpu)) == pytest.approx(60.0, abs=1.0)


def test_the_trace_may_tell_what_is_said():
    lines = [
        others(0, 800, listening=False),
        others(20, 800, listening=True),
        others(50, 800, utterance_s=5.0),
        others(80, 800, listening=False),
        others(100, 800),
    ]
    simulation, told = play(lines)
    assert (simulation.tally.utterances, simulation.tally.said_s) == (1, 5.0)
    assert next(at_s for at_s, e in told if isinstance(e, LoadGpu)) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_trace_plays_without_a_loss(name):
    simulation, told = play(read(name))
    tally = simulation.tally
    assert (tally.ooms, tally.lost_s, tally.waiting_s) == (0, 0.0, 0.0)
    assert tally.others_short_s <= 5.0
    assert any(isinstance(effect, PlaceDetector) for _, effect in told)


def test_the_shipped_traces_are_those_that_the_script_makes(tmp_path):
    import runpy
    from pathlib import Path

    root = Path(__file__).parents[2]
    made = runpy.run_path(str(root / "scripts" / "make-traces"))
    for make in (made["quiet_desktop"], made["browser_and_game"], made["breathing_neighbour"]):
        name = make.__name__.replace("_", "-")
        assert len(list(make())) == sum(1 for _ in read(name))


# What is refused.


@pytest.mark.parametrize(
    ("raw", "line", "told"),
    [
        (b"", 0, "an empty trace"),
        (b"\n\n", 0, "an empty trace"),
        (b"hello\n", 1, "not a line of a trace"),
        (GOOD + b"\x80\xff\n", 2, "not a line of a trace"),
        (GOOD + b"[1, 2]\n", 2, "not a line of a trace"),
        (GOOD + b'{"t_s":1}\n', 2, "total_mib"),
        (GOOD.replace(b"3000", b"NaN"), 1, "not a line of a trace"),
        (GOOD.replace(b"3000", b"1e999"), 1, "not a line of a trace"),
        (GOOD.replace(b"3000", b'"3000"'), 1, "free_mib"),
        (GOOD.replace(b"3000", b"-1"), 1, "free_mib = -1 must be from 0 to total_mib = 4096"),
        (GOOD.replace(b"3000", b"5000"), 1, "free_mib = 5000 must be"),
        (GOOD.replace(b"4096", b"0"), 1, "total_mib = 0 must be above 0"),
        (GOOD.replace(b'"ours_mib":0', b'"ours_mib":2000'), 1, "ours_mib = 2000 must be from 0"),
        (GOOD.replace(b'"t_s":0', b'"t_s":5') + GOOD, 2, "t_s = 0 is before 5"),
        (GOOD + GOOD.replace(b"4096", b"8192"), 2, "total_mib = 8192 was 4096 before"),
        (GOOD + GOOD.replace(b"}", b',"utterance_s":3}'), 2, 'first line must have "listening"'),
        (GOOD.replace(b"}", b',"listening":true,"utterance_s":99}'), 1, "utterance_s = 99 must be"),
        (GOOD + b"{" + b" " * 5000 + b"}\n", 2, "longer than 4096 bytes"),
        (GOOD.replace(b"}", b',"trouble":"bad"}'), 1, "bad"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path, raw, line, told):
    file = tmp_path / "trace.jsonl"
    file.write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        list(read(str(file)))
    where = f"trace.jsonl:{line}: " if line else "trace.jsonl: "
    assert caught.value.message.startswith(where)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_a_trace_that_is_not_there_names_those_that_are_shipped():
    with pytest.raises(UsageError, match="no such trace") as caught:
        list(read("nowhere"))
    assert "quiet-desktop" in caught.value.remedy


@pytest.mark.parametrize(
    "raw", [gzip.compress(GOOD * 1000)[:60], b"\x1f\x8bnonsense"], ids=["cut short", "nonsense"]
)
def test_a_damaged_archive_is_told_as_such(tmp_path, raw):
    file = tmp_path / "trace.gz"
    file.write_bytes(raw)
    with pytest.raises(UsageError, match="cannot be read"):
        list(read(str(file)))


def test_a_folder_is_no_trace(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        list(read(str(tmp_path)))


def test_a_recorded_trace_without_our_part_counts_it_as_others():
    assert Line(0.0, 4096.0, 3000.0, None).others_mib == 1096.0
    assert Line(0.0, 4096.0, 3000.0, 1000.0).others_mib == 96.0
