"""What the gateway writes to standard error: one line an event, without keys, as text or JSON."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime

import msgspec

from routewright.config import LogSettings
from routewright.redaction import redacted
from routewright.serve.call import Call, State
from routewright.types import Usage

access_logger = logging.getLogger("routewright.access")


class TextFormatter(logging.Formatter):
    """``LEVEL name: message`` and a traceback below it; a message is one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, keys masked."""
        fields = getattr(record, "fields", {})
        told = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{record.levelname} {record.name}: {_one_line(record.getMessage() + told)}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redacted(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, fields of the event, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, keys masked."""
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = redacted(self.formatException(record.exc_info))
        return msgspec.json.encode(told).decode()


def install(settings: LogSettings) -> None:
    """Log as configured, to standard error; called again, it replaces what was.

    The level is that of the gateway's own messages. Libraries never say less than warnings and
    never more, for what they would tell to a debugger includes headers.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("routewright").setLevel(settings.level.upper())
    access_logger.setLevel(logging.INFO if settings.access else logging.WARNING)


class AccessLog:
    """One line for each request that ended; see ``Watch``."""

    def ended(self, call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
        """A request that was decided has ended."""
        if not access_logger.isEnabledFor(logging.INFO):
            return
        fields: dict[str, object] = {
            "route": call.arrival.route,
            "decision": call.decision.id,
            "key": call.key_id,
            "model": call.model,
            "state": state,
            "stream": call.request.stream,
            "attempts": ",".join(f"{a.model}={a.outcome}" for a in call.attempts),
            "cache": call.cache,
            "degraded": call.degraded,
            "trace": call.arrival.trace_id,
            "input_tokens": usage.input_tokens if usage is not None else None,
            "output_tokens": usage.output_tokens if usage is not None else None,
            "cost_usd": cost_usd,
            "decided_s": round(call.decided_s, 6),
            "first_byte_s": None if call.first_byte_s is None else round(call.first_byte_s, 6),
            "latency_s": round(time.monotonic() - call.started, 6),
        }
        _write({name: value for name, value in fields.items() if value not in (None, "")})

    def refused(self, route: str, code: str) -> None:
        """A request ended before it was decided."""
        if access_logger.isEnabledFor(logging.INFO):
            _write({"route": route, "state": "refused", "code": code})


def _write(fields: dict[str, object]) -> None:
    access_logger.info("request", extra={"fields": fields})


def _one_line(text: str) -> str:
    """The text with its line ends shown: what a client sends must not look like another line."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
