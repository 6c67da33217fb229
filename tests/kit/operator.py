"""An operator at the gateway's door."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.gateway import GatewayStage
from tests.kit.wait import eventually

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator at the gateway's door."""

    stage: GatewayStage
    key: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call as the operator; a write waits for its outcome."""
        headers = {"X-API-KEY": self.key, "Prefer": "wait=15"} | options.pop("headers", {})
        return await self.stage.client.request(method, path, headers=headers, **options)

    async def parked(self, **filters: str) -> list[Json]:
        """List parked messages."""
        answer = await self.call("GET", "/api/parked/", params=filters)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def audit(self, **filters: str) -> list[Json]:
        """List lines of the audit log."""
        answer = await self.call("GET", "/api/audit/", params=filters)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def operation(self, operation_id: str) -> Json:
        """Read an operation."""
        found: Json = (await self.call("GET", f"/api/operations/{operation_id}")).json()
        return found

    async def one_parked(self, operation_id: str) -> Json:
        """Wait for the parked message of an operation."""
        rows = await eventually(lambda: self.parked(operation_id=operation_id), lambda rows: len(rows) == 1)
        return rows[0]
