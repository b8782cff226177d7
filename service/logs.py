"""Log lines as JSON with fields from an allow-list; nothing else can get in, whoever logs.

Our own events go through `event`. Lines of libraries keep their logger, level and message *template*: their
arguments, which may hold a path, a query or a value, are never formatted, and exceptions are named by type and place
only.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import msgspec

FIELDS = frozenset(
    {
        "request_id",
        "client",
        "organisation",
        "role",
        "purpose",
        "interaction",
        "resource_type",
        "status",
        "rule",
        "reason",
        "milliseconds",
        "bytes",
        "issues",
        "attempts",
        "decision",
        "count",
        "environment",
        "address",
        "store",
    }
)
"""The only fields a line may have besides time, level and event. None of them can hold content of a record."""

_LOGGER = logging.getLogger("epaccs")
_encode = msgspec.json.Encoder().encode


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event. A field outside the allow-list is a programming error and raises KeyError."""
    if not _LOGGER.isEnabledFor(level):
        return
    stray = fields.keys() - FIELDS
    if stray:
        raise KeyError(f"fields that may not be logged: {sorted(stray)}")
    record = logging.LogRecord(_LOGGER.name, level, "", 0, name, None, None)
    record.fields = fields
    _LOGGER.handle(record)


class AllowListFormatter(logging.Formatter):
    """Formats our events and everybody else's lines, see the module."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON line without message arguments."""
        line: dict[str, Any] = {"time": round(record.created, 3), "level": record.levelname}
        if record.name == _LOGGER.name:
            line["event"] = record.msg
            line.update(getattr(record, "fields", {}))
        else:
            line["logger"] = record.name
            # A message without arguments may have been put together from values, so only its place is told.
            line["template"] = record.msg if record.args and isinstance(record.msg, str) else record.funcName
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["at"] = [f"{frame.name}:{frame.lineno}" for frame in frames[-6:]]
        return _encode(line).decode()


def configure(level: str) -> None:
    """Send every logger of the process through the allow-list to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AllowListFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # each answer has one line, and it is ours
