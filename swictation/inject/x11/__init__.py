"""X11: typing and pasting, both with proof if the window gives one."""
