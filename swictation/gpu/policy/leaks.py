"""Whether units of work free what they allocated. Pure."""

_NOISE_MIB = 8.0
"""A unit may leave this much more than the one before: workspaces, another shape."""
_TOO_MUCH_MIB = 64.0
_UNITS_IN_A_ROW = 3


class LeakDetector:
    """Compares what is allocated after each unit with what was allocated after the first.

    The first unit also allocates what stays for good, so its end is the baseline, or any lower
    end later.
    """

    def __init__(self) -> None:
        self._baseline_mib: float | None = None
        self._last_mib = 0.0
        self._grew = 0
        self._above = 0
        self.leak = ""
        """The leak in words, while units do not return to the baseline."""

    @property
    def residual_mib(self) -> float | None:
        """What is allocated above the baseline; None before the first unit."""
        return None if self._baseline_mib is None else self._last_mib - self._baseline_mib

    def observe(self, allocated_mib: float) -> None:
        """A unit ended and left this much allocated in all."""
        if self._baseline_mib is None:
            self._baseline_mib = self._last_mib = allocated_mib
            return
        grown_mib = allocated_mib - self._last_mib
        self._grew = self._grew + 1 if grown_mib > _NOISE_MIB else 0
        self._last_mib = allocated_mib
        self._baseline_mib = min(self._baseline_mib, allocated_mib)
        residual_mib = allocated_mib - self._baseline_mib
        self._above = self._above + 1 if residual_mib > _TOO_MUCH_MIB else 0
        if self._grew >= _UNITS_IN_A_ROW - 1:
            self.leak = f"each unit keeps about {grown_mib:.0f} MiB; {residual_mib:.0f} by now"
        elif self._above >= _UNITS_IN_A_ROW:
            self.leak = f"{residual_mib:.0f} MiB are not freed"
        elif residual_mib <= _TOO_MUCH_MIB:
            self.leak = ""
