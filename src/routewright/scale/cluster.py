"""Which cluster: one of this machine's own, for the time of a command, or one that runs already."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from routewright.errors import ConfigError, require

LOCAL_WORKERS = 2
OBJECT_STORE_BYTES = 200_000_000  # what passes between processes at one time; more goes to disk
LOOPBACK = "127.0.0.2"  # Ray takes 127.0.0.1 for the machine's outer address
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass(frozen=True)
class Cluster:
    """A cluster that was joined; ``ray`` is the module, ``workers`` how many it uses."""

    ray: Any
    workers: int


@contextmanager
def open_cluster(on: str, workers: int | None = None) -> Generator[Cluster]:
    """Join a cluster and leave it at the end; one that was started here is ended.

    Args:
        on: ``ray`` is the cluster that RAY_ADDRESS names, without that one of this machine's own;
            ``ray://HOST:PORT`` is a cluster elsewhere, by Ray's client port.
        workers: processes to use; without it one a node, or two on a cluster of one's own.

    Raises:
        ConfigError: there is no such cluster, or it refuses the token.
        MissingExtraError: Ray is not installed.
    """
    if on != "ray" and not on.startswith("ray://"):
        raise ConfigError(f"--on {on}: give ray, or ray://HOST:PORT of a cluster that runs")
    address = on if on != "ray" else os.environ.get("RAY_ADDRESS", "local")
    _set_environment(local=address == "local")
    ray = require("ray", "ray")
    if ray.is_initialized():  # the caller has joined one, and leaves it when it wants to
        yield Cluster(ray, workers or _nodes(ray))
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what goes wrong is told below, on one line
            ray.init(address=address, **_terms(address, workers))
    except Exception as error:  # Ray raises what each of its layers raises
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"--on {on}: cannot join the cluster ({type(error).__name__}: {said}); is it running, "
            "and is its token in RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH?"
        ) from error
    try:
        yield Cluster(ray, workers or (LOCAL_WORKERS if address == "local" else _nodes(ray)))
    finally:
        ray.shutdown()


def _set_environment(*, local: bool) -> None:
    """Ray reads these when it is imported, and its processes inherit them."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
    # A future default of Ray's, about which it warns: GPUs stay visible to processes without any.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if local and not any(os.environ.get(name) for name in TOKENS):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # for this command alone


def _terms(address: str, workers: int | None) -> dict[str, Any]:
    if address.startswith("ray://"):
        return {}
    terms: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if address == "local":
        terms |= {
            "num_cpus": workers or LOCAL_WORKERS,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_node_ip_address": LOOPBACK,
        }
    return terms


def _nodes(ray: Any) -> int:
    return max(
        sum(node["Alive"] and node["Resources"].get("CPU", 0) >= 1 for node in ray.nodes()), 1
    )
