"""One published file: of the model hub at a pinned revision, or of an installed package."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from routewright.errors import require

CHUNK = 1 << 22


class HubError(Exception):
    """The hub gave no file; the message is the reason, for the caller's own sentence."""


def download(repo: str, file: str, revision: str, *, data_set: bool = False) -> Path:
    """The file's path in the hub's cache, fetched if it is not there.

    Raises:
        HubError: the hub can't be reached, or refused.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub: Any = require("huggingface_hub", "hub")
    wanted = {
        "repo_id": repo,
        "filename": file,
        "revision": revision,
        "repo_type": "dataset" if data_set else "model",
    }
    cached = hub.try_to_load_from_cache(**wanted)
    if isinstance(cached, str):
        return Path(cached)
    if hub.constants.HF_HUB_OFFLINE:
        raise HubError("not in the cache, and HF_HUB_OFFLINE is set")
    if not reachable(hub.constants.ENDPOINT):
        raise HubError("the hub can't be reached")
    try:
        return Path(hub.hf_hub_download(**wanted))
    # The hub client raises its own and its HTTP library's errors, and passes the system's on.
    except Exception as error:
        told = (str(error).strip() or "no reason given").splitlines()[0]
        raise HubError(f"the hub didn't give the file ({type(error).__name__}: {told})") from error


def reachable(url: str) -> bool:
    """Whether a host answers at once: the hub's own client retries for twenty seconds first."""
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(
        parts.hostname or ""
    ):
        return True  # the proxy will say
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return True
    except OSError:
        return False


def package_file(name: str) -> Path | None:
    """A file inside an installed package, found without importing (running) the package."""
    package, _, inner = name.partition("/")
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, inner)
        if path.is_file():
            return path
    return None


def sha256_of(path: Path) -> str:
    """A file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def cache_folder(kind: str) -> Path:
    """Where files made from weights are kept; the environment's ROUTEWRIGHT_CACHE overrides it."""
    given = os.environ.get("ROUTEWRIGHT_CACHE")
    if given:
        return Path(given) / kind
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "routewright" / kind
