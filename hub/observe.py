"""Logs: one line for a unit of work, JSON for machines or coloured for people, without secrets and without clients' data.

An exception is told by its type and by where it was raised, not by its message: those of PostgreSQL, pydantic and many
others quote the row or the body they were given. `Faults` of the hub and errors of the network say nothing of the kind.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Literal

import structlog

from hub.faults import HubFault

_SECRET = re.compile(r"(?:phk|pho|whsec)_[A-Za-z0-9+/=_-]{8,}|(?<=://)[^/@\s]+@")
# asyncio and others write an exception into the text of a line.
_QUOTED = re.compile(r"(?<=exception=)[A-Za-z_.]+\(.*\)", re.DOTALL)
_MOST_FRAMES = 30
_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access")
_NOISY = ("aio_pika", "aiormq", "faststream", "asyncpg", "tortoise", "httpx", "httpcore")


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _QUOTED.sub("***", _SECRET.sub("***", value))
    return event


def _tell_exception(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write an exception down without what it quotes."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if error is not None:
        event["exception"] = "\n".join(_lines_of(error, set()))
    return event


def _lines_of(error: BaseException, seen: set[int]) -> list[str]:
    if id(error) in seen:
        return []
    seen.add(id(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [] if cause is None else [*_lines_of(cause, seen), "then:"]
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}{_what_it_says(error)}")
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += ["of which:", *_lines_of(inner, seen)]
    return lines


def _what_it_says(error: BaseException) -> str:
    if isinstance(error, HubFault | OSError):
        return f": {error}"
    # PostgreSQL names the rule that was broken beside the message.
    known = [
        str(value) for name in ("sqlstate", "constraint_name", "table_name") if (value := getattr(error, name, None))
    ]
    return f": {' '.join(known)}" if known else ""


def configure_logs(form: Literal["json", "pretty"]) -> None:
    """Send structlog's and the standard library's lines to stderr in one form, and what ends the process as one of them."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tell_exception,
        _redact,
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # The server's own handlers would print tracebacks, and its lines of access the queries of requests and sockets.
    for name in _SERVERS:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _NOISY:
        # They log a traceback for every reconnect that the hub expects and names itself.
        logging.getLogger(name).setLevel(logging.CRITICAL if name in {"aio_pika", "aiormq"} else logging.WARNING)
    sys.excepthook = _tell_end


def _tell_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what ends the process as any other fault: Python would print the exception's words, which may be a client's."""
    if issubclass(kind, Exception):
        structlog.get_logger("process").critical("process.broke", exc_info=error)
    else:
        sys.__excepthook__(kind, error, trace)
