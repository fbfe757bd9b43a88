"""How the two processes of the sandbox call each other: lines of JSON, values as plain data."""

from __future__ import annotations

import json
import os
from collections.abc import ItemsView, KeysView, ValuesView
from itertools import islice
from typing import Any

MESSAGE_BYTES = 4 * 1024**2
MAX_ITEMS = 10_000
LOAD, FIND = 0, 1  # the candidate's two functions, by number


class GoneError(Exception):
    """The other process is no more, or does not speak the protocol."""


class FailedError(Exception):
    """What the answer's code raised, as text."""


class Peer:
    """One end of a channel on which either side can call the other's functions."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._in = os.fdopen(read_fd, "rb")
        self._out = os.fdopen(write_fd, "wb")
        self._shared: list[Any] = []

    def share(self, function: Any) -> int:
        """Offer a function to the other side under a number."""
        self._shared.append(function)
        return len(self._shared) - 1

    def call(self, target: int, args: Any, kwargs: dict[str, Any]) -> Any:
        """Call a function of the other side, serving its calls back in the meantime."""
        self._send({"call": target, "args": self.encode(list(args)), "kwargs": self.encode(kwargs)})
        while True:
            message = self._receive()
            if "call" in message:
                self._serve(message)
            elif "error" in message:
                raise FailedError(str(message["error"])[:200])
            else:
                return self.decode(message["value"])

    def serve_forever(self) -> None:
        """Answer calls until the other side is gone."""
        while True:
            self._serve(self._receive())

    def _serve(self, message: dict[str, Any]) -> None:
        try:
            function = self._shared[message["call"]]
            value = function(*self.decode(message["args"]), **self.decode(message["kwargs"]))
            reply = {"value": self.encode(value)}
        except GoneError:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt are answers too
            reply = {"error": describe(error)}
        self._send(reply)

    def _send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message).encode() + b"\n")
        self._out.flush()

    def _receive(self) -> dict[str, Any]:
        line = self._in.readline(MESSAGE_BYTES)
        if not line.endswith(b"\n"):
            raise GoneError
        message: Any = json.loads(line)
        if message.__class__ is not dict:
            raise GoneError
        return message

    def encode(self, value: Any) -> Any:
        """A value as JSON: scalars bare, all else as a one-key object that names its type."""
        for kind, plain in SCALARS:
            if isinstance(value, kind):
                return plain(value)
        for kinds, name, parts in CONTAINERS:
            if isinstance(value, kinds):
                return {name: [self.encode(part) for part in parts(value)]}
        if hasattr(value, "__next__"):
            return {"iter": [self.encode(part) for part in first_items(value)]}
        if callable(value) and not isinstance(value, type):
            return {"function": self.share(value)}
        raise TypeError(f"a {type(value).__name__} is not plain data")

    def decode(self, value: Any) -> Any:
        """The value that ``encode`` wrote."""
        if value.__class__ is not dict:
            return value
        ((kind, inside),) = pairs(value)
        if kind == "function":
            return self._remote(int(inside))
        return BUILDERS[kind]([self.decode(part) for part in inside])

    def _remote(self, number: int) -> Any:
        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call(number, args, kwargs)

        return function


def same(value: Any) -> Any:
    """The value itself."""
    return value


def pairs(value: Any) -> list[Any]:
    """The items of a mapping."""
    return list(value.items())


def first_items(value: Any) -> list[Any]:
    """As many items as are sent of a view."""
    return list(islice(value, MAX_ITEMS))


def bounds(value: Any) -> list[int]:
    """What makes up a range."""
    return [value.start, value.stop, value.step]


def plane(value: Any) -> list[float]:
    """What makes up a complex number."""
    return [value.real, value.imag]


SCALARS: tuple[tuple[Any, Any], ...] = (
    (type(None), same),
    (bool, same),
    (str, str),
    (int, int),
    (float, float),
)
CONTAINERS: tuple[tuple[Any, str, Any], ...] = (
    (dict, "dict", pairs),
    (list, "list", list),
    (tuple, "tuple", list),
    (set, "set", list),
    (frozenset, "frozenset", list),
    (range, "range", bounds),
    ((bytes, bytearray), "bytes", list),
    (complex, "complex", plane),
    ((KeysView, ValuesView, ItemsView), "iter", first_items),
)


def make_range(parts: Any) -> range:
    """A range from its bounds."""
    return range(*parts)


def make_complex(parts: Any) -> complex:
    """A complex number from its parts."""
    return complex(*parts)


BUILDERS: dict[str, Any] = {
    "dict": dict,
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "range": make_range,
    "bytes": bytes,
    "complex": make_complex,
    "iter": iter,
}


def describe(error: BaseException) -> str:
    """An exception on one line, even when its own text can't be made."""
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return "an error that cannot be shown"
