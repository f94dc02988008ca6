"""Nowhere: for measurements, and for those who read the events alone."""

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
    """Takes every text and shows it nobody."""

    name = "none"
    lost = ""
    capabilities = InjectorCapabilities(knows_focus=True, keys=True)

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        if into is not None and into != _NOWHERE:
            return Injection("refused", reason=OTHER_WINDOW)
        return Injection("typed", sent=len(text))

    async def focus(self) -> Focused:
        """Always the same one."""
        return _NOWHERE
