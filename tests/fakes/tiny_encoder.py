"""An ONNX encoder of a few hundred bytes: a token's vector is its row of a table.

The graph is one Gather, written as protocol buffer bytes by hand, so that no test needs the
package that makes ONNX files.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

TEXT = (
    "[UNK] [CLS] [SEP] what is plus answer with the number only translate word of list into "
    "french write a python function that returns which city th largest in region x"
)
WORDS = TEXT.split()
FLOAT, INT64 = 1, 7


def table(width: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(WORDS), width)).astype(np.float32)


def write_encoder(folder: Path, width: int = 6, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(_model(table(width, seed)))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer()))
    return folder


def _tokenizer() -> dict:
    special = {
        name: {"id": name, "ids": [WORDS.index(name)], "tokens": [name]}
        for name in ("[CLS]", "[SEP]")
    }
    around = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around,
            "pair": [*around, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: at for at, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }


def _model(rows: np.ndarray) -> bytes:
    """ModelProto: IR version 8, opset 17, one Gather(table, input_ids) → last_hidden_state."""
    tensor = (
        b"".join(_number(1, size) for size in rows.shape)
        + _number(2, FLOAT)
        + _field(8, b"table")
        + _field(9, rows.astype("<f4").tobytes())
    )
    node = (
        _field(1, b"table")
        + _field(1, b"input_ids")
        + _field(2, b"last_hidden_state")
        + _field(4, b"Gather")
    )
    out = _value("last_hidden_state", FLOAT, ("batch", "sequence", rows.shape[1]))
    graph = (
        _field(1, node)
        + _field(2, b"tiny")
        + _field(5, tensor)
        + _field(11, _value("input_ids", INT64, ("batch", "sequence")))
        + _field(11, _value("attention_mask", INT64, ("batch", "sequence")))
        + _field(12, out)
    )
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 17))


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    sizes = b"".join(
        _field(1, _field(2, size.encode()) if isinstance(size, str) else _number(1, size))
        for size in shape
    )
    typed = _field(1, _number(1, kind) + _field(2, sizes))
    return _field(1, name.encode()) + _field(2, typed)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)
