"""``routewright keys``: API keys, in the state's database; a running gateway follows within 5 s."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.cli.options import config_option
from routewright.errors import ConfigError

if TYPE_CHECKING:
    from routewright.state.api_key import ApiKey
    from routewright.state.keys import Keys

_SECONDS = {"h": 3600.0, "d": 86400.0}
_POLICY = ("quality", "worth_usd", "threshold", "win_rate", "max_usd")
_TERMS = (
    ("day_usd", float, "US dollars a day (UTC)."),
    ("month_usd", float, "US dollars a month (UTC)."),
    ("total_usd", float, "US dollars for good."),
    ("requests_per_min", int, "Requests a minute."),
    ("tokens_per_min", int, "Tokens a minute, of prompts and answers."),
)


@click.group(name="keys")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Make, list, change and revoke the API keys of a gateway."""
    context.obj = config


def _terms(function: Callable[..., None]) -> Callable[..., None]:
    """The options that ``create`` and ``set`` have in common."""
    for name, kind, text in reversed(_TERMS):
        option = f"--{name.replace('_', '-')}"
        function = click.option(option, name, type=_Number(kind), help=text)(function)
    function = click.option(
        "--model", "models", multiple=True, help="A model that may answer; repeat it for several."
    )(function)
    function = click.option(
        "--policy", help='The policy of requests that name none, such as "quality=0.95".'
    )(function)
    return click.option("--expires", help="When it ends: 30d, 12h, a date, or never.")(function)


class _Number(click.ParamType[float | str]):
    """A number, or ``none`` for no limit."""

    name = "number|none"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number; NaN is refused with everything else that is none."""
        if value == "none":
            return "none"
        try:
            number = self._kind(value)
        except ValueError:
            self.fail(f"{value!r} is not a number, nor none", param, ctx)
        return number


@command.command(name="create")
@click.argument("name")
@_terms
@click.pass_obj
def create(config: Path, name: str, expires: str | None, **given: Any) -> None:
    """Make a key and print it, this once."""
    import msgspec

    from routewright.state.api_key import Terms

    keys = _keys(config)
    changes = {field: value for field, value in _changes(given).items() if value is not None}
    terms = msgspec.convert(changes, Terms)  # click has checked the types
    key, secret = keys.create(name, terms, _moment(expires))
    click.echo(secret)
    click.echo(f"{key.id} {key.name}: keep it now, it is not shown again", err=True)


@command.command(name="list")
@click.pass_obj
def list_(config: Path) -> None:
    """Show every key: id, name, beginning, state."""
    now = time.time()
    for key in _keys(config).all():
        click.echo(f"{key.id}  {key.name}  {key.prefix}...  {key.state(now)}  {_brief(key)}")


@command.command(name="show")
@click.argument("key")
@click.pass_obj
def show(config: Path, key: str) -> None:
    """Show one key as JSON: its terms, not its secret."""
    import msgspec

    told = _keys(config).find(key).told(time.time())
    click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())


@command.command(name="revoke")
@click.argument("key")
@click.pass_obj
def revoke(config: Path, key: str) -> None:
    """End a key, by its id or name, for good."""
    click.echo(f"revoked {_keys(config).revoke(key).name}; gateways refuse it within 5 s")


@command.command(name="rotate")
@click.argument("key")
@click.pass_obj
def rotate(config: Path, key: str) -> None:
    """Make another secret for a key and print it; the old one ends within 5 s."""
    found, secret = _keys(config).rotate(key)
    click.echo(secret)
    click.echo(f"{found.id} {found.name}: keep it now, it is not shown again", err=True)


@command.command(name="set")
@click.argument("key")
@_terms
@click.pass_obj
def set_(config: Path, key: str, expires: str | None, **given: Any) -> None:
    """Change what a key allows; what is not named stays, `none` takes a limit away."""
    changes = _changes(given)
    if expires is not None:
        changes["expires"] = _moment(expires)
    if not changes:
        raise ConfigError("nothing to change; see `routewright keys set --help`")
    click.echo(f"{_keys(config).set(key, changes).name}: changed; gateways follow within 5 s")


def _keys(config: Path) -> Keys:
    from routewright.config import load_settings
    from routewright.serve.sinks import with_state
    from routewright.state.keys import Keys
    from routewright.state.store import Store

    settings = with_state(load_settings(config))
    if settings.gateway.state is None:
        raise ConfigError(
            "keys need a database: set gateway.state.url in place of gateway.decisions"
        )
    return Keys(Store(settings.gateway.state.url, Path(settings.folder)))


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Options → fields of the terms; only those that were given."""
    changes: dict[str, Any] = {
        name: None if given[name] == "none" else given[name]
        for name, _, _ in _TERMS
        if given[name] is not None
    }
    if given["models"]:
        changes["models"] = None if given["models"] == ("none",) else list(given["models"])
    if given["policy"] is not None:
        changes["policy"] = {} if given["policy"] == "none" else _policy(given["policy"])
    return changes


def _policy(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            if name not in _POLICY:
                raise ValueError(name)
            found[name] = float(value)
        except ValueError:
            raise ConfigError(
                f"policy {text!r}: write settings such as quality=0.95,max_usd=0.01"
            ) from None
    return found


def _moment(text: str | None) -> float | None:
    if text is None or text in ("never", "none"):
        return None
    if match := re.fullmatch(r"(\d{1,6})([hd])", text):
        return time.time() + int(match[1]) * _SECONDS[match[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"expires {text!r}: write 30d, 12h, 2027-01-31, or never") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _brief(key: ApiKey) -> str:
    terms = key.terms
    told = [f"{name}={getattr(terms, name):g}" for name, _, _ in _TERMS if getattr(terms, name)]
    if terms.models is not None:
        told.append(f"models={','.join(terms.models)}")
    if policy := str(terms.policy):
        told.append(f"policy={policy}")
    return " ".join(told) or "no limits"
