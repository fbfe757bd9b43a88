"""Pickles put together opcode by opcode, so that nothing here imports what it warns of."""

from __future__ import annotations

import struct

PANDAS_MANAGER = ("pandas.core.internals.managers", "BlockManager")


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def real(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def obj(value: object) -> bytes:
    """Any plain value."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, bytes):
        return value  # opcodes already
    makers = {str: text, int: whole, float: real}
    if type(value) in makers:
        return makers[type(value)](value)
    if isinstance(value, tuple):
        return b"(" + b"".join(map(obj, value)) + b"t"
    if isinstance(value, list):
        return b"(" + b"".join(map(obj, value)) + b"l"
    assert isinstance(value, dict)
    return b"(" + b"".join(obj(k) + obj(v) for k, v in value.items()) + b"d"


def named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(module: str, name: str, *args: object) -> bytes:
    return named(module, name) + obj(args) + b"R"


def build(made: bytes, state: object) -> bytes:
    return made + obj(state) + b"b"


def pickled(value: bytes) -> bytes:
    return b"\x80\x04" + value + b"."


def dtype(code: str, order: str = "<") -> bytes:
    state = (3, "|" if code == "O8" else order, None, None, None, -1, -1, 0)
    return build(call("numpy", "dtype", code, False, True), state)


def array(
    shape: tuple[int, ...], data: object, code: str = "O8", order: str = "<", fortran: bool = False
) -> bytes:
    made = call("numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray"), (0,), raw(b"b"))
    given = raw(data) if isinstance(data, bytes) else obj(data)
    return build(made, (1, shape, dtype(code, order), fortran, given))


def index(labels: list[str]) -> bytes:
    kind = named("pandas.core.indexes.base", "Index")
    known = {"data": array((len(labels),), labels), "name": None}
    return call("pandas.core.indexes.base", "_new_Index", kind, known)


def range_index(n: int) -> bytes:
    kind = named("pandas.core.indexes.range", "RangeIndex")
    known = {"name": None, "start": 0, "stop": n, "step": 1}
    return call("pandas.core.indexes.base", "_new_Index", kind, known)


def block(values: bytes, start: int, stop: int) -> bytes:
    place = call("builtins", "slice", start, stop, 1)
    return call("pandas._libs.internals", "_unpickle_block", values, place, 2)


def manager(blocks: list[bytes], labels: list[str], n: int) -> bytes:
    return call(*PANDAS_MANAGER, tuple(blocks), [index(labels), range_index(n)])


def frame(blocks: list[bytes], labels: list[str], n: int) -> bytes:
    """A whole pickle of a DataFrame, as pandas 1.3 to 2 write it."""
    made = named("pandas.core.frame", "DataFrame") + b")\x81"
    return pickled(build(made, {"_mgr": manager(blocks, labels, n), "_typ": "dataframe"}))


def table(columns: dict[str, list[object]]) -> bytes:
    """A DataFrame with every column as objects."""
    n = len(next(iter(columns.values())))
    cells = [cell for column in columns.values() for cell in column]
    values = array((len(columns), n), cells)
    return frame([block(values, 0, len(columns))], list(columns), n)
