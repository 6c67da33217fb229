"""Logs: one line for a unit of work, JSON for machines or coloured for people, without secrets."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_SECRET = re.compile(r"(?:phk|pho|whsec)_[A-Za-z0-9+/=_-]{8,}|(?<=://)[^/@\s]+@")
_NOISY = ("aio_pika", "aiormq", "faststream", "asyncpg", "tortoise", "httpx", "httpcore")


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub("***", value)
    return event


def configure_logs(form: Literal["json", "pretty"], level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's lines to stderr in one form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
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
    root.setLevel(level)
    for name in _NOISY:
        # They log a traceback for every reconnect that the hub expects and names itself.
        logging.getLogger(name).setLevel(logging.CRITICAL if name in {"aio_pika", "aiormq"} else logging.WARNING)
