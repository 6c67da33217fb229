"""A janitor that does a round when it is told, and rows of any age to try it on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from consumers.figures import Figures
from consumers.janitor import Janitor
from consumers.window import Window
from hub import clock
from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import open_connection
from hub.messaging.declaring import declare_topology
from hub.settings import Settings
from hub.storage.database import Database, open_database

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class JanitorStage:
    """A janitor, and the hands of a time traveller."""

    janitor: Janitor
    writes: Database
    owner: asyncpg.Connection
    publisher: BulkPublisher
    settings: Settings
    figures: Figures

    async def add(self, table: str, **values: Any) -> UUID:
        """Insert a row as it stands; gives its id."""
        values = {"id": uuid4()} | values
        names, places = ", ".join(values), ", ".join(f"${index}" for index in range(1, len(values) + 1))
        await self.owner.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *values.values())
        row_id: UUID = values["id"]
        return row_id

    async def operation(self, status: str, ended: datetime) -> UUID:
        """Add an operation."""
        return await self.add(
            "operations", pharmacy_id=uuid4(), type="sale.record", status=status, fingerprint="", resource_type="sales",
            accepted_at=ended, finished_at=ended, event_count=0, actor="system", door="http",
        )  # fmt: skip

    async def log(self, pharmacy_id: UUID, *times: datetime) -> None:
        """Write a pharmacy's whole log, from sequence 1."""
        for sequence, time in enumerate(times, 1):
            await self.add(
                "events", pharmacy_id=pharmacy_id, sequence=sequence, type="sale.recorded", operation_id=uuid4(), time=time, body="{}"
            )  # fmt: skip
        await self.owner.execute("INSERT INTO event_sequences VALUES ($1, $2)", pharmacy_id, len(times))

    async def sequences(self, pharmacy_id: UUID) -> list[int]:
        """Name the events that are left."""
        query = "SELECT sequence FROM events WHERE pharmacy_id = $1 ORDER BY 1"
        return [record[0] for record in await self.owner.fetch(query, pharmacy_id)]

    async def endpoint(
        self, pharmacy_id: UUID, cursor: int | None, *, enabled: bool = True, deleted: bool = False
    ) -> UUID:
        """Add an endpoint whose log is spread up to a cursor."""
        now = clock.now()
        endpoint_id = await self.add(
            "webhook_endpoints", pharmacy_id=pharmacy_id, url="https://x.example/", secret="", event_types='["*"]', enabled=enabled,
            is_default=False, description="", created_at=now - 400 * DAY, updated_at=now, version=1,
            deleted_at=now if deleted else None,
        )  # fmt: skip
        if cursor is not None:
            await self.owner.execute(
                "INSERT INTO webhook_cursors VALUES ($1, $2, $3)", endpoint_id, pharmacy_id, cursor
            )
        return endpoint_id

    async def delivery(
        self, status: str, at: datetime, pharmacy_id: UUID | None = None, sequence: int = 1, **more: Any
    ) -> UUID:
        """Add a delivery with one attempt."""
        owner = pharmacy_id or uuid4()
        delivery_id = await self.add(
            "webhook_deliveries", pharmacy_id=owner, endpoint_id=uuid4(), event_id=uuid4(), event_sequence=sequence,
            event_type="sale.recorded", status=status, attempts=1, created_at=at, updated_at=at, **more,
        )  # fmt: skip
        await self.add(
            "webhook_attempts", pharmacy_id=owner, delivery_id=delivery_id, number=1, at=at, status_code=500, duration_ms=1,
            response_body="",
        )  # fmt: skip
        return delivery_id

    async def left(self, table: str) -> set[UUID]:
        """Name the rows that are left."""
        return {record[0] for record in await self.owner.fetch(f"SELECT id FROM {table}")}


@asynccontextmanager
async def open_janitor_stage(settings: Settings) -> AsyncIterator[JanitorStage]:
    """Open a stage on this test's database and virtual host."""
    url = settings.database_url.get_secret_value()
    owner = await asyncpg.connect(url)
    try:
        async with (
            open_connection(settings.amqp_urls, name="test publishing") as connection,
            open_database(url, "hub_write", pool=2) as writes,
        ):
            await declare_topology(connection, settings.partitions)
            publisher = BulkPublisher(connection, confirm_seconds=5)
            figures = Figures()
            janitor = Janitor(Window(), writes, publisher, settings, figures)
            yield JanitorStage(janitor, writes, owner, publisher, settings, figures)
    finally:
        await owner.close()
