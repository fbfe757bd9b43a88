"""Artefacts on the model hub: put there with a card, and taken from one commit, never as code.

    commit = push_to_hub("router/", "team/router")
    router = from_pretrained("team/router", revision=commit)

Two files make a router and one tells of it; nothing else is sent or fetched. A revision is a whole
commit hash: a name such as ``main`` means something else tomorrow.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from routewright.errors import ArtefactError, ConfigError, require
from routewright.hub import HubError, download, reachable
from routewright.routers.artefact import ARRAYS, MANIFEST
from routewright.routers.base import BaseRouter
from routewright.routers.manifest import Manifest, read_manifest

CARD = "README.md"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def push_to_hub(
    path: str | Path, repo: str, *, licence: str = "", private: bool = True, message: str = ""
) -> str:
    """Put an artefact and its card into a repository of the hub, made if it is not there.

    The token is the hub client's own: ``HF_TOKEN`` or ``hf auth login``.

    Args:
        path: the artefact's folder; it is read and tried first.
        repo: ``owner/name``.
        licence: the hub's word for it, such as ``apache-2.0``; none is claimed without.
        private: of a repository that is made.
        message: of the commit.

    Returns:
        The commit's hash, which ``from_pretrained`` takes.

    Raises:
        ArtefactError: the folder holds no whole router.
        ConfigError: the hub refused, or can't be reached.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub: Any = require("huggingface_hub", "hub")
    endpoint: str = require("huggingface_hub.constants", "hub").ENDPOINT
    folder = Path(path)
    BaseRouter.load(folder)
    card = card_of(read_manifest(folder), repo, licence=licence)
    files = [(MANIFEST, folder / MANIFEST), (ARRAYS, folder / ARRAYS), (CARD, card.encode())]
    if not reachable(endpoint):
        raise ConfigError(f"{repo}: the hub can't be reached; try again")
    try:
        api = hub.HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        done = api.create_commit(
            repo,
            [
                hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=held)
                for name, held in files
            ],
            commit_message=message or "Routewright router",
        )
    # The client raises its own and its HTTP library's errors, and passes the system's on.
    except Exception as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{repo}: the hub did not take it ({told}); see HF_TOKEN") from error
    return str(done.oid)


def pulled(repo: str, *, revision: str) -> Path:
    """The folder of an artefact of the hub, in the hub's cache; fetched if it is not there.

    Args:
        repo: ``owner/name``.
        revision: the whole commit hash, 40 hexadecimal digits.

    Raises:
        ConfigError: it is no commit hash, or the hub did not give the files.
        ArtefactError: what it gave lies apart.
        MissingExtraError: huggingface_hub is not installed.
    """
    if not _COMMIT.fullmatch(revision):
        raise ConfigError(
            f"{repo}: revision {revision!r} is no commit hash (40 hexadecimal digits): a branch or "
            "tag may be another router tomorrow; the repository's history shows the hashes"
        )
    try:
        found = [download(repo, name, revision) for name in (MANIFEST, ARRAYS)]
    except HubError as error:
        raise ConfigError(f"{repo} at {revision[:12]}: {error}") from error
    if found[0].parent != found[1].parent:
        raise ArtefactError(f"{repo}: manifest and arrays are not of one commit; fetch again")
    return found[0].parent


def from_pretrained(repo: str, *, revision: str) -> BaseRouter:
    """The router of a repository at one commit; arguments and errors as of ``pulled``.

    Raises:
        ArtefactError: the files are no whole router.
    """
    return BaseRouter.load(pulled(repo, revision=revision))


def card_of(manifest: Manifest, repo: str, *, licence: str = "") -> str:
    """The model card: metadata as YAML, then what the manifest tells, in Markdown."""
    head = [
        "library_name: routewright",
        "tags: [llm-routing]",
        *([f"license: {licence}"] * bool(licence)),
    ]
    rows = [
        ("router", manifest.router),
        ("models", ", ".join(f"`{name}`" for name in manifest.models)),
        ("encoder", manifest.encoder.name or "none"),
        ("recommended worth of a unit of score", _usd(manifest.recommended_worth_usd)),
        ("prices of", manifest.price_date or "unknown"),
        ("training data", f"`{manifest.data_fingerprint or 'unknown'}`"),
        ("arrays, SHA-256", f"`{manifest.arrays_sha256}`"),
        ("Routewright", manifest.package_version),
        *((f"calibration: {name}", value) for name, value in _told(manifest.calibration)),
        *((f"evaluation: {name}", value) for name, value in _told(manifest.evaluation)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"""---
{chr(10).join(head)}
---
# {repo.rpartition("/")[2]}

Predicts for a prompt what each LLM's answer will be worth and cost, and so which to ask.

| | |
|---|---|
{table}

```python
from routewright import routers

router = routers.from_pretrained("{repo}", revision="THE COMMIT'S HASH")
```
"""


def _usd(value: float | None) -> str:
    return "none" if value is None else f"${value:g}"


def _told(facts: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Plain facts, each as a row."""
    return [
        (name, f"{value:.4g}" if isinstance(value, float) else str(value))
        for name, value in (facts or {}).items()
        if isinstance(value, int | float | str)
    ]
