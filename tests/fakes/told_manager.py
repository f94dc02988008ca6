"""A memory manager, and what a daemon would tell it."""

from msgspec.structs import replace

from swictation.config.settings import Settings
from swictation.gpu.effects import LoadGpu, PlaceDetector, Validate
from swictation.gpu.manager.manager import AdaptiveMemoryManager
from swictation.gpu.policy.admission import Admission
from swictation.gpu.policy.breaker import Breaker
from swictation.types import AllocatorFigures, Tier, VramSnapshot

TOTAL_MIB = 4096.0
OURS_MIB = 2130.0
LARGE, SMALL = Tier("1b", 1700.0), Tier("180m", 400.0)


class Daemon:
    """Tells the manager what happens, and keeps what it asks for with its time."""

    def __init__(self, **vram):
        plain = Settings()
        asr = {"cpu_engine": vram.pop("cpu_engine", "whisper")}
        vad = {"placement": vram.pop("placement", plain.vad.placement)}
        self.tiers = vram.pop("tiers", (LARGE,))
        self.settings = replace(
            plain,
            vram=replace(plain.vram, **vram),
            asr=replace(plain.asr, **asr),
            vad=replace(plain.vad, **vad),
        )
        self.breaker = Breaker()
        self.manager = AdaptiveMemoryManager(
            self.settings, self.breaker, Admission(200.0, 12.0), is_wanted=True
        )
        self.now_s = 0.0
        self.ours_mib = 0.0
        self.log = []

    def took(self, effects):
        self.log += [(self.now_s, effect) for effect in effects]
        return effects

    def read(self, others_mib, seconds=1, every_s=1.0):
        """A reading each `every_s` for so long."""
        for _ in range(round(seconds / every_s)):
            self.now_s += every_s
            free_mib = max(0.0, TOTAL_MIB - others_mib - self.ours_mib)
            self.took(
                self.manager.on_snapshot(
                    VramSnapshot(self.now_s, TOTAL_MIB, free_mib, self.ours_mib)
                )
            )

    def trouble(self, trouble, seconds=1):
        for _ in range(seconds):
            self.now_s += 1.0
            self.took(self.manager.on_snapshot(VramSnapshot(self.now_s, trouble=trouble)))

    def do(self, is_listening=True, is_busy=False, backlog_s=0.0):
        return self.took(
            self.manager.on_activity(
                self.now_s, is_listening=is_listening, is_busy=is_busy, backlog_s=backlog_s
            )
        )

    def tell(self, what, *args, **kwargs):
        return self.took(getattr(self.manager, what)(self.now_s, *args, **kwargs))

    def tick(self, seconds):
        self.now_s += seconds
        return self.took(self.manager.tick(self.now_s))

    def ready(self, tier=0, figures=None):
        self.ours_mib = 430.0 + self.tiers[tier].resident_mib
        return self.tell("on_gpu_ready", self.tiers, tier, figures)

    def gone(self, kind=None):
        self.ours_mib = 0.0
        return self.tell("on_gpu_gone", kind, "")

    def seen(self, kind):
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def moved_detector(self):
        self.tell("on_detector", self.seen(PlaceDetector)[-1].placement, "", is_fault=False)


def serving(**kwargs):
    """A daemon that dictates, with a worker that is trusted."""
    daemon = Daemon(**kwargs)
    daemon.do()
    daemon.read(800)
    assert daemon.seen(LoadGpu)
    daemon.ready()
    daemon.read(800)
    assert daemon.seen(Validate)
    daemon.tell("on_validated", is_good=True)
    if daemon.seen(PlaceDetector):
        daemon.moved_detector()
    assert daemon.manager.asr_placement == "gpu"
    daemon.log.clear()
    return daemon


def evict(daemon):
    """Drive the worker out and let it come back; the seconds of NORMAL that this took."""
    daemon.log.clear()
    daemon.read(1900, 1)
    daemon.gone()
    daemon.read(800, 2000)
    normal_s = next(at_s for at_s, e in daemon.log if getattr(e, "level", "") == "NORMAL")
    loaded_s = next(at_s for at_s, e in daemon.log if isinstance(e, LoadGpu))
    daemon.ready()
    return loaded_s - normal_s


def figures(allocated_mib=1700.0, cache_mib=0.0, split_mib=0.0, retries=0):
    reserved_mib = allocated_mib + cache_mib + split_mib
    return AllocatorFigures(allocated_mib, reserved_mib, split_mib, reserved_mib, retries)
