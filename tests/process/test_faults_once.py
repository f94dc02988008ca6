"""A worker that misbehaves in the middle of a file costs time, and nothing else."""

import pytest

from fakes.scripted_engine.sound import make_scene

pytestmark = pytest.mark.process

# What the engine does; what the log says of it.
MISDEEDS = {
    "raises": ({"kind": "raise"}, "its engine raised RuntimeError"),
    "hangs": ({"kind": "hang"}, "it hung: no answer within"),
    "exits with 0": ({"kind": "exit", "code": 0}, "it exited by itself"),
    "exits with 139": ({"kind": "exit", "code": 139}, "it exited with 139"),
    "is killed": ({"kind": "signal"}, "it was ended by SIGKILL"),
    "crashes": ({"kind": "signal", "number_of": 11}, "it was ended by SIGSEGV"),
    "hangs up": ({"kind": "close-channel"}, "it was ended by SIGKILL"),
    "sends garbage": ({"kind": "send", "hex_bytes": "ff00", "count": 5000}, "it sent a message of"),
    "sends nonsense": ({"kind": "send", "hex_bytes": "00000003a1b2c3"}, "that makes no sense"),
    "sends a huge length": ({"kind": "oversize"}, "it sent a message of 2147483648 bytes"),
    "sends half a message": ({"kind": "half-a-message"}, "it hung: no answer within"),
    "floods with answers": ({"kind": "flood-answers"}, "a flood of answers"),
    "floods with pongs and hangs": ({"kind": "flood-pongs"}, ""),
    "fails to load after it was ready": (
        {"kind": "late-load-failed", "message": "too late"},
        "an unexpected LoadFailed",
    ),
    "leaves a child that holds its output": ({"kind": "leave-a-child"}, "it was ended by SIGKILL"),
}


def check_whole(program, done, generations):
    """The text of the undisturbed run, and only that; and the engine's replacement is told."""
    assert done.code == 0, done.err
    assert done.out == program.scene.text + "\n"
    finals = done.named("final")
    heard = range(len(program.scene.heard))
    assert [f["text"] for f in finals] == [program.scene.said(n) for n in heard]
    assert "".join(c["text"] for c in done.named("commit")) == program.scene.text
    assert len(done.named("injected")) == len({e["n"] for e in done.named("injected")})
    assert done.generations == generations
    assert done.is_calm, done.err


QUICK = ("raises", "hangs", "crashes", "floods with answers")


@pytest.mark.parametrize(
    ("misdeed", "told"),
    [
        pytest.param(*values, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, values in MISDEEDS.items()
    ],
)
def test_an_engine_that_misbehaves_once_loses_and_doubles_nothing(program, spool, misdeed, told):
    program.fault(**misdeed, utterance=1)
    done = program.play()
    check_whole(program, done, [1, 2])
    assert len(done.problems) == 1
    assert told in done.problems[0]
    assert not list(spool.rglob("*"))


def test_a_request_that_was_not_answered_is_asked_again_unchanged(program):
    program.fault("signal", utterance=1, forced=True)
    done = program.play()
    check_whole(program, done, [1, 2])
    asked = program.finals()
    died = next(n for n, r in enumerate(asked) if r["generation"] == 2) - 1
    first, again = asked[died], asked[died + 1]
    assert first["forced_text"]
    assert again == {**first, "generation": 2}
    numbers = [r["number"] for r in asked if r["generation"] == 1 or r is not again]
    assert len(numbers) == len(set(numbers)), "only the unanswered one is asked twice"


@pytest.mark.slow
def test_every_request_may_cost_a_worker_without_an_utterance_being_given_up(program):
    """Deaths on different requests of one utterance are bad luck, not its fault."""
    program.set("asr", partials="off")
    for forced in (False, True):
        for utterance in range(3):
            program.fault("signal", utterance=utterance, forced=forced)
    done = program.play()
    deaths = len({r["generation"] for r in program.asked()}) - 1
    assert deaths >= 4, "the second utterance asks twice"
    check_whole(program, done, list(range(1, deaths + 2)))


def test_an_answer_counts_once(program):
    program.fault("answer-twice", text=" " + program.scene.said(0), utterance=0)
    check_whole(program, program.play(), [1])


@pytest.mark.slow
def test_a_flood_on_stdout_is_neither_read_as_answers_nor_logged_in_full(program):
    program.fault("print", mib=8, utterance=1)
    done = program.play("-v")
    check_whole(program, done, [1])
    assert not done.problems
    assert 0 < done.err.count("nothing to see here") <= 200
    assert "prints too much" in done.err


@pytest.mark.slow
def test_partials_that_kill_the_engine_cost_no_final_and_are_given_up(program):
    program.set("asr", partials="on")
    program.hear(make_scene(2))
    program.fault("hang", on="partial", times=0)
    done = program.play("--pace", "realtime")
    deaths = len(done.problems)
    assert 1 <= deaths <= 2
    check_whole(program, done, list(range(1, deaths + 2)))
