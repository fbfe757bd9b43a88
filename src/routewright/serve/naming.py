"""What a request's model name asks for: text → a frozen ``Asked``. Nothing is opened or called.

auto                            route by the configured policy
auto:best, auto:cheap           a profile, built in or of [gateway.profiles]
auto:quality=0.95,max_usd=0.01  settings of this one request, joined by commas
auto:careful,max_usd=0.01       a profile with a setting laid over it
router-mf-0.11593               RouteLLM's: the strong of two models from this win rate on
acme-large                      a model of the pool, straight through
gpt-4o                          an alias of [gateway.aliases] for any of these
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

import msgspec

from routewright.errors import ConfigError, RequestError, UnknownModelError
from routewright.types import PolicySettings

AUTO = "auto"
BUILT_IN = {
    "best": PolicySettings(quality=1.0),
    "cheap": PolicySettings(worth_usd=0.0),
}
SETTINGS = ("quality", "max_usd", "worth_usd", "threshold", "win_rate")

_ROUTELLM = re.compile(r"router-(?P<router>.+)-(?P<threshold>[0-9]*\.?[0-9]+)", re.ASCII)
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:e[+-]?[0-9]{1,3})?|inf", re.ASCII)
_MOST_QUOTED = 100  # characters of a name that a message repeats, and that near ones are sought for
_MOST_LISTED = 20  # names that such a message offers
_MOST_READ = 1000  # characters; no name that means anything is longer


class Asked(msgspec.Struct, frozen=True):
    """A model of the pool by its own name, or, where ``model`` is "", the policy to route by."""

    model: str = ""
    policy: PolicySettings = PolicySettings()


class Names:
    """Every name that a gateway answers to.

    Args:
        models: the pool.
        profiles: the operator's policies by name; one may take the place of a built-in.
        aliases: other words for a model, ``auto``, or ``auto:...``; never for another alias.
        routers: what RouteLLM's ``router-NAME-THRESHOLD`` may call the router.

    Raises:
        ConfigError: a profile, alias or model with a name or a content that cannot be.
    """

    def __init__(
        self,
        models: Collection[str],
        *,
        profiles: Mapping[str, PolicySettings] | None = None,
        aliases: Mapping[str, str] | None = None,
        routers: Collection[str] = (),
    ) -> None:
        self._models = tuple(models)
        self._profiles = BUILT_IN | dict(profiles or {})
        self._aliases = dict(aliases or {})
        self._routers = {name.replace("_", "-") for name in routers if name}
        self._check(profiles or {})
        self._read = {alias: self._target(alias) for alias in self._aliases}
        self._read |= {AUTO: Asked(), **{name: Asked(name) for name in self._models}}
        self._read |= {
            f"{AUTO}:{name}": Asked(policy=self.resolved(p)) for name, p in self._profiles.items()
        }

    def read(self, name: str) -> Asked:
        """What a name asks for.

        Raises:
            UnknownModelError: nobody answers to it; near matches are named.
            RequestError: a setting in it that cannot be.
        """
        found = self._read.get(name)
        if found is not None:
            return found
        if len(name) <= _MOST_READ:
            if name.startswith(f"{AUTO}:"):
                return Asked(policy=self._settings(name))
            routellm = _ROUTELLM.fullmatch(name)
            if routellm and routellm["router"].replace("_", "-") in self._routers:
                given = _checked(PolicySettings(win_rate=float(routellm["threshold"])), name)
                return Asked(policy=given)
        raise self._unknown(name)

    def listed(self) -> tuple[str, ...]:
        """``auto``, the pool in its order, then profiles and aliases."""
        profiles = (f"{AUTO}:{name}" for name in self._profiles)
        return (AUTO, *self._models, *profiles, *self._aliases)

    def resolved(self, policy: PolicySettings) -> PolicySettings:
        """The policy with aliases of models among its ``models`` replaced by what they mean."""
        if policy.models is None or not self._aliases:
            return policy
        models = tuple(self._aliases.get(name, name) for name in policy.models)
        return msgspec.structs.replace(policy, models=models)

    def _settings(self, name: str) -> PolicySettings:
        """The policy behind ``auto:``: a profile first, if any, and settings laid over it."""
        first, *others = name.removeprefix(f"{AUTO}:").split(",")
        below = self._profiles.get(first)
        if below is None:
            below, others = PolicySettings(), [first, *others]
        values: dict[str, float] = {}
        for word in others:
            key, equals, value = word.partition("=")
            if not equals and key in self._profiles:
                raise RequestError(
                    f"model {_quoted(name)}: one profile, in the first place", param="model"
                )
            if not equals or key not in SETTINGS:
                raise self._unknown(name)
            if key in values or not _NUMBER.fullmatch(value):
                what = "is given twice" if key in values else "needs a number"
                raise RequestError(f"model {_quoted(name)}: {key} {what}", param="model")
            values[key] = float(value)
        over = _checked(msgspec.convert(values, PolicySettings), name)
        return over.over(self.resolved(below))

    def _target(self, alias: str) -> Asked:
        target = self._aliases[alias]
        if target in self._models:
            return Asked(target)
        if target == AUTO:
            return Asked()
        try:
            if target.startswith(f"{AUTO}:"):
                return Asked(policy=self._settings(target))
        except (UnknownModelError, RequestError) as error:
            raise ConfigError(f"gateway.aliases.{alias}: {error}") from error
        raise ConfigError(
            f"gateway.aliases.{alias}: {target!r} is neither a model of the pool nor {AUTO}:..."
        )

    def _check(self, profiles: Mapping[str, PolicySettings]) -> None:
        for name in self._models:
            if name == AUTO or name.startswith(f"{AUTO}:"):
                raise ConfigError(f'models."{name}": "{AUTO}" means routing; choose another name')
        for alias in self._aliases:
            if alias in self._models or alias == AUTO or alias.startswith(f"{AUTO}:"):
                raise ConfigError(f"gateway.aliases.{alias}: that name is taken; choose another")
        for name, policy in profiles.items():
            if not name or set(name) & set(",=:"):
                raise ConfigError(f"gateway.profiles.{name}: a name has no comma, = or colon")
            field, wrong = policy.trouble()
            if wrong:
                raise ConfigError(f"gateway.profiles.{name}.{field} {wrong}")
            for model in self.resolved(policy).models or ():
                if model not in self._models:
                    raise ConfigError(
                        f"gateway.profiles.{name}.models: {model!r} is not in the pool "
                        f"({', '.join(self._models)})"
                    )

    def _unknown(self, name: str) -> UnknownModelError:
        offered = self.listed()
        near: list[str] = []
        if len(name) <= _MOST_QUOTED:
            near = difflib.get_close_matches(name, offered, n=2, cutoff=0.4)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"known: {', '.join(offered[:_MOST_LISTED])}"
        )
        if name.startswith(f"{AUTO}:"):
            hint += f" (settings: {', '.join(f'{key}=...' for key in SETTINGS)})"
        return UnknownModelError(f"unknown model {_quoted(name)}; {hint}")


def _checked(policy: PolicySettings, name: str) -> PolicySettings:
    field, wrong = policy.trouble()
    if wrong:
        raise RequestError(f"model {_quoted(name)}: {field} {wrong}", param="model")
    return policy


def _quoted(name: str) -> str:
    """The name as a message may show it: escaped, on one line, cut where it is too long."""
    if len(name) <= _MOST_QUOTED:
        return ascii(name)
    return f"{name[:_MOST_QUOTED]!a}... ({len(name)} characters)"
