"""X11: typing and pasting, both with proof where the window gives one."""
