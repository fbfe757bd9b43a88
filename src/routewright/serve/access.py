"""Who may ask for what: the key of a request against the route that it matched.

Routes are told apart by the table alone, never by a URL put together from the Host header.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from starlette.types import Scope

from routewright.config import Secret, Settings
from routewright.errors import AuthError, ConfigError, HostError, UnavailableError
from routewright.serve.heads import remembered
from routewright.serve.keyring import Keyring
from routewright.serve.routes import Access
from routewright.state.api_key import ApiKey, digest_of

ADMIN_ENV = "ROUTEWRIGHT_ADMIN_KEY"
SHORTEST_ADMIN_KEY = 16
NO_KEY = Secret("")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_BEARER = b"bearer "


class Guard:
    """Lets requests through, or refuses them.

    Args:
        settings: say whether keys are asked for, and which hosts are ours.
        keyring: the keys; None where nothing keeps any.
        admin_key: of the operator; empty closes all routes of the operator's.
    """

    def __init__(
        self, settings: Settings, keyring: Keyring | None, admin_key: Secret = NO_KEY
    ) -> None:
        gateway = settings.gateway
        self.keyring = keyring
        self._auth = gateway.auth
        self._last_host = b""  # that was admitted: nearly always the next one's, too
        self._hosts = frozenset(host.lower() for host in gateway.allowed_hosts)
        hosts = [gateway.host, *([gateway.admin_host] * (gateway.admin_port is not None))]
        self._loopback = all(map(is_loopback, hosts))
        self._admin = digest_of(admin_key.reveal()) if admin_key else ""

    @property
    def keyed(self) -> bool:
        """Whether a key is asked for: always with ``keys``, or as soon as there is one."""
        if self._auth == "auto":
            return self.keyring is not None and not (self.keyring.known and self.keyring.empty)
        return self._auth == "keys"

    def check_address(self, host: str) -> None:
        """Whether the gateway may be reached under this address.

        Raises:
            ConfigError: from other machines, and anybody there could ask.
        """
        if is_loopback(host) or self._auth == "open":
            return
        if self.keyring is None:
            raise ConfigError(
                f"host {host} is reachable from other machines and keys need a database; set "
                "gateway.state.url, or use 127.0.0.1"
            )
        if not self.keyring.known or self.keyring.empty:
            why = "has no keys" if self.keyring.known else "cannot read its keys"
            raise ConfigError(
                f"host {host} is reachable from other machines and the gateway {why}; make one "
                "with `routewright keys create NAME`, use 127.0.0.1, or pass --without-keys to "
                "let everybody ask"
            )

    @property
    def settled(self) -> bool:
        """Whether ``settle`` has nothing to wait for."""
        return self.keyring is None or self.keyring.settled

    async def settle(self, access: Access) -> None:
        """Wait for the keys of a gateway that is starting, where the route asks for one."""
        if self.keyring is not None and access != "open":
            await self.keyring.first_read()

    def admit(self, access: Access, scope: Scope) -> ApiKey | None:
        """The key that a request came with; None where none is asked for.

        Raises:
            AuthError: whatever is wrong with its key, in the same words.
            HostError: it was meant for another host.
            UnavailableError: the keys could not be read yet.
        """
        if access == "open":
            return None
        given, host, several = remembered(scope, "credentials", _credentials)
        self._check_host(host)
        if several:
            raise AuthError
        if access == "watch" and self._loopback and not self._admin and not self.keyed:
            return None
        if access in ("admin", "watch"):
            digest = digest_of(given)
            if not self._admin or not given or not hmac.compare_digest(self._admin, digest):
                raise AuthError
            return None
        if not self.keyed:
            return None
        if self.keyring is None:
            raise AuthError
        found = self.keyring.find(given)
        if found is None:
            if not self.keyring.known:
                raise UnavailableError("keys cannot be read now; try again", retry_after_s=5)
            raise AuthError
        return found

    def _check_host(self, host: bytes) -> None:
        """Against pages that resolve their own name to this machine, where no key is asked for.

        Such a name has a dot: one without belongs to nobody outside this network.
        """
        allowed = self._hosts
        if host == self._last_host:
            return
        if not allowed and (self.keyed or not self._loopback):
            return
        name = host.decode("latin-1").strip().lower()
        bare = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
        named = name in allowed or bare in allowed
        nearby = self._loopback and bare in _LOOPBACK_NAMES
        if not named and not nearby and (allowed or not bare.replace("-", "").isalnum()):
            raise HostError("this host name is not ours; add it to gateway.allowed_hosts")
        self._last_host = host


def admin_key(settings: Settings, env: Mapping[str, str] | None = None) -> Secret:
    """The operator's key, from the environment or ``gateway.admin_key_file``; empty if neither.

    Raises:
        ConfigError: the file cannot be read, or the key is too short to be one.
    """
    value = (os.environ if env is None else env).get(ADMIN_ENV, "").strip()
    source = f"environment variable {ADMIN_ENV}"
    if not value and settings.gateway.admin_key_file:
        path: Path = settings.path(settings.gateway.admin_key_file)
        source = f"gateway.admin_key_file {path}"
        try:
            value = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source} cannot be read; put the key alone into it") from error
    elif not value:
        return Secret("")
    if len(value) < SHORTEST_ADMIN_KEY or not value.isascii() or not value.isprintable():
        raise ConfigError(
            f"{source} holds no key: {SHORTEST_ADMIN_KEY} or more plain characters are needed"
        )
    return Secret(value)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        return False


def _credentials(scope: Scope) -> tuple[bytes, bytes, bool]:
    """The key, the Host header, and whether there are several keys that differ."""
    found: set[bytes] = set()
    host = b""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme = value[: len(_BEARER)].lower()
            found.add(value[len(_BEARER) :].strip() if scheme == _BEARER else b"")
    return next(iter(found), b""), host, len(found) > 1
