"""A Tk text widget."""

import queue
import tkinter

from link import ReconnectingBus

root = tkinter.Tk(className="field")
root.title("field tk")
text = tkinter.Text(root, width=70, height=14, wrap="char")
text.pack()
orders = queue.Queue()


def poll():
    while not orders.empty():
        do, answer = orders.get()
        if do == "clear":
            text.delete("1.0", "end")
        answer(text.get("1.0", "end-1c"))
    root.after(5, poll)


link = ReconnectingBus(lambda do, answer: orders.put((do, answer)))
text.bind("<FocusIn>", lambda _: link.say(event="focus"))
text.bind("<FocusOut>", lambda _: link.say(event="blur"))
text.focus_force()
link.start()
poll()
if __name__ == "__main__":
    root.mainloop()
