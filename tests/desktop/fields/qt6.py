"""A Qt 6 text edit."""

from link import ReconnectingBus
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QPlainTextEdit


class WorkerCommands(QObject):
    came = Signal(str, object)


class Edit(QPlainTextEdit):
    def focusInEvent(self, event):
        super().focusInEvent(event)
        link.say(event="focus")

    def focusOutEvent(self, event):
        super().focusOutEvent(event)
        link.say(event="blur")


def run(do, answer):
    if do == "clear":
        edit.clear()
    answer(edit.toPlainText())


application = QApplication(["field"])
orders = WorkerCommands()
orders.came.connect(run, Qt.ConnectionType.QueuedConnection)
link = ReconnectingBus(orders.came.emit)
edit = Edit()
edit.resize(500, 240)
edit.setWindowTitle("field qt6")
edit.show()
edit.activateWindow()
edit.setFocus()
link.start()
application.exec()
