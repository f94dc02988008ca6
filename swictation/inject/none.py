"""Nowhere: for measurements, and for those who read the events alone."""

from swictation.inject.injector import OTHER_WINDOW, Injection, Target

_NOWHERE = Target("none", "")


class NoneInjector:
    """Takes every text and shows it nobody."""

    name = "none"
    lost = ""

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`."""
        if into is not None and into != _NOWHERE:
            return Injection("refused", reason=OTHER_WINDOW)
        return Injection("typed", sent=len(text))

    async def offer(self, text: str) -> bool:
        """It has no clipboard."""
        return False

    async def withdraw(self) -> None:
        """Nothing is ever unproven here."""

    async def flush(self) -> None:
        """Nothing to settle."""

    async def focus(self) -> Target | None:
        """Always the same one."""
        return _NOWHERE

    async def close(self) -> None:
        """Nothing was borrowed."""
