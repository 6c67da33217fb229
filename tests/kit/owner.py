"""Endpoints for tests: made through the front door, their deliveries and attempts put straight into the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from hub.domain.ids import derived_id
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import WAIT
from tests.kit.wait import eventually

Json = dict[str, Any]
ENDPOINTS = "/api/webhook-endpoints/"


@dataclass(frozen=True, slots=True)
class Owner:
    """A pharmacy's key at the gateway, and what its endpoints' calls verify with."""

    stage: GatewayStage
    key: TestKey
    secrets: set[str] = field(default_factory=set)

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Call, a write waits for its outcome."""
        named = self.key.headers | WAIT | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.stage.client.request(method, path, headers=named, json=body)

    async def make(self, url: str = "https://receiver.example/hook", **members: Any) -> Json:
        """Make an endpoint."""
        answer = await self.call("POST", ENDPOINTS, {"url": url, **members})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        self.secrets.add(made.get("secret") or made["public_key"])
        return made

    async def sell(self, count: int = 1, **members: Any) -> None:
        """Record sales of 1.00 each."""
        for _ in range(count):
            body = {"sku": "A", "quantity": 1, "total_price": "1.00", **members}
            answer = await self.call("POST", "/api/sales/", body)
            assert answer.status_code == 201, answer.text

    async def stock(self) -> None:
        """Put something on the shelf."""
        answer = await self.call("POST", "/api/inventory/", {"sku": "A", "name": "Aspirin", "price": "1.00"})
        assert answer.status_code == 201, answer.text

    async def deliveries(self, **filters: str) -> list[Json]:
        """List deliveries, the oldest first."""
        answer = await self.call("GET", f"/api/webhook-deliveries/?{httpx.QueryParams(filters)}")
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def until_deliveries(self, count: int, within: float = 15, **filters: str) -> list[Json]:
        """Wait until there are so many."""
        return await eventually(lambda: self.deliveries(**filters), lambda found: len(found) == count, within=within)

    async def row(self, endpoint_id: str) -> Mapping[str, Any]:
        """Read an endpoint's row."""
        async with self.stage.writes.connection() as connection:
            found = await connection.fetch("SELECT * FROM webhook_endpoints WHERE id = $1", UUID(endpoint_id))
        return dict(found[0])

    async def add_deliveries(
        self, endpoint_id: str, count: int = 1, *, status: str = "delivered", attempts: int = 1, age_hours: float = 1
    ) -> list[UUID]:
        """Log events and put their deliveries into the database, as if they had gone out."""
        events = await self.stage.log(self.key.pharmacy_id, count)
        at = datetime.now(UTC) - timedelta(hours=age_hours)
        due = at + timedelta(days=1) if status == "pending" else None
        ids = [derived_id(UUID(endpoint_id), "delivery", event.id) for event in events]
        async with self.stage.writes.transaction() as connection:
            await connection.executemany(
                "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
                "round_start, next_attempt_at, last_status_code, created_at, updated_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 500, $10, $10)",
                [
                    (one, self.key.pharmacy_id, UUID(endpoint_id), event.id, event.sequence, event.type, status, attempts, due, at)
                    for one, event in zip(ids, events, strict=True)
                ],
            )  # fmt: skip
        return ids

    async def add_attempt(self, delivery_id: UUID, number: int, status: int | None, ms: int, **members: Any) -> None:
        """Put an attempt into the database."""
        async with self.stage.writes.transaction() as connection:
            await connection.execute(
                "INSERT INTO webhook_attempts (id, pharmacy_id, delivery_id, number, at, status_code, duration_ms, response_body, "
                "address, error_class) VALUES ($1, $2, $3, $4, now(), $5, $6, '', $7, $8)",
                uuid4(),
                self.key.pharmacy_id,
                delivery_id,
                number,
                status,
                ms,
                members.get("address"),
                members.get("error_class"),
            )
