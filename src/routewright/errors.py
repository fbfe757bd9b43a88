"""Every error a user can meet, and what it becomes over HTTP.

    RoutewrightError
    ├── UsageError               the caller can fix it: exit code 2, HTTP 400
    │   ├── ConfigError          routewright.toml, a flag or an environment variable
    │   │   └── UnknownKeyError  no API key of that id or name: HTTP 404
    │   ├── DataError            a table, a prompt file or a journal
    │   │   └── DamagedError     a journal with a line that is not as it was written
    │   ├── ArtefactError        a trained router on disk
    │   ├── RequestError         a request to the gateway
    │   │   └── ContextError     a prompt that is longer than the model's window
    │   ├── UnknownModelError    a model name that nobody offers: HTTP 404
    │   └── MissingExtraError    an optional dependency is not installed
    ├── AuthError                no key, or none that is in force: HTTP 401
    ├── RefusedError             a reload or promotion that is not taken: HTTP 409
    ├── AccessError              a key that may not have what it asks for: HTTP 403
    ├── BudgetError              a key's dollars are spent: HTTP 429
    ├── HostError                a request for another host: HTTP 421
    ├── StoreAwayError           the state's database takes nothing now: HTTP 503
    ├── WeightsError             a weight file is missing or not the published one
    ├── UnavailableError         nobody can be asked now: HTTP 503 with Retry-After
    │   ├── RateLimitedError     a key asks too much a minute: HTTP 429
    │   ├── CoolingError         every candidate asked for time: HTTP 429
    │   └── OverloadedError      the gateway has too much to do
    └── UpstreamError            a model's endpoint failed: HTTP 502
        ├── UpstreamTimeoutError HTTP 504
        ├── UpstreamAccountError the endpoint refuses the account: key, permission or credit
        └── UpstreamLimitError   the endpoint asks to slow down: HTTP 429

Each message names the file, row or field and says the way out, on one line.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, TypeVar

E = TypeVar("E", bound="RoutewrightError")


class RoutewrightError(Exception):
    """The root: catch it to catch everything this package raises on purpose.

    ``quoted`` are the words of its message that are an upstream's own: they may repeat a prompt.
    """

    status = 500
    type = "server_error"
    code = "internal_error"
    exit_code = 1
    quoted = ""

    @property
    def unquoted(self) -> str:
        """The message as it may be written down: "…" stands for what is quoted."""
        return str(self).replace(self.quoted, "…") if self.quoted else str(self)


class UsageError(RoutewrightError):
    """Something the caller can put right."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"
    exit_code = 2


class ConfigError(UsageError):
    """A setting that is missing, misspelt or impossible."""

    code = "invalid_config"


class UnknownKeyError(ConfigError):
    """No API key of that id or name."""

    status = 404
    code = "key_not_found"


class DataError(UsageError):
    """A table, prompt file or journal that cannot be read as what it claims to be."""

    code = "invalid_data"


class DamagedError(DataError):
    """A journal holds a line that is not as it was written."""


class ArtefactError(UsageError):
    """A trained router that is damaged, foreign, or of another version."""

    code = "invalid_artefact"


class RequestError(UsageError):
    """A request that the gateway cannot take; ``param`` names the field where one is known."""

    def __init__(self, message: str, *, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


class ContextError(RequestError):
    """The prompt is longer than the model's window; one with a larger window may take it."""

    code = "context_length_exceeded"


class UnknownModelError(UsageError):
    """A model name that neither the catalogue nor the configuration knows."""

    status = 404
    code = "model_not_found"


class MissingExtraError(UsageError):
    """An optional dependency that this step needs is not installed."""

    code = "missing_extra"


class AuthError(RoutewrightError):
    """No key, or none that is in force. It says the same whatever the cause."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"
    exit_code = 2

    def __init__(self) -> None:
        super().__init__("no valid key: send one as `Authorization: Bearer KEY` or `x-api-key`")


class RefusedError(RoutewrightError):
    """A reload or promotion that is not taken; what was in force stays so."""

    status = 409
    type = "invalid_request_error"
    code = "refused"
    exit_code = 2


class AccessError(RoutewrightError):
    """A key that is in force, but not for this."""

    status = 403
    type = "permission_error"
    code = "model_not_allowed"


class BudgetError(RoutewrightError):
    """A key's budget is spent; ``retry_after_s`` is when there is another, None for never.

    429 rather than 402 because that is what OpenAI's clients know as a quota that is used up.
    """

    status = 429
    type = "insufficient_quota"
    code = "budget_exceeded"

    def __init__(self, message: str, *, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HostError(RoutewrightError):
    """A request whose Host header names another host than this one."""

    status = 421
    type = "invalid_request_error"
    code = "misdirected_request"


class WeightsError(RoutewrightError):
    """A local model's weight file is missing, or its digest is not the published one."""

    code = "weights_unavailable"
    exit_code = 2


class UnavailableError(RoutewrightError):
    """Nobody can be asked now; ``retry_after_s`` is when somebody may be, in whole seconds."""

    status = 503
    code = "no_candidate_available"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = max(math.ceil(retry_after_s), 1)


class CoolingError(UnavailableError):
    """Every candidate's account asked for time; no call was made that could not succeed."""

    status = 429
    type = "rate_limit_error"
    code = "all_candidates_cooling"


class RateLimitedError(UnavailableError):
    """A key asks for more a minute than it may."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limited"


class OverloadedError(UnavailableError):
    """The gateway has more to do than it takes on at once."""

    code = "overloaded"


class StoreAwayError(RoutewrightError):
    """The state's database, or the disk, takes nothing now: away, full, locked. Try again."""

    status = 503
    code = "state_unavailable"
    retry_after_s = 5.0


class UpstreamError(RoutewrightError):
    """A model's endpoint failed or answered something unusable.

    ``maybe_paid`` says whether the call can have been charged all the same: not one that got an
    error status or never reached anybody, but one whose answer broke off on the way. ``reached``
    says whether a connection to the endpoint was had: where not, its other models are as far away.
    """

    status = 502
    type = "upstream_error"
    code = "bad_upstream"
    maybe_paid = True

    def __init__(
        self, message: str, *, maybe_paid: bool | None = None, reached: bool = True
    ) -> None:
        super().__init__(message)
        self.reached = reached
        if maybe_paid is not None:
            self.maybe_paid = maybe_paid


class UpstreamTimeoutError(UpstreamError):
    """A model's endpoint did not answer in time."""

    status = 504
    code = "upstream_timeout"


class UpstreamAccountError(UpstreamError):
    """A model's endpoint refuses the account, not the request: asking again would not help."""

    code = "upstream_account"
    maybe_paid = False


class UpstreamLimitError(UpstreamError):
    """A model's endpoint asks to slow down; ``retry_after_s`` is what it asked for."""

    status = 429
    type = "rate_limit_error"
    code = "upstream_rate_limited"
    maybe_paid = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def quoting(error: E, words: str) -> E:
    """The error, whose message holds an upstream's own words."""
    error.quoted = words
    return error


def error_object(error: RoutewrightError) -> dict[str, Any]:
    """The error in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``."""
    return {
        "error": {
            "message": str(error),
            "type": error.type,
            "param": getattr(error, "param", None),
            "code": error.code,
        }
    }


def require(module: str, extra: str) -> Any:
    """Import an optional module, or say which extra brings it.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this step needs {module.partition('.')[0]}: pip install 'routewright[{extra}]'"
        ) from error
