"""What this program takes from the machine."""

import os

import psutil

from swictation.types import MIB


def of_process(pid: int | None) -> dict[str, float]:
    """Resident memory in MiB and CPU time in s of a process; empty when there is none."""
    try:
        process = psutil.Process(pid) if pid else None
        if process is None:
            return {}
        cpu = process.cpu_times()
        return {
            "rss_mib": round(process.memory_info().rss / MIB, 1),
            "cpu_s": round(cpu.user + cpu.system, 2),
        }
    except psutil.Error:
        return {}


def snapshot(worker_pid: int | None) -> dict[str, object]:
    """Daemon, worker and the memory that the machine has to spare."""
    return {
        "daemon": of_process(os.getpid()),
        "worker": of_process(worker_pid),
        "mem_available_mib": psutil.virtual_memory().available // MIB,
    }
