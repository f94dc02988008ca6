"""The adapter to pywayland: interfaces from a text table, requests and events by name.

pywayland is typed for its own generated modules only. So this file, and no other, uses it with
the type checker's strictest rules off.
"""
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportPrivateImportUsage=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false

import errno
import os
import re
import socket
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pywayland import ffi
from pywayland.client import Display as ClientDisplay
from pywayland.protocol.wayland import WlOutput, WlSeat
from pywayland.protocol_core import Argument, ArgumentType, Interface, Message, Proxy

InterfaceClass = type[Interface]
AnyProxy = Proxy[Any]

_BORROWED: dict[str, InterfaceClass] = {cls.name: cls for cls in (WlOutput, WlSeat)}
_KINDS = {
    "int": ArgumentType.Int,
    "uint": ArgumentType.Uint,
    "string": ArgumentType.String,
    "fd": ArgumentType.FileDescriptor,
    "array": ArgumentType.Array,
    "object": ArgumentType.Object,
    "new": ArgumentType.NewId,
}
_MESSAGE = re.compile(r"(?P<way>request|event) (?P<name>\w+)(?P<end>!?)(?P<arguments>.*)")
_ARGUMENT = re.compile(r"(?P<name>\w+):(?P<kind>\w+)(?P<null>\??)(?:=(?P<interface>\w+))?")

_destructors: set[Message] = set()


class WireError(Exception):
    """The display cannot be reached, or the connection to it broke."""


def interfaces(table: str) -> dict[str, InterfaceClass]:
    """Interfaces by name, from a table of lines; the order within an interface is the opcode.

    `interface NAME` opens one, an empty line ends it; its lines are `request NAME ARGUMENT...` or
    `event NAME ARGUMENT...`, `!` after the name when the request ends the object. An argument is
    `name:kind`, `?` where null is allowed, `=INTERFACE` for objects. All are of version 1. Raises
    ValueError on anything else.
    """
    blocks = [block.splitlines() for block in table.strip().split("\n\n")]
    made: dict[str, InterfaceClass] = {}
    for head, *_ in blocks:
        _, name = head.split()
        made[name] = cls = types.new_class(name, (Interface,))
        cls.name, cls.version = name, 1
    known = _BORROWED | made
    for cls, (_, *lines) in zip(made.values(), blocks, strict=True):
        for line in lines:
            _declare(cls, line, known)
    for name, cls in made.items():
        cls._gen_c()
        cls.proxy_class = type(f"{name}_proxy", (Proxy,), {"interface": cls})
    return made


def _declare(interface: InterfaceClass, line: str, known: dict[str, InterfaceClass]) -> None:
    match = _MESSAGE.fullmatch(line)
    if match is None:
        raise ValueError(f"neither request nor event: {line}")

    def named() -> None: ...

    named.__name__ = match["name"]
    message = Message(named, tuple(_arguments(match["arguments"], known)), None)
    (interface.requests if match["way"] == "request" else interface.events).append(message)
    if match["end"]:
        _destructors.add(message)


def _arguments(text: str, known: dict[str, InterfaceClass]) -> Iterable[Argument]:
    for word in text.split():
        match = _ARGUMENT.fullmatch(word)
        if match is None:
            raise ValueError(f"not an argument: {word}")
        interface = known[match["interface"]] if match["interface"] else None
        yield Argument(_KINDS[match["kind"]], nullable=bool(match["null"]), interface=interface)


class Remote:
    """An object that lives in the compositor. Used on the connection's thread only.

    It stays until it is ended, even if nobody refers to it: the garbage collector runs on any
    thread, and would free it while another one handles its events.
    """

    def __init__(self, proxy: AnyProxy, alive: set["Remote"]) -> None:
        """`alive`: keeps all objects of a connection."""
        self._proxy = proxy
        self._alive = alive
        alive.add(self)
        proxy.user_data = self

    def send(self, request: str, *arguments: object) -> None:
        """Queue a request; the object is gone after one that ends it."""
        opcode, message = self._find(self._proxy.interface.requests, request)
        self._proxy._marshal(opcode, *map(_unwrap, arguments))
        if message in _destructors:
            self.forget()

    def create(self, request: str, *arguments: object) -> "Remote":
        """Queue a request that makes a new object; `arguments` without the new object."""
        opcode, message = self._find(self._proxy.interface.requests, request)
        made = next(a for a in message.arguments if a.argument_type is ArgumentType.NewId)
        assert made.interface is not None
        arguments = tuple(map(_unwrap, arguments))
        proxy = self._proxy._marshal_constructor(opcode, made.interface, *arguments)
        return Remote(proxy, self._alive)

    def on(self, event: str, handler: Callable[..., None]) -> None:
        """Call `handler` with the arguments of an event. It must not raise."""
        opcode, message = self._find(self._proxy.interface.events, event)
        dispatcher: Any = self._proxy.dispatcher
        for argument in message.arguments:
            if argument.argument_type is ArgumentType.NewId:
                assert argument.interface is not None
                dispatcher.messages = [*dispatcher.messages]
                dispatcher.messages[opcode] = _NewObject(argument.interface, self._proxy)
        dispatcher[opcode] = lambda _proxy, *arguments: handler(*map(self._wrap, arguments))

    def forget(self) -> None:
        """Free this end without a request to the compositor."""
        if not self._proxy.destroyed:
            # Not .destroy(): a generated proxy overrides it with a request.
            self._proxy._destroy()
        self._proxy.user_data = None
        self._alive.discard(self)

    def _wrap(self, value: object) -> object:
        if isinstance(value, Proxy):
            return value.user_data or Remote(value, self._alive)
        return value

    @staticmethod
    def _find(messages: Sequence[Message], name: str) -> tuple[int, Message]:
        return next((n, m) for n, m in enumerate(messages) if m.name == name)


class _NewObject:
    """Stands in for a message whose one argument is a new object.

    pywayland itself uses the display of any registry in the process; with two connections, or an
    old one, the object would be freed with the wrong one.
    """

    def __init__(self, interface: InterfaceClass, parent: AnyProxy) -> None:
        self._interface = interface
        self._parent = parent

    def c_to_arguments(self, arguments: Any) -> list[object]:  # noqa: ANN401 - a C array
        pointer = ffi.cast("struct wl_proxy *", arguments[0].o)
        return [self._interface.proxy_class(pointer, self._parent._display)]


def _unwrap(value: object) -> object:
    return value._proxy if isinstance(value, Remote) else value


class Display:
    """The connection itself. None of its calls blocks; one thread uses it."""

    def __init__(self, name: str | None) -> None:
        """Connect; None means `$WAYLAND_DISPLAY`. Raises WireError."""
        self._display = ClientDisplay(name)
        try:
            self._display.connect()
        except ValueError as error:
            name = name or os.environ.get("WAYLAND_DISPLAY", "")
            where = f"no Wayland display answers at {name}" if name else "no $WAYLAND_DISPLAY"
            raise WireError(where) from error
        # Kept for life: pywayland finds the display of new objects through the registry.
        self._alive: set[Remote] = set()
        self._registry = Remote(self._display.get_registry(), self._alive)
        self._globals: dict[str, int] = {}
        self._registry.on("global", self._announced)
        self._registry.on("global_remove", self._withdrawn)

    def fileno(self) -> int:
        return self._display.get_fd()

    def address(self) -> str:
        """The path on which the compositor listens, "" if it is not a path."""
        with socket.socket(fileno=os.dup(self.fileno())) as link:
            name = link.getpeername()
        return name if isinstance(name, str) else ""

    def bind(self, interface: InterfaceClass) -> Remote | None:
        """Bind a global, the first of that interface; None if the compositor has none."""
        if interface.name not in self._globals:
            return None
        name, registry = self._globals[interface.name], self._registry._proxy
        proxy = registry._marshal_constructor(0, interface, name, interface.name, 1)
        return Remote(proxy, self._alive)

    def bind_seat(self) -> Remote:
        """The first seat. Raises WireError."""
        seat = self.bind(WlSeat)
        if seat is None:
            raise WireError("the compositor has no seat")
        return seat

    def sync(self, done: Callable[[], None]) -> Remote:
        """Call `done` when the compositor has handled all requests so far; then forget it."""
        callback = Remote(self._display.sync(), self._alive)
        callback.on("done", lambda _serial: done())
        return callback

    def flush(self) -> bool:
        """Send what is queued; False if the compositor takes no more now."""
        if self._display.flush() >= 0:
            return True
        if ffi.errno == errno.EAGAIN:
            return False
        raise WireError("the compositor closed the connection")

    def read(self) -> None:
        """Read and handle the pending events. Raises WireError if the connection broke."""
        try:
            self._display.dispatch(block=False)
            self._display.read()
            self._display.dispatch(block=False)
        except RuntimeError as error:
            raise WireError("the compositor closed the connection") from error

    def close(self) -> None:
        """Free all objects, and the display last: the other way round it crashes."""
        self._display.disconnect()
        self._alive.clear()

    def _announced(self, name: int, interface: str, _version: int) -> None:
        self._globals.setdefault(interface, name)

    def _withdrawn(self, name: int) -> None:
        self._globals = {k: v for k, v in self._globals.items() if v != name}
