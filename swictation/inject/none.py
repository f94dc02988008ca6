"""Delivers nowhere: for measurements, and for programs that read only the events."""

from swictation.inject.injector import (
    OTHER_WINDOW,
    BasicInjector,
    Focused,
    Injection,
    InjectorCapabilities,
    Target,
)

_NOWHERE = Target("none", "")


class NoneInjector(BasicInjector):
    """Accepts every text and shows it to nobody."""

    name = "none"
    lost = ""
    capabilities = InjectorCapabilities(knows_focus=True, keys=True)

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        if into is not None and into != _NOWHERE:
            return Injection("refused", reason=OTHER_WINDOW)
        return Injection("typed", sent=len(text))

    async def focus(self) -> Focused:
        """Always the same target."""
        return _NOWHERE
