"""Which shortcuts paste."""

import msgspec

from swictation.inject.x11.focus import Focus


class Chord(msgspec.Struct, frozen=True):
    """A paste shortcut; without `letter` it is the Insert key."""

    control: bool
    shift: bool
    letter: bool


def chords(focus: Focus, *, has_letter: bool) -> tuple[Chord, ...]:
    """The shortcuts to try in turn on `focus`, the second once the first is proven spent.

    `has_letter`: whether the active layout has a v. Chromium needs one for Control+V. In Tk,
    Shift+Insert means PRIMARY, but Tk answers no ping.
    """
    control_v = Chord(control=True, shift=False, letter=True)
    if has_letter or not focus.answers_ping:
        return (control_v,)
    return (Chord(control=False, shift=True, letter=False), control_v)
