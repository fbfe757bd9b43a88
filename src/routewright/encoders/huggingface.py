"""Any encoder of the Hugging Face format, through transformers and torch: mean of the last layer.

For comparing and for finetuned encoders. Serving with it loads torch: export the encoder to ONNX
and name it ``onnx:/path`` where that is too much.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.frozen import FrozenEncoder, both_ends, fingerprint_of
from routewright.errors import ConfigError, WeightsError, require
from routewright.hub import reachable

EXTRA = "finetune"
_opening = threading.Lock()


class HuggingFaceEncoder(FrozenEncoder):
    """An encoder by its folder or by its name on the hub. Weights are read from safetensors only.

    Each text goes through on its own, on the CPU, so that a vector depends on nothing else.

    Args:
        name: as ``encoders.make`` takes it.
        model: a folder, or owner/name, with @revision where it should be pinned.
        max_tokens: tokens read of a text, half of them from its end.
    """

    def __init__(self, name: str, model: str, max_tokens: int) -> None:
        super().__init__(name)
        self.model = model
        self.max_tokens = max_tokens

    def _open(self) -> tuple[bytes, int]:
        model = self._opened()[1]
        most = getattr(model.config, "max_position_embeddings", None)
        if isinstance(most, int) and self.max_tokens > most:
            raise ConfigError(
                f"encoder {self.name}: it reads {most} tokens at most; name it "
                f"hf:{self.model}:{most} or less"
            )
        told = _digest(self.model)
        return fingerprint_of(
            "hf", told, "both ends", self.max_tokens, "mean", "unit"
        ), model.config.hidden_size

    def _vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        torch: Any = require("torch", EXTRA)
        tokenizer, model = self._opened()
        rows: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for text in texts:
                ids: list[int] = tokenizer(text, verbose=False)["input_ids"]
                tokens = torch.tensor([both_ends(ids, self.max_tokens)])
                seen = model(input_ids=tokens, attention_mask=torch.ones_like(tokens))
                rows.append(seen.last_hidden_state[0].mean(dim=0).numpy())
        return rows

    def _opened(self) -> tuple[Any, Any]:
        with _opening:
            try:
                return _load(self.model)
            except (OSError, ValueError, KeyError) as error:  # what transformers raises
                told = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
                raise WeightsError(
                    f"encoder {self.name}: transformers can't open {self.model} ({told}); name a "
                    "folder with config.json, model.safetensors and tokenizer.json"
                ) from error


@lru_cache(maxsize=2)
def _load(model: str) -> tuple[Any, Any]:
    require("torch", EXTRA)
    transformers: Any = require("transformers", EXTRA)
    hub: Any = require("huggingface_hub", EXTRA)
    here = Path(model).is_dir()
    place, _, revision = (model, "", "") if here else model.partition("@")
    where: dict[str, Any] = {
        "revision": revision or None,
        "trust_remote_code": False,
        # The hub's client retries for long where there is no hub; its cache may do.
        "local_files_only": here
        or bool(hub.constants.HF_HUB_OFFLINE)
        or not reachable(hub.constants.ENDPOINT),
    }
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(place, **where)
    network: Any = transformers.AutoModel.from_pretrained(place, use_safetensors=True, **where)
    return tokenizer, network.float().eval()


@lru_cache(maxsize=2)
def _digest(model: str) -> str:
    """SHA-256 of weights and vocabulary, however their files are cut and named."""
    tokenizer, network = _load(model)
    digest = sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return digest.hexdigest()
