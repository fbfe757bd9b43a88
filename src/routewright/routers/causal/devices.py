"""Where a network runs, and in which numbers."""

from __future__ import annotations

from typing import Any

from routewright.errors import ConfigError


def placed(torch: Any, device: str, dtype: str) -> tuple[str, Any]:
    """A device that is there, and torch's type of numbers; ``auto`` takes the GPU, if any.

    Raises:
        ConfigError: there is no such device, or no such type.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    kinds = ("float32", "bfloat16", "float16")
    if dtype not in kinds:
        raise ConfigError(f"dtype {dtype!r}: choose auto, {', '.join(kinds)}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        told = str(error).strip().partition("\n")[0]
        raise ConfigError(f"device {device!r}: {told}") from error
    return device, getattr(torch, dtype)
