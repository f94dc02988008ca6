"""Nowhere: for measurements, and for those who read the events alone."""

from swictation.inject.injector import Injection, Target


class NoneInjector:
    """Takes every text and shows it nobody."""

    name = "none"

    async def inject(self, text: str) -> Injection:
        """See `Injector.inject`."""
        return Injection("typed", sent=len(text))

    async def flush(self) -> None:
        """Nothing to settle."""

    async def focus(self) -> Target | None:
        """Always the same one."""
        return Target("none", "")

    async def close(self) -> None:
        """Nothing was borrowed."""
