"""How much of a card a model may take: the one rule, for loading and for foretelling. Pure."""

from swictation.config.settings import VramSettings
from swictation.vram.policy import Limits


def kept_mib(work_mib: float, settings: VramSettings, limits: Limits) -> float:
    """What has to stay free beside a loaded model: room to work, and not CRITICAL at once."""
    return max(work_mib + settings.slack_mib, limits.enter_below_mib[1])


def needed_mib(
    resident_mib: float,
    work_mib: float,
    settings: VramSettings,
    limits: Limits,
    context_mib: float | None = None,
) -> float:
    """What has to be free for a model to be loaded.

    Args:
        resident_mib: weights and buffers of the model.
        work_mib: the most that one unit of work takes beside them.
        settings: what a context takes, and the slack.
        limits: the thresholds of this card.
        context_mib: what a CUDA context takes, where it is known better than by the settings.
    """
    context = settings.context_mib if context_mib is None else context_mib
    return context + resident_mib + kept_mib(work_mib, settings, limits)
