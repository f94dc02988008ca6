"""A Tk text widget whose program looks at what is pasted, thinks, and takes it from there."""

import time
import tkinter

import tk

THINKS_S = 4.0


def paste(_):
    tk.root.clipboard_get()
    end_s = time.monotonic() + THINKS_S
    while time.monotonic() < end_s:
        pass
    tk.text.insert("insert", tk.root.clipboard_get())
    return "break"


tk.root.title("field tktwice")
tk.text.bind("<<Paste>>", paste)
tkinter.mainloop()
