"""torch → ONNX: one file without outside data, proved to say what torch says."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import torch

from routewright.errors import ConfigError
from routewright.routers.bert.network import Network
from routewright.routers.bert.scorer import INPUTS, OUTPUT, Bytes, run, session

_OPSET = 20
_AGREE = 1e-4  # of scores
_CANNOT = "the encoder can't be served as ONNX; choose another model"


class _Served(torch.nn.Module):
    """One prompt without padding: serving needs no mask."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor, form: torch.Tensor) -> torch.Tensor:
        return self.network(ids, torch.ones_like(ids), form)


def export(network: Network, most: int) -> Bytes:
    """The network as an ONNX file: inputs ids (1, tokens) and form (1, f), output scores (1, m).

    Args:
        network: trained.
        most: tokens of the longest prompt.

    Raises:
        ConfigError: this architecture can't be exported, or not without a loss.
    """
    served = _Served(network).eval().cpu()
    ids = torch.arange(1, 9).reshape(1, -1)
    form = torch.zeros(1, network.width)
    file = io.BytesIO()
    exporter: Any = torch.onnx
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter by tracing is on its way out; the new one takes 20 times as long, for the
        # same graph, and writes this machine's paths into it.
        warnings.simplefilter("ignore")
        try:
            exporter.export(
                served,
                (ids, form),
                file,
                dynamo=False,
                opset_version=_OPSET,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_axes={"ids": {1: "tokens"}},
            )
        except Exception as error:  # the exporter raises what it trips over
            told = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConfigError(f"{_CANNOT} ({told})") from error
    graph = np.frombuffer(file.getvalue(), dtype=np.uint8)
    _prove(served, graph, most)
    return graph


def _prove(served: _Served, graph: Bytes, most: int) -> None:
    """Compare with torch at several lengths: tracing may take the example's for all."""
    words = int(served.network.encoder.config.vocab_size)
    running = session(graph)
    form = np.linspace(-1, 1, served.network.width, dtype=np.float32)
    for length in (1, 5, most):
        ids = np.arange(length) % words
        with torch.no_grad():
            expected = served(torch.as_tensor(ids)[None], torch.as_tensor(form)[None]).numpy()
        try:
            gap = float(np.abs(run(running, ids, form) - expected).max())
        except Exception as error:  # onnxruntime raises nothing narrower
            raise ConfigError(f"{_CANNOT} ({error})") from error
        if not gap <= _AGREE:
            raise ConfigError(f"{_CANNOT} (at {length} tokens scores differ by {gap:.2g})")
