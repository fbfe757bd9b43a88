"""Make the table of the static encoder from all-MiniLM-L6-v2 (Apache-2.0): ``make vectors``.

Every piece of the vocabulary is read alone by the sentence encoder; the vectors are centred, turned
onto their first principal axes, and weighed down where the piece is common, as smooth inverse
frequency does (Arora, Liang and Ma, ICLR 2017; the vocabulary stands in order of frequency, so
Zipf's law gives the frequencies). Four bits a number are enough: out of fold, nothing was lost.
Model2Vec goes the same way (MinishLab, 2024).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from safetensors.numpy import save

from routewright.encoders.minilm import MAX_TOKENS, MiniLmEncoder
from routewright.encoders.static import DIMENSIONS, TABLE, StaticEncoder

CLS, SEP = 101, 102
RARE = 1e-3  # a in a / (a + frequency)
LATIN = 0x250  # code points below it are Latin letters, digits and punctuation
LEVELS = 7  # codes from -7 to 7


def main() -> None:
    weights, words = MiniLmEncoder("minilm", MAX_TOKENS)._files()  # pyright: ignore[reportPrivateUsage]  # where an encoder lies
    told: Any = json.loads(words.read_text())
    vocabulary: dict[str, int] = told["model"]["vocab"]
    vectors = read_alone(weights, len(vocabulary))
    vectors -= vectors.mean(axis=0)
    axes = np.linalg.svd(vectors, full_matrices=False)[2][:DIMENSIONS]
    frequency = 1 / (np.arange(1, len(vectors) + 1) * np.log(len(vectors)))
    vectors = vectors @ axes.T * (RARE / (RARE + frequency))[:, None]
    kept = [piece for piece in vocabulary if wanted(piece)]
    rows = vectors[[vocabulary[piece] for piece in kept]]
    # Scales are stored in half precision, and codes are made for what is stored.
    scales = (np.abs(rows).max(axis=1) / LEVELS).astype(np.float16)
    codes = np.clip(np.rint(rows / scales[:, None].astype(np.float64)), -LEVELS, LEVELS)
    halves = (codes + LEVELS + 1).astype(np.uint8)
    arrays = {
        "codes": halves[:, ::2] << 4 | halves[:, 1::2],
        "scales": scales,
        "pieces": np.frombuffer("\n".join(kept).encode(), dtype=np.uint8),
    }
    TABLE.write_bytes(save(arrays))
    told_bytes = TABLE.stat().st_size
    print(
        f"{len(kept)} of {len(vocabulary)} pieces x {DIMENSIONS} → {TABLE} ({told_bytes:,} bytes)"
    )
    print("fingerprint", StaticEncoder("static").fit(()).fingerprint_.hex())


def read_alone(weights: Path, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The mean output of each piece between the marks of a sentence's two ends (count, d)."""
    options: Any = onnxruntime.SessionOptions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # no stubs
    options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(  # pyright: ignore[reportUnknownMemberType]
        str(weights), options
    )
    asked = {each.name for each in session.get_inputs()}
    parts: list[Any] = []
    for start in range(0, count, 256):
        ids = np.array([[CLS, at, SEP] for at in range(start, min(start + 256, count))], np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        out: Any = session.run(None, {name: a for name, a in given.items() if name in asked})[0]
        parts.append(out.mean(axis=1) if out.ndim == 3 else out)
        print(f"\r{start + len(ids)} of {count} pieces", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.vstack(parts).astype(np.float64)


def wanted(piece: str) -> bool:
    """Pieces of Latin script; other scripts stand there as lone characters that say little."""
    marks = piece.startswith("[") and len(piece) > 1
    return not marks and all(ord(character) < LATIN for character in piece)


if __name__ == "__main__":
    main()
