"""A Tk canvas: it takes keys and has no use for a paste."""

import queue
import tkinter

from link import ReconnectingBus

root = tkinter.Tk(className="field")
root.title("field canvas")
canvas = tkinter.Canvas(root, width=400, height=200)
canvas.pack()
orders = queue.Queue()


def poll():
    while not orders.empty():
        _, answer = orders.get()
        answer("")
    root.after(5, poll)


link = ReconnectingBus(lambda do, answer: orders.put((do, answer)))
canvas.bind("<FocusIn>", lambda _: link.say(event="focus"))
canvas.bind("<FocusOut>", lambda _: link.say(event="blur"))
canvas.focus_force()
link.start()
poll()
root.mainloop()
