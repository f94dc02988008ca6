"""What every test gets: folders of its own, nothing left behind, and a check of the markers."""

import ctypes
import gc
import os
import random
import signal
import sys
import threading
from pathlib import Path

import hypothesis
import psutil
import pytest

from canary.choice import choose, is_wanted
from fakes.bus import PrivateBus
from fakes.nvml import card as nvml
from fakes.scripted_engine.program import HERE, Program
from fakes.scripted_engine.sound import make_scene
from faults.pairs import Pairs
from left_out import LeftOut
from swictation import paths

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime's; some tests import it

for shared in (
    "contract.injector_suite",
    "contract.vad_detector_suite",
    "contract.vram_probe_suite",
    "realcard",
):
    pytest.register_assert_rewrite(shared)

CATEGORIES = {"unit", "contract", "process", "desktop", "speech", "canary", "gpu"}
_MODELS = paths.models_dir()
"""The real store, asked before any test moves the folders."""
_LAST_BREATH_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36

ROOT = Path(__file__).resolve().parent.parent


# A busy machine is no fault of the code: no example has a deadline, the test as a whole has.
_SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("swictation", deadline=None, suppress_health_check=_SLOW)
hypothesis.settings.load_profile("swictation")


def pytest_configure(config: pytest.Config) -> None:
    # Orphans become children of this process: they can be seen, and waited for.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # A shell's background job is born deaf to Ctrl-C, and so would be the programs under test.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(LeftOut(config))
    # Drawn before there are workers: all have to collect the same tests.
    os.environ.setdefault("CELLS_SEED", str(random.randrange(10**6)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object):
    from together import Together

    return Together(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which cells were drawn (desktop/cells.py), so that they can be drawn again."""
    reports = (report for group in terminalreporter.stats.values() for report in group)
    if any("desktop/" in getattr(report, "nodeid", "") for report in reports):
        terminalreporter.write_line(f"windows: CELLS_SEED={os.environ['CELLS_SEED']}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules of Canary's tests import torch: seconds that nobody else shall wait."""
    if collection_path.parent != ROOT / "tests" / "canary" or is_wanted(collection_path, config):
        return None
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test module says in `pytestmark` what its tests need: exactly one category."""
    wrong: dict[str, str] = {}
    for item in items:
        module = item.getparent(pytest.Module)
        own = {mark.name for mark in module.own_markers} & CATEGORIES if module else set()
        every = {mark.name for mark in item.iter_markers()} & CATEGORIES
        if len(own) != 1 or every != own:
            name = module.nodeid if module else item.nodeid
            wrong[name] = ", ".join(sorted(every)) or "none"
    if wrong:
        told = "\n".join(f"  {name}: {found}" for name, found in wrong.items())
        raise pytest.UsageError(
            f"a test module carries exactly one of {', '.join(sorted(CATEGORIES))}:\n{told}"
        )
    choose(config, items)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration, state and temporary files of this test alone; models are the real ones."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name, folder in {"XDG_RUNTIME_DIR": home / "runtime", "TMPDIR": home / "tmp"}.items():
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(_MODELS.parent.parent))
    return home


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest):
    """No thread, no child process, no open file more than before the test."""
    if request.node.get_closest_marker("shared_stage"):
        yield  # what the stage leaves is looked for when it is taken down
        return
    threads, files, children = set(threading.enumerate()), _open_files(), _children()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(_LAST_BREATH_S)
    left = [f"thread {t.name}" for t in set(threading.enumerate()) - threads]
    left += [f"process {name}" for name in _end(_children() - children)]
    if _open_files() - files:
        gc.collect()  # what nobody refers to any more is no leak
    left += [f"file {fd} {target}" for fd, target in sorted(_open_files() - files)]
    if left:
        pytest.fail(f"the test left behind: {'; '.join(left)}", pytrace=False)


@pytest.fixture
def sample() -> Path:
    """A recording in the project: two sentences, their text in `sample.txt` beside it."""
    return ROOT / "swictation" / "assets" / "sample.flac"


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """Recordings of people: `$SWICTATION_SPEECH`, or ../shared/speech beside the repository."""
    folder = Path(os.environ.get("SWICTATION_SPEECH", ROOT.parent / "shared" / "speech"))
    if not (folder / "manifest.jsonl").is_file():
        pytest.skip(f"no recordings in {folder}: set SWICTATION_SPEECH")
    return folder


@pytest.fixture(scope="session")
def whisper_model() -> Path:
    """The folder of the real tiny.en. May be missing on a developer's machine, not in CI."""
    folder = _MODELS / "whisper" / "tiny.en"
    if not (folder / "model.bin").is_file():
        told = f"{folder} is missing: swictation model download tiny.en"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return folder


@pytest.fixture
def program(tmp_path: Path):
    """The real program on a scripted engine; its sound: three utterances, the second in two."""
    program = Program(tmp_path, make_scene(1, 2, 1))
    yield program
    program.end()


@pytest.fixture
def session_bus(own_folders: Path, monkeypatch: pytest.MonkeyPatch):
    """A session bus of this test alone."""
    bus = PrivateBus(own_folders / "runtime")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    bus.start()
    yield bus
    bus.kill()


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up `libnvidia-ml.so.1`, compiled once."""
    if not nvml.has_compiler():
        pytest.skip("cc is missing (package gcc): the made-up NVIDIA library cannot be built")
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def card(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A made-up GPU of 4096 MiB; the real nvidia-ml-py of this process finds it."""
    made_up = nvml.FakeCard.make(tmp_path / "card", nvml_library)
    monkeypatch.setenv(nvml.STATE, str(made_up.path))
    made_up.install()
    yield made_up
    made_up.release()
    made_up.close()


@pytest.fixture
def spool(own_folders: Path) -> Path:
    """Where the program keeps sound until its text has arrived."""
    return own_folders / "state" / "swictation" / "spool"


def _open_files() -> set[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:  # listdir's own
            continue
    return found


def _children() -> set[psutil.Process]:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # cheap: are there any?
    except ChildProcessError:
        return set()
    return set(psutil.Process().children(recursive=True))


def _end(processes: set[psutil.Process]) -> list[str]:
    """Bury the dead, kill the living; the names of those that lived."""
    _, alive = psutil.wait_procs(processes, timeout=_LAST_BREATH_S)
    names: list[str] = []
    for process in alive:
        names.append(" ".join(process.cmdline())[:200])
        process.kill()
    psutil.wait_procs(alive, timeout=_LAST_BREATH_S)
    return names


@pytest.fixture
def dictating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pairs:
    """A daemon's dictation on whose words engines die."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(HERE)
    return Pairs(tmp_path)
