"""How long to wait before the next attempt. Pure."""


def doubled_s(first_s: float, most_s: float, failures: int) -> float:
    """The pause for one more failure after `failures` of them, `most_s` at most."""
    return min(most_s, first_s * 2.0 ** min(failures, 16))


class Backoff:
    """A pause that doubles with each failure; a success resets it."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._failures = 0
        self.until_s = float("-inf")
        """No attempt before this moment."""

    def failed(self, now_s: float) -> float:
        """Note a failed attempt; return the pause until the next one may be made."""
        pause_s = self.pause_s
        self.until_s = now_s + pause_s
        self._failures += 1
        return pause_s

    def succeeded(self) -> None:
        """Reset: the next failure costs the first pause."""
        self._failures = 0
        self.until_s = float("-inf")

    def cut_short(self) -> None:
        """Allow the next attempt at once; earlier failures still count."""
        self.until_s = float("-inf")

    def is_over(self, now_s: float) -> bool:
        return now_s >= self.until_s

    @property
    def pause_s(self) -> float:
        """The pause that the next failure costs."""
        return doubled_s(self._first_s, self._most_s, self._failures)
