"""Logs: JSON lines, literal event names, and only keys that are known to carry no data value."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

#: A key that is not here is dropped: a log line can never carry a row by accident.
ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "exception", "actor", "request_id", "method", "path", "status", "seconds",
        "job", "job_id", "attempt", "chore", "count", "project", "service", "pid", "port", "reason", "error_type",
    }
)  # fmt: skip


def _only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED}


def configure(level: str = "INFO") -> None:
    """Sends JSON lines to standard error. Tracebacks name places, never local values."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _places,
            _only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _places(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """An exception as its type and where it was raised; its message may quote data, so it stays out."""
    if event.pop("exc_info", None):
        kind, _error, trace = sys.exc_info()
        places = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["exception"] = places[-6:]
        event["error_type"] = kind.__name__ if kind else ""
    return event


def logger() -> structlog.typing.FilteringBoundLogger:
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return bound
