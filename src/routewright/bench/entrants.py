"""Which routers take part: those of the package, of plug-ins, and a researcher's own file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from routewright import routers
from routewright.errors import ConfigError
from routewright.routers.base import BaseRouter

BLIND = ("random", "cheapest", "best-single", "zero", "oracle")
"""Made routers that join every comparison anyway, as a baseline or a bound, without a fit."""

FITTED = ("cost-only", "length", "task")
"""Baselines that look at the prompt: they are fitted, and join every comparison as well."""


@dataclass(frozen=True)
class Entrant:
    """A router that takes part.

    Attributes:
        name: in the leaderboard.
        file: of a class that isn't registered; empty for a registered router.
        symbol: the class in that file.
        digest: of the source that defines the class: another version is another router.
    """

    name: str
    file: str = ""
    symbol: str = ""
    digest: str = ""

    def make(self, seed: int) -> BaseRouter:
        """A fresh router.

        Raises:
            ConfigError: it cannot be made.
        """
        if not self.file:
            return routers.make(self.name, seed=seed)
        return _class_in(self.file, self.symbol)(seed=seed)


def entrants(names: str | Sequence[str] = "all", files: Sequence[str] = ()) -> tuple[Entrant, ...]:
    """The routers asked for, each once, in the order asked for.

    Args:
        names: names of registered routers; a text is split at commas; ``all`` is every one that
            isn't a baseline and doesn't fine-tune a network.
        files: ``path/to/file.py:Class`` each. The file is run: name only files that you trust.

    Raises:
        ConfigError: an unknown name, nothing to compare, or a file without such a router.
    """
    asked = names.split(",") if isinstance(names, str) else list(names)
    wanted: list[str] = []
    for name in filter(None, (each.strip() for each in asked)):
        wanted += [name] if name != "all" else [n for n in routers.names() if _learns(n)]
    # Blind ones join anyway; naming one is no mistake.
    chosen = [name for name in dict.fromkeys(wanted) if _sees(name)]
    found = [Entrant(name, digest=_source(routers.kind(name))) for name in chosen]
    for each in dict.fromkeys(files):
        own = _from_file(each)
        if own.name in {*routers.names(), *(other.name for other in found)}:
            raise ConfigError(
                f"{each}: a router named {own.name!r} takes part already; give the class another "
                "name attribute"
            )
        found.append(own)
    if not found:
        raise ConfigError(
            f"no router to compare; name some of {', '.join(filter(_sees, routers.names()))}"
        )
    return tuple(found)


def fitted_baselines(named: Sequence[Entrant], *, tasks: bool) -> tuple[Entrant, ...]:
    """The baselines that need a fit and weren't named; task where tasks are known."""
    names = {each.name for each in named}
    return tuple(
        Entrant(name, digest=_source(routers.kind(name)))
        for name in FITTED
        if name not in names and (tasks or name != "task")
    )


def _sees(name: str) -> bool:
    return name not in BLIND and not routers.kind(name).knows_only_training_prompts


def _learns(name: str) -> bool:
    return _sees(name) and name not in FITTED and not routers.kind(name).fine_tuned


def _source(kind: type[BaseRouter]) -> str:
    file = inspect.getsourcefile(kind)
    return "" if file is None else _digest(Path(file))


def _digest(file: Path) -> str:
    return blake2b(file.read_bytes(), digest_size=16).hexdigest()


def _from_file(told: str) -> Entrant:
    file, colon, symbol = told.rpartition(":")
    if not colon or not file.endswith(".py") or not symbol:
        raise ConfigError(f"--router {told}: write path/to/file.py:Class")
    if not Path(file).is_file():
        raise ConfigError(f"--router {told}: no file {file}")
    path = Path(file).resolve()
    kind = _class_in(str(path), symbol)
    try:
        kind(seed=0)
    except TypeError as error:
        raise ConfigError(
            f"--router {told}: {symbol}(seed=0) fails ({error}); a router can be made from a seed "
            "alone and has every method of BaseRouter"
        ) from error
    if kind.knows_only_training_prompts:
        raise ConfigError(f"--router {told}: it knows only training prompts, so it can't compete")
    name = str(getattr(kind, "name", "") or symbol)
    return Entrant(name, str(path), symbol, _digest(path))


@cache
def _class_in(file: str, symbol: str) -> type[BaseRouter]:
    """The router class of a file that the user named; the file is run once a process."""
    name = f"routewright_entrant_{blake2b(file.encode(), digest_size=8).hexdigest()}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{file}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ConfigError(f"{file}: {type(error).__name__}: {error}") from error
    found = getattr(sys.modules[name], symbol, None)
    if found is None:
        raise ConfigError(f"{file}: no class {symbol!r}; it has {_classes(name) or 'no router'}")
    if not isinstance(found, type) or not issubclass(found, BaseRouter):
        raise ConfigError(f"{file}: {symbol} is not a subclass of routewright.routers.BaseRouter")
    return found


def _classes(module: str) -> str:
    own = vars(sys.modules[module]).items()
    return ", ".join(
        name
        for name, each in own
        if isinstance(each, type) and issubclass(each, BaseRouter) and each.__module__ == module
    )
