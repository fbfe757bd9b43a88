"""How the command line asks a running gateway: over HTTP, with the operator's key."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import click

from routewright.errors import ConfigError, RefusedError

PATIENCE_S = 600.0  # a gateway that loads a large artefact takes its time


def on(function: Any) -> Any:
    """The options that say which gateway."""
    function = click.option("--url", help="Of the gateway; by default as it is configured.")(
        function
    )
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=Path("routewright.toml"),
        show_default=True,
        help="The configuration.",
    )(function)


def roll_out(config: Path, url: str | None, path: str, body: dict[str, Any] | None = None) -> None:
    """Ask for a change, and print what every worker says.

    Raises:
        ConfigError: there is no operator's key, or nobody answers at the address.
        RefusedError: why the gateway will not.
    """
    told = _ask(config, url, path, body)
    for worker in told["workers"]:
        said = worker.get("refused") or worker.get("artefact") or "no router"
        click.echo(f"worker {worker['pid']}: {said}")


def _ask(config: Path, url: str | None, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    from urllib.parse import urlsplit

    from routewright.config import load_settings
    from routewright.serve.access import ADMIN_ENV, admin_key

    settings = load_settings(config)
    key = admin_key(settings)
    if not key:
        raise ConfigError(f"no operator's key: set {ADMIN_ENV}, or gateway.admin_key_file")
    gateway = settings.gateway
    own = gateway.admin_port is not None
    host, port = (gateway.admin_host if own else gateway.host), gateway.admin_port or gateway.port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    address = urlsplit(url or f"http://{f'[{host}]' if ':' in host else host}:{port}")
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if address.scheme not in kinds or not address.hostname:
        raise ConfigError(f"url {url!r}: write http://127.0.0.1:8080")
    connection = kinds[address.scheme](address.hostname, address.port, timeout=PATIENCE_S)
    try:
        headers = {"authorization": f"Bearer {key.reveal()}"}
        payload = None if body is None else json.dumps(body)
        connection.request("POST", path, payload, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConfigError(
            f"no gateway answers at {address.netloc} ({type(error).__name__}); start it, or pass "
            "--url"
        ) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise RefusedError(told.get("error", {}).get("message", f"HTTP {answer.status}"))
    return told
