"""Which model and precision a GPU has room for. Pure: the GPU's size is an argument.

Candidates come in order of preference, and a better model in int8 precedes a lesser one in fp16:
180m makes more than a tenth more errors than 1b (WER 7.1 against 6.35 on NVIDIA's model cards), and
weights rounded to 8 bits are known to cost less than that (not measured here). The plans of a model
come the best first, too.
"""

from collections.abc import Sequence

import msgspec

from swictation.asr.memory_plan import MemoryPlan
from swictation.config.settings import VramSettings
from swictation.gpu.policy.admission import kept_mib, needed_mib
from swictation.gpu.policy.levels import Limits
from swictation.models.catalog.catalog import AUTO


class Candidate(msgspec.Struct, frozen=True):
    """A model, and the ways to load it, the best first."""

    name: str
    plans: tuple[MemoryPlan, ...]
    is_installed: bool = False


class Fit(msgspec.Struct, frozen=True):
    """Whether one way to load a model fits a GPU."""

    precision: str
    resident_mib: float
    needed_mib: float
    """What has to be free, including the context and what is kept free besides."""
    why_not: str
    """Why it does not fit even if no other program uses the GPU; "" if it fits."""

    @property
    def fits(self) -> bool:
        """Whether it fits the GPU if no other program uses it."""
        return not self.why_not


class Choice(msgspec.Struct, frozen=True):
    """What "auto" means. `name` is "" if nothing fits."""

    name: str
    precision: str
    reason: str


def fits(plans: Sequence[MemoryPlan], total_mib: float, settings: VramSettings) -> tuple[Fit, ...]:
    """Check each plan against the GPU, by the same rule as the daemon."""
    limits = Limits.of(settings, total_mib)
    found: list[Fit] = []
    for plan in plans:
        needed = needed_mib(plan.resident_mib, plan.activation_mib, settings, limits)
        kept = kept_mib(plan.activation_mib, settings, limits)
        message = (
            f"{plan.precision} needs {needed:.0f} of {total_mib:.0f} MiB: {plan.resident_mib:.0f}"
            f" for the model, {settings.context_mib} for CUDA, {kept:.0f} kept free"
        )
        why_not = "" if needed <= total_mib else message
        found.append(Fit(plan.precision, plan.resident_mib, needed, why_not))
    return tuple(found)


def choose(
    candidates: Sequence[Candidate],
    total_mib: float | None,
    settings: VramSettings,
    *,
    precision: str = AUTO,
    why_unknown: str = "",
) -> Choice:
    """Choose the best model for this GPU: of the installed ones, or else of all.

    Args:
        candidates: at least one, the preferred ones first; all understand the language.
        total_mib: the GPU's memory; None if it is not known.
        settings: the thresholds, the slack, the size of a context.
        precision: "auto", or the configured one.
        why_unknown: why the GPU's memory is not known, in words.
    """
    if total_mib is None:
        installed = [it for it in candidates if it.is_installed]
        first = (installed or candidates)[0]
        which = "the first of those installed" if installed else "the preferred one"
        return Choice(first.name, precision, f"{first.name}: {which}; {why_unknown}")
    ways = [
        (it, fit)
        for it in candidates
        for fit in fits(it.plans, total_mib, settings)
        if precision in (AUTO, fit.precision)
    ]
    if not ways:
        return Choice("", "", f"no model can be loaded in {precision}")
    fitting = [(it, fit) for it, fit in ways if fit.fits]
    if fitting:
        it, fit = next((way for way in fitting if way[0].is_installed), fitting[0])
        return Choice(it.name, fit.precision, _reason(it, fit, candidates, total_mib))
    least_mib = min(fit.needed_mib for _, fit in ways)
    return Choice(
        "",
        "",
        f"no model fits the GPU in {'any precision' if precision == AUTO else precision}: the"
        f" least needs {least_mib:.0f} MiB free, the GPU has {total_mib:.0f} in all",
    )


def _reason(it: Candidate, fit: Fit, candidates: Sequence[Candidate], total_mib: float) -> str:
    text = (
        f"{it.name} in {fit.precision} needs {fit.needed_mib:.0f} of the GPU's {total_mib:.0f} MiB"
    )
    before = [other.name for other in candidates[: candidates.index(it)]]
    if before and it.is_installed:
        return f"{text}; preferred, but not installed or too large: {', '.join(before)}"
    return text if it.is_installed else f"{text}; none that fits is installed yet"
