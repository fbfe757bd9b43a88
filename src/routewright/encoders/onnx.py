"""Transformer encoders as ONNX files: mean of the last layer over the tokens, without torch.

Reimers and Gurevych, Sentence-BERT, arXiv 1908.10084, section 3 (the MEAN strategy). Each text
goes through on its own. On one thread a padded batch is no faster (see
``benchmarks/results/encoders.txt``), and alone a vector can't depend on its company.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.frozen import FrozenEncoder, both_ends, fingerprint_of
from routewright.errors import ConfigError, WeightsError, require
from routewright.hub import sha256_of

EXTRA = "encoders"

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_opening = threading.Lock()


class OnnxEncoder(FrozenEncoder):
    """An encoder from a folder with ``model.onnx`` (or ``onnx/model.onnx``), ``tokenizer.json``.

    Args:
        name: as ``encoders.make`` takes it.
        folder: where the files are.
        max_tokens: tokens read of a text, half of them from its end.
        threads: of one text; None is ROUTEWRIGHT_ENCODER_THREADS, else 1.
    """

    def __init__(
        self, name: str, folder: Path, max_tokens: int, threads: int | None = None
    ) -> None:
        super().__init__(name)
        self.folder = folder
        self.max_tokens = max_tokens
        self.threads = threads

    def _files(self) -> tuple[Path, Path]:
        """Weights and tokenizer."""
        places = (self.folder / "model.onnx", self.folder / "onnx" / "model.onnx")
        model = next((path for path in places if path.is_file()), places[0])
        for path in (model, self.folder / "tokenizer.json"):
            if not path.is_file():
                raise WeightsError(
                    f"encoder {self.name}: {path} does not exist; name a folder that holds "
                    "model.onnx and tokenizer.json"
                )
        return model, self.folder / "tokenizer.json"

    def _open(self) -> tuple[bytes, int]:
        self.model_, self.tokenizer_ = self._files()
        # Weights above 2 GB lie beside the graph, under a name that begins with its own.
        weights = [digest_of(path) for path in sorted(self.model_.parent.glob("model.onnx*"))]
        words = digest_of(self.tokenizer_)
        self.version_ = "".join([*weights, words])
        _tokenizer(self.tokenizer_, self.version_)
        width = _session(self.model_, self.version_, threads_asked(self.threads))[2]
        return self.print_of(*weights, words), width

    def print_of(self, *digests: str) -> bytes:
        """The fingerprint, from the SHA-256 of the files."""
        return fingerprint_of("onnx", *digests, "both ends", self.max_tokens, "mean", "unit")

    def _vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        tokenizer = _tokenizer(self.tokenizer_, self.version_)
        session, inputs, _ = _session(self.model_, self.version_, threads_asked(self.threads))
        return [
            _vector(session, inputs, both_ends(tokenizer.encode(text).ids, self.max_tokens))
            for text in texts
        ]


def threads_asked(given: int | None = None) -> int:
    """Threads an encoder may use: the argument, the environment's, 1.

    Raises:
        ConfigError: ROUTEWRIGHT_ENCODER_THREADS is not a whole number from 1 on.
    """
    if given is not None:
        return given
    told = os.environ.get("ROUTEWRIGHT_ENCODER_THREADS") or "1"
    if not told.isdecimal() or int(told) < 1:
        raise ConfigError(
            f"ROUTEWRIGHT_ENCODER_THREADS={told!r} is not a whole number from 1 on; correct it"
        )
    return int(told)


def _vector(session: Any, inputs: tuple[str, ...], tokens: list[int]) -> NDArray[np.float32]:
    ids = np.array([tokens], dtype=np.int64)
    fed = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }
    out: NDArray[np.float32] = session.run(None, {name: fed[name] for name in inputs})[0][0]
    return out.mean(axis=0) if out.ndim == 2 else out  # some graphs take the mean themselves


def _session(path: Path, version: str, threads: int) -> tuple[Any, tuple[str, ...], int]:
    """The process's one session for a file: it, the names of its inputs, a vector's length."""
    with _opening:  # or two first requests would load the weights twice
        return _load(path, version, threads)


@lru_cache(maxsize=4)
def _load(
    path: Path,
    version: str,  # noqa: ARG001  # a file that changed is opened anew
    threads: int,
) -> tuple[Any, tuple[str, ...], int]:
    runtime: Any = require("onnxruntime", EXTRA)
    options: Any = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session: Any = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime has a class for each status, under no common parent
        raise WeightsError(
            f"{path} can't be opened by onnxruntime ({_line(error)}); fetch again"
        ) from error
    inputs = tuple(str(each.name) for each in session.get_inputs())
    width: Any = session.get_outputs()[0].shape[-1]
    if not set(inputs) <= _INPUTS or "input_ids" not in inputs or not isinstance(width, int):
        raise WeightsError(
            f"{path} takes {', '.join(inputs)}; a text encoder takes input_ids, "
            "attention_mask and at most token_type_ids, and gives vectors of known length"
        )
    return session, inputs, width


@lru_cache(maxsize=4)
def _tokenizer(path: Path, version: str) -> Any:  # noqa: ARG001  # as above
    tokenizers: Any = require("tokenizers", EXTRA)
    try:
        tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # a bare Exception is what the library raises
        raise WeightsError(f"{path} is no tokenizer ({_line(error)}); fetch it again") from error
    tokenizer.no_truncation()  # ours reads both ends
    tokenizer.no_padding()
    return tokenizer


def digest_of(path: Path) -> str:
    """A file's SHA-256, computed again only where the file changed."""
    stat = path.stat()
    return _digest_at(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest_at(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001  # part of the key
    return sha256_of(path)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
