"""A string that never prints."""

from __future__ import annotations

from routewright.redaction import remember


class Secret:
    """A string that prints as ``***``; ``reveal`` is the one way to its content.

    Where it turns up in a log line or an error's text nevertheless, it is masked there.
    """

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The secret itself, for the one header that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"
