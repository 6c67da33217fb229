"""Rows in memory."""

from typing import Any
from uuid import UUID

from hub.domain.audit import AuditEntry
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation


class Tables:
    """What is stored, or what a transaction will store."""

    def __init__(self) -> None:
        self.operations: dict[UUID, Operation] = {}
        self.rows: dict[type[Any], dict[UUID, Any]] = {}
        self.events: dict[tuple[UUID, int], StoredEvent] = {}
        self.numbers: dict[UUID, int] = {}
        self.audit: dict[UUID, AuditEntry] = {}

    def take_in(self, other: "Tables") -> None:
        self.operations |= other.operations
        self.events |= other.events
        self.numbers |= other.numbers
        self.audit |= other.audit
        for kind, rows in other.rows.items():
            self.rows.setdefault(kind, {}).update(rows)
