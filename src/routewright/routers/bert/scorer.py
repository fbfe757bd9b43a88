"""A trained encoder as it is served: an ONNX graph and a tokenizer, without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.bert.tokens import Ids, Tokens

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

INPUTS = ("ids", "form")
OUTPUT = "scores"


def session(graph: Bytes) -> Any:
    """An onnxruntime session that runs in one thread and reads no file.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    runtime: Any = require("onnxruntime", "encoders")
    options: Any = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # the same sums in the same order, on any machine load
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A graph may name files to read weights from: a forged one must not find any.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", f"{os.devnull}/none"
    )
    return runtime.InferenceSession(graph.tobytes(), options, providers=["CPUExecutionProvider"])


def run(session: Any, ids: Ids, form: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores (1, m) of one prompt, from its token ids (t,) and form (f,)."""
    return session.run([OUTPUT], dict(zip(INPUTS, (ids[None], form[None]), strict=True)))[0]


class Scorer:
    """Prompts → raw scores, one prompt at a time.

    A batch would have to be padded, and even then round differently from its parts; on a CPU it
    would hardly be faster.

    Args:
        graph: the ONNX file; its inputs are ``INPUTS``, shaped (1, tokens) and (1, f).
        tokens: reads the texts.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(self, graph: Bytes, tokens: Tokens) -> None:
        self._session = session(graph)
        self._models = int(self._session.get_outputs()[0].shape[1])
        self._tokens = tokens

    def raw(self, texts: Sequence[str], form: Floats) -> Floats:
        """Scores before calibration (n, m), not clipped, of texts and their form (n, f)."""
        rows = [
            run(self._session, ids, row)
            for ids, row in zip(self._tokens.ids(texts), form.astype(np.float32), strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self._models)
