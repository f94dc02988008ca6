"""A made-up GPU: drives the library of `fake_nvml.c`, live and from any process."""

import ctypes
import fcntl
import mmap
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil

from patience import PATIENCE_S

STATE = "FAKE_NVML_STATE"
"""The environment variable that names the state's file."""
LIBRARY = "libnvidia-ml.so.1"
MIB = 1 << 20

DRIVER_NOT_LOADED = 9
GPU_IS_LOST = 15
MISMATCH = 18
UNKNOWN = 999
NOT_SUPPORTED = 3

_SOURCE = Path(__file__).with_name("fake_nvml.c")
_MAGIC = 0x31564E46
_DEVICES, _SLOTS = 4, 64
_BLOCKS = {"queries": 1, "init": 2, "cuda": 4}

What = Literal["queries", "init", "cuda"]


def _fields(kind: type, *names: str) -> list[tuple[str, type]]:
    return [(name, kind) for name in names]


class _Slot(ctypes.Structure):
    _fields_ = (
        *_fields(ctypes.c_uint32, "pid", "device", "is_graphics", "is_lasting"),
        *_fields(ctypes.c_uint64, "start_ticks", "bytes"),
        *_fields(ctypes.c_uint64, "held_bytes", "held_until_ns", "died_ns"),
    )


class _Device(ctypes.Structure):
    _fields_ = (
        ("uuid", ctypes.c_char * 48),
        ("name", ctypes.c_char * 64),
        ("bus_id", ctypes.c_char * 32),
        *_fields(ctypes.c_uint64, "total", "reserved", "hidden", "lie_total", "lie_free"),
        *_fields(ctypes.c_uint32, "query_rc", "lies"),
    )


class _State(ctypes.Structure):
    _fields_ = (
        *_fields(ctypes.c_uint32, "magic", "devices", "init_rc", "query_rc", "processes_rc"),
        *_fields(ctypes.c_uint32, "hides_use", "lacks_v2", "blocks", "generation", "cuda_rc"),
        *_fields(ctypes.c_uint64, "lag_ns", "inits", "opens", "shutdowns", "calls", "waiting"),
        *_fields(ctypes.c_uint64, "cuda_inits"),
        ("device", _Device * _DEVICES),
        ("slot", _Slot * _SLOTS),
    )


def build(folder: Path) -> Path:
    """Compile the library into `folder`, also under CUDA's name. Needs `cc`."""
    library = folder / LIBRARY
    options = ("-O2", "-Wall", "-Werror", "-fPIC", "-shared", f"-Wl,-soname,{LIBRARY}")
    subprocess.run(["cc", *options, "-o", library, _SOURCE], check=True, timeout=PATIENCE_S)
    (folder / "libcuda.so.1").symlink_to(library)
    return library


def has_compiler() -> bool:
    return shutil.which("cc") is not None


class FakeCard:
    """One driver with one GPU, or more by `add_device`.

    `set_process` and `drop_process` may be called from several processes at once; each opens the
    state by `attach`. A process that died is gone from the list, and its memory free, at once or
    `lag_s` later.
    """

    def __init__(self, path: Path, library: Path | None = None) -> None:
        """Open a state that exists; `library` is needed for `env` and `install` only."""
        self.path = path
        self.library = library
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), ctypes.sizeof(_State))
        self._state = _State.from_buffer(self._map)

    @classmethod
    def make(
        cls, path: Path, library: Path, *, total_mib: float = 4096, reserved_mib: float = 170
    ) -> "FakeCard":
        """A GPU that nobody uses."""
        path.write_bytes(bytes(ctypes.sizeof(_State)))
        card = cls(path, library)
        card._state.magic = _MAGIC
        card.add_device(total_mib=total_mib, reserved_mib=reserved_mib)
        return card

    @classmethod
    def attach(cls) -> "FakeCard | None":
        """The GPU that the environment names, as a child process sees it."""
        path = os.environ.get(STATE)
        return cls(Path(path)) if path else None

    def close(self) -> None:
        del self._state  # it refers to the mapping
        self._map.close()

    # --- who sees it

    def env(self) -> dict[str, str]:
        """What a child process needs in its environment, beside its own, to find this GPU."""
        assert self.library
        path = os.environ.get("LD_LIBRARY_PATH", "")
        folders = [str(self.library.parent), *filter(None, path.split(":"))]
        return {STATE: str(self.path), "LD_LIBRARY_PATH": ":".join(dict.fromkeys(folders))}

    def install(self) -> None:
        """Be found by the nvidia-ml-py of this very process; `$FAKE_NVML_STATE` has to be set."""
        import pynvml

        # The library's own name is what makes `dlopen("libnvidia-ml.so.1")` find this copy.
        ctypes.CDLL(str(self.library), mode=ctypes.RTLD_GLOBAL)
        pynvml.nvmlLib = None
        pynvml._nvmlGetFunctionPointer_cache.clear()

    # --- the driver

    def fail_init(self, code: int) -> None:
        """`nvmlInit` answers so from now on; 0: it succeeds."""
        self._state.init_rc = code

    def fail_queries(self, code: int, device: int | None = None) -> None:
        """All queries answer so, or those of one device; 0: they succeed."""
        if device is None:
            self._state.query_rc = code
        else:
            self._state.device[device].query_rc = code

    def fail_processes(self, code: int) -> None:
        self._state.processes_rc = code

    def hide_use(self, is_hidden: bool = True) -> None:
        """As under WSL: processes are listed, what they use is not."""
        self._state.hides_use = is_hidden

    def lack_v2(self, is_lacking: bool = True) -> None:
        """An old driver: the second version of the memory call is missing."""
        self._state.lacks_v2 = is_lacking

    def reload(self) -> None:
        """The driver was loaded anew: who had it open has to open it again."""
        self._state.generation += 1

    def block(self, what: What = "queries") -> None:
        """Calls of that kind hang until `release`."""
        self._state.blocks |= _BLOCKS[what]

    def release(self) -> None:
        self._state.blocks = 0

    def fail_cuda(self, code: int) -> None:
        """`cuInit` answers so from now on."""
        self._state.cuda_rc = code

    # --- the GPUs

    def add_device(
        self,
        *,
        total_mib: float = 4096,
        reserved_mib: float = 170,
        uuid: str = "",
        name: str = "Made-up A1000",
        bus_id: str = "",
    ) -> int:
        """Its index. At most four."""
        index = self._state.devices
        device = self._state.device[index]
        device.uuid = (uuid or f"GPU-{index:08}-0000-0000-0000-000000000000").encode()
        device.name = name.encode()
        device.bus_id = (bus_id or f"00000000:{index + 1:02X}:00.0").encode()
        device.total, device.reserved = int(total_mib * MIB), int(reserved_mib * MIB)
        self._state.devices = index + 1
        return index

    def remove_devices(self) -> None:
        """The driver is there, no GPU is."""
        self._state.devices = 0

    def set_total(self, mib: float, device: int = 0) -> None:
        self._state.device[device].total = int(mib * MIB)

    def set_reserved(self, mib: float, device: int = 0) -> None:
        self._state.device[device].reserved = int(mib * MIB)

    def set_hidden(self, mib: float, device: int = 0) -> None:
        """Used by others, whom no list names: a compositor, other users' programs."""
        self._state.device[device].hidden = int(mib * MIB)

    def lie(self, total_mib: float, free_mib: float, device: int = 0) -> None:
        """Tell these figures, whatever is true."""
        made_up = self._state.device[device]
        made_up.lie_total, made_up.lie_free = int(total_mib * MIB), int(free_mib * MIB)
        made_up.lies = True

    def set_lag(self, seconds: float) -> None:
        """Freed memory is seen to be free only so much later."""
        self._state.lag_ns = int(seconds * 1e9)

    # --- who uses it

    def set_process(
        self,
        pid: int,
        mib: float,
        *,
        kind: Literal["compute", "graphics"] = "compute",
        device: int = 0,
        is_lasting: bool = False,
    ) -> None:
        """The process uses so much from now on. `is_lasting`: it need not exist."""
        with self._writing():
            slot = self._slot_of(pid, device, kind) or self._empty_slot()
            if not slot.pid:
                slot.device, slot.is_graphics = device, kind == "graphics"
                slot.start_ticks = 0 if is_lasting else _start_ticks(pid)
                slot.is_lasting, slot.died_ns, slot.held_until_ns = is_lasting, 0, 0
            self._shrink(slot, int(mib * MIB))
            slot.pid = pid

    def drop_process(self, pid: int) -> None:
        """The process uses nothing any more."""
        with self._writing():
            for slot in self._state.slot:
                if slot.pid == pid:
                    self._shrink(slot, 0)
                    slot.pid = 0

    def free_mib(self, device: int = 0) -> float:
        """What a program could still take: without the lag with which NVML tells."""
        card = self._state.device[device]
        living = (s.bytes for s in self._state.slot if s.pid and s.device == device and _is_same(s))
        return max(0, card.total - card.reserved - card.hidden - sum(living)) / MIB

    def _shrink(self, slot: _Slot, size: int) -> None:
        if size < slot.bytes and self._state.lag_ns:
            slot.held_bytes = slot.bytes
            slot.held_until_ns = time.monotonic_ns() + self._state.lag_ns
        slot.bytes = size

    def _slot_of(self, pid: int, device: int, kind: str) -> _Slot | None:
        for slot in self._state.slot:
            same_kind = slot.is_graphics == (kind == "graphics")
            if slot.pid == pid and slot.device == device and same_kind and _is_same(slot):
                return slot
        return None

    def _empty_slot(self) -> _Slot:
        now_ns = time.monotonic_ns()
        for slot in self._state.slot:
            if not slot.pid and slot.held_until_ns <= now_ns:
                slot.bytes = 0
                return slot
        for slot in self._state.slot:
            if slot.pid and not _is_same(slot):
                slot.pid = slot.bytes = 0
                return slot
        raise RuntimeError(f"more than {_SLOTS} processes on the made-up GPU")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, also among processes; a dead one's lock is free."""
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # --- what was asked of it

    @property
    def inits(self) -> int:
        """Calls of `nvmlInit`, failed ones included."""
        return self._state.inits

    @property
    def shutdowns(self) -> int:
        return self._state.shutdowns

    @property
    def open_count(self) -> int:
        """How often it is open; who was killed never shut it down."""
        return self._state.opens - self._state.shutdowns

    @property
    def calls(self) -> int:
        """Every call, `nvmlInit` and `nvmlShutdown` included."""
        return self._state.calls

    @property
    def waiting(self) -> int:
        """Calls that hang now."""
        return self._state.waiting

    @property
    def cuda_inits(self) -> int:
        return self._state.cuda_inits


def _is_same(slot: _Slot) -> bool:
    """Whether the process of the slot is still the one that wrote it."""
    return bool(slot.is_lasting) or _start_ticks(slot.pid, absent=-1) == slot.start_ticks


def _start_ticks(pid: int, absent: int | None = None) -> int:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        if absent is None:
            raise psutil.NoSuchProcess(pid) from None
        return absent
    return int(told.rpartition(")")[2].split()[19])
