"""The whole of what a pickle may name, and the classes that stand for it.

Every global of a frame's pickle stands for a small class here that keeps what it is given and
does nothing with it. None of pandas' or numpy's code is involved.
"""

from __future__ import annotations

import struct
import sys
from typing import Any, cast

# numpy's kind and size of a number: the type code of the standard library.
CODES = {
    "f4": "f",
    "f8": "d",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "b1": "B",
}


class RefusedError(Exception):
    """The pickle names something that is no part of a data frame."""


class BrokenError(Exception):
    """The pickle is whole, but what it holds is no table that can be read."""


class Sealed(type):
    """Makes a class that a pickle can call, and can change in no way."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise RefusedError(f"a change to {cls.__name__}.{name}")

    def __delattr__(cls, name: str) -> None:
        raise RefusedError(f"a change to {cls.__name__}.{name}")


class Kept(metaclass=Sealed):
    """Keeps the arguments it was made of and the state it was given; does nothing with them."""

    __slots__ = ("args", "kwargs", "state")

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Keep the arguments."""
        kept = object.__new__(cls)
        kept.args, kept.kwargs, kept.state = args, kwargs, None
        return kept

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Frame(Kept):
    """pandas.DataFrame; the state holds its manager."""

    __slots__ = ()


class Manager(Kept):
    """pandas' BlockManager: blocks of columns and the two axes."""

    __slots__ = ()


class Block(Kept):
    """Columns of one type: (values, placement)."""

    __slots__ = ()


class Index(Kept):
    """An axis: (kind, {"data" or "start", "stop", "step"})."""

    __slots__ = ()


class Axis(Kept):
    """The kind of an axis; only its name matters."""

    __slots__ = ()


class Range(Axis):
    """pandas.RangeIndex."""

    __slots__ = ()


class Slice(Kept):
    """slice(start, stop, step)."""

    __slots__ = ()


class Array(Kept):
    """numpy.ndarray; the state is (version, shape, dtype, fortran, data)."""

    __slots__ = ()


class Reconstruct(metaclass=Sealed):
    """numpy's _reconstruct: an array still to be given its state."""

    def __new__(cls, *_: Any) -> Any:
        """An empty array."""
        return Array()


class FromBuffer(metaclass=Sealed):
    """numpy's _frombuffer (protocol 5): (buffer, dtype, shape, order)."""

    def __new__(cls, data: Any, kind: Any, shape: Any, order: Any, *_: Any) -> Any:
        """The array as it would stand after its state."""
        made = Array()
        made.state = (1, shape, kind, order == "F", data)
        return made


class Kind(Kept):
    """numpy.dtype; the state's second item is the byte order."""

    __slots__ = ()

    @property
    def code(self) -> str:
        """Kind and size, such as f8."""
        code = self.args[0] if self.args else None
        if type(code) is not str:
            raise BrokenError("an array without a type")
        return code.lstrip("<>|=")

    @property
    def swapped(self) -> bool:
        """Whether the bytes stand in the order that this machine doesn't use."""
        state = cast("tuple[Any, ...]", self.state if type(self.state) is tuple else ())  # pyright: ignore[reportUnknownMemberType] -- a pickle's values have no types
        foreign = ">" if sys.byteorder == "little" else "<"
        return len(state) > 1 and state[1] == foreign


class Scalar(metaclass=Sealed):
    """numpy's scalar(dtype, bytes): a single number, read at once."""

    def __new__(cls, kind: Any, data: Any = b"", *_: Any) -> Any:
        """The number."""
        if type(kind) is not Kind or type(data) is not bytes or kind.code not in CODES:
            raise BrokenError("a numpy scalar that is no number")
        order = ">" if kind.swapped == (sys.byteorder == "little") else "<"
        try:
            return struct.unpack(order + CODES[kind.code], data)[0]
        except struct.error:
            raise BrokenError("a numpy scalar of the wrong length") from None


class Encoded(metaclass=Sealed):
    """_codecs.encode, by which protocol 2 writes bytes: latin-1 and nothing else."""

    def __new__(cls, text: Any, codec: Any = "latin1") -> Any:
        """The bytes."""
        if type(text) is not str or codec not in ("latin1", "latin-1"):
            raise RefusedError(f"_codecs.encode to {codec!r}")
        return text.encode("latin-1")


class Partial(Kept):
    """functools.partial, by which pandas 1.3 writes blocks: only ever of a block."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        """The block."""
        if self.args[:1] != (Block,):
            raise RefusedError("functools.partial of something else than a block")
        return Block(*args)


# The whole of what a pickle may name. Numpy and pandas moved these between their versions.
_NUMPY = ("numpy.core", "numpy._core")
ADMITTED: dict[tuple[str, str], Any] = {
    ("builtins", "slice"): Slice,
    ("__builtin__", "slice"): Slice,
    ("_codecs", "encode"): Encoded,
    ("functools", "partial"): Partial,
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Kind,
    **{(f"{core}.multiarray", "_reconstruct"): Reconstruct for core in _NUMPY},
    **{(f"{core}.multiarray", "scalar"): Scalar for core in _NUMPY},
    **{(f"{core}.numeric", "_frombuffer"): FromBuffer for core in _NUMPY},
    ("pandas", "DataFrame"): Frame,
    ("pandas", "Index"): Axis,
    ("pandas", "RangeIndex"): Range,
    ("pandas.core.frame", "DataFrame"): Frame,
    ("pandas.core.internals.managers", "BlockManager"): Manager,
    ("pandas.core.internals", "BlockManager"): Manager,
    ("pandas._libs.internals", "_unpickle_block"): Block,
    ("pandas.core.internals.blocks", "new_block"): Block,
    ("pandas.core.indexes.base", "_new_Index"): Index,
    ("pandas.core.indexes.base", "Index"): Axis,
    ("pandas.core.indexes.range", "RangeIndex"): Range,
    ("pandas.core.indexes.numeric", "Int64Index"): Axis,
    ("pandas.core.indexes.numeric", "UInt64Index"): Axis,
    ("pandas.core.indexes.numeric", "Float64Index"): Axis,
}
