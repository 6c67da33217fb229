"""What a gateway tells for the audit log: it delays no read, fails none, and is kept while the broker is away."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute
from websockets.asyncio.client import connect

from gateway.audit import BATCH, WAITING, AuditTrail
from gateway.audited import AUDITED_READS
from hub import clock
from hub.domain.audit import AuditEntry
from hub.faults import Poison, Unavailable
from hub.messaging.audit import audit_message, read_audit
from hub.messaging.bulk_publisher import Outgoing
from hub.settings import Settings
from tests.kit.consumers import running_consumers
from tests.kit.document import APP
from tests.kit.gateway import GatewayStage
from tests.kit.wait import eventually

LATER: set[str] = set()  # routes that are audited before they exist


def a_line(subject: str = "/api/events/") -> AuditEntry:
    """A line about a read."""
    return AuditEntry(uuid4(), None, "operator:1", "event.read", subject, clock.now(), "127.0.0.1 x")


@dataclass(slots=True)
class Broker:
    """A publisher that can be away."""

    is_away: bool = False
    told: list[AuditEntry] = field(default_factory=list)
    uses: list[dict[UUID, Any]] = field(default_factory=list)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Take messages, or say that nothing is there."""
        if self.is_away:
            raise Unavailable("rabbitmq")
        for message in messages:
            entries, uses = read_audit(message.body)
            self.told += entries
            if uses:
                self.uses.append(uses)


def a_trail(broker: Broker) -> AuditTrail:
    """A trail over a broker of the test's."""
    return AuditTrail(broker)  # type: ignore[arg-type]


async def test_lines_wait_while_the_broker_is_away_and_are_told_in_order_and_once() -> None:
    broker = Broker(is_away=True)
    trail = a_trail(broker)
    lines = [a_line(str(index)) for index in range(BATCH + 7)]
    for line in lines:
        trail.note_read(line)
    with pytest.raises(Unavailable):
        await trail.flush()
    broker.is_away = False
    await trail.flush()
    await trail.flush()
    assert broker.told == lines


async def test_what_waits_has_a_bound_and_the_oldest_go_first() -> None:
    broker = Broker()
    trail = a_trail(broker)
    for index in range(WAITING + 3):
        trail.note_read(a_line(str(index)))
    await trail.flush()
    assert [line.subject for line in (broker.told[0], broker.told[-1])] == ["3", str(WAITING + 2)]


async def test_a_key_in_use_is_told_at_most_every_ten_seconds() -> None:
    broker = Broker()
    trail = a_trail(broker)
    key, other = uuid4(), uuid4()
    for _ in range(3):
        trail.note_use(key)
        await trail.flush()
    trail.note_use(other)
    await trail.flush()
    assert [set(uses) for uses in broker.uses] == [{key}]
    await trail.flush(is_last=True)
    assert [set(uses) for uses in broker.uses] == [{key}, {key, other}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"entries": [{}], "uses": {}}',
        b'{"entries": [], "uses": {"x": "2026-11-24T12:00:00Z"}}',
        b"\xff",
    ],
)
def test_what_no_gateway_wrote_is_poison(body: bytes) -> None:
    with pytest.raises(Poison):
        read_audit(body)


def test_what_is_written_is_read_back() -> None:
    line, key, now = a_line(), uuid4(), clock.now()
    assert read_audit(audit_message([line], {key: now}).body) == ([line], {key: now})


def test_every_audited_read_is_a_route() -> None:
    routes = {
        re.sub(r"{[^}]*}", "{}", route.path)
        for route in APP.routes
        if isinstance(route, HTTPRoute) and "GET" in route.methods
    }
    assert set(AUDITED_READS) - LATER <= routes


async def test_an_operator_reads_on_while_nobody_writes_the_audit_and_it_is_written_later(live: GatewayStage) -> None:
    key, operator = await live.add_key(), {"X-API-KEY": await live.add_operator_key()}
    named = operator | {"X-Pharmacy-Id": str(key.pharmacy_id)}
    reads = ("/api/webhook-events/", "/api/events/", "/api/inventory/")
    for path in reads:
        answer = await live.client.get(path, headers=named | {"X-Request-Id": "no id at all"})
        assert answer.status_code == 200
        assert ("x-request-id" in answer.headers) == (path != "/api/inventory/")
    assert (await live.client.get("/api/webhook-events/", headers=key.headers)).status_code == 200
    async with connect(f"{live.ws_url}/ws/events", additional_headers=named, proxy=None) as socket:
        assert "ready" in str(await socket.recv())
    assert (await live.client.get(f"/api/webhook-events/{uuid4()}/", headers=named)).status_code == 404

    async def lines() -> list[dict[str, Any]]:
        wanted = {"pharmacy_id": str(key.pharmacy_id)}
        found: list[dict[str, Any]] = (await live.client.get("/api/audit/", params=wanted, headers=operator)).json()[
            "items"
        ]
        return found

    assert await lines() == []
    settings: Settings = live.settings.model_copy(update={"roles": ("janitor",), "janitor_seconds": 3600})
    async with running_consumers(settings):
        found = await eventually(lines, lambda rows: len(rows) == 3)
    assert [(row["action"], row["subject"]) for row in found] == [
        ("event.read", "/ws/events"),
        ("event.read", "/api/events/"),
        ("webhook_event.read", "/api/webhook-events/"),
    ]
    assert all(re.fullmatch(r"127\.0\.0\.1 [0-9a-f-]{36}", row["origin"]) for row in found)


async def test_a_write_of_an_operator_is_audited_with_the_pharmacy_it_was_for(live: GatewayStage) -> None:
    key, operator = await live.add_key(), {"X-API-KEY": await live.add_operator_key()}
    headers = operator | {"X-Pharmacy-Id": str(key.pharmacy_id), "Prefer": "wait=15", "X-Request-Id": "r-1"}
    body = {"sku": "A", "name": "Aspirin", "price": "1.00"}
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        made = await live.client.post("/api/inventory/", json=body, headers=headers)
        again = await live.client.post("/api/inventory/", json=body, headers=headers)
        own = await live.client.post(
            "/api/inventory/", json=body | {"sku": "B"}, headers=key.headers | {"Prefer": "wait=15"}
        )
        minted = await live.client.post(
            f"/api/pharmacies/{key.pharmacy_id}/keys/",
            json={"name": "till"},
            headers=key.headers | {"Prefer": "wait=15"},
        )
    assert [answer.status_code for answer in (made, again, own, minted)] == [201, 409, 201, 201]
    answer: httpx.Response = await live.client.get(
        "/api/audit/", params={"pharmacy_id": str(key.pharmacy_id)}, headers=operator
    )
    rows = list(reversed(answer.json()["items"]))
    assert [(row["action"], row["outcome"]) for row in rows] == [
        ("inventory.create", "applied"),
        ("inventory.create", "rejected"),
        ("api_key.create", "applied"),
    ]
    assert rows[0]["subject"] == f"inventory/{made.json()['id']}"
    assert rows[0]["origin"] == "127.0.0.1 r-1"
    assert rows[2]["origin"] == f"127.0.0.1 {minted.headers['operation-id']}"
    assert minted.json()["api_key"] not in answer.text


async def test_a_key_in_use_says_when_it_was_used_last(live: GatewayStage) -> None:
    key = await live.add_key()
    listed = f"/api/pharmacies/{key.pharmacy_id}/keys/"

    async def last_used() -> str | None:
        found = (await live.client.get(listed, headers=key.headers)).json()["items"]
        used: str | None = next(one for one in found if UUID(one["id"]) == key.id)["last_used_at"]
        return used

    assert await last_used() is None
    async with running_consumers(live.settings.model_copy(update={"roles": ("janitor",), "janitor_seconds": 3600})):
        assert await eventually(last_used, lambda used: used is not None, within=30)
