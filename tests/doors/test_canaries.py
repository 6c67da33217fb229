"""Canaries: unique words and keys in every input, and afterwards nowhere but where the client's data belongs.

They are looked for in all that gateway and consumers print, in the metrics, in the headers of parked messages, in the
audit log, in what others are answered; and no plain secret is in any table.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hub.messaging.topology import DEAD, partition_of
from hub.security.keys import derive_key
from hub.settings import Settings
from hub.storage.database import credentials_of
from tests.conftest import Servers
from tests.kit.canaries import Cage
from tests.kit.door import open_test_door
from tests.kit.gateway import GatewayStage, TestKey, running_gateway
from tests.kit.processes import consumers_process
from tests.kit.senders import SIGN
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import a_free_port

WAIT = {"Prefer": "wait=15"}


@dataclass
class House:
    """A hub of two processes with logs of their own."""

    live: GatewayStage
    key: TestKey
    operator: str
    cage: Cage
    logs: tuple[Path, Path]
    metrics_url: str
    refusals: list[str] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Ask as the pharmacy."""
        answer = await self.live.client.request(method, path, headers=self.key.headers | (headers or {}), **options)
        if answer.status_code >= 400:
            self.refusals.append(answer.text + str(answer.headers))
        return answer


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """A gateway as a careless operator starts it, and the consumers without the parker."""
    port = a_free_port()
    roles = ("writer", "fanout", "translate", "deliver", "janitor")
    chosen = settings.model_copy(update={"metrics_port": port, "partitions": 2})
    logs = (settings.data_dir / "gateway.log", settings.data_dir / "consumers.log")
    async with running_gateway(chosen, log=logs[0]) as live:
        told = chosen.model_copy(update={"roles": roles, "janitor_seconds": 0.5})
        object.__setattr__(
            told, "__pydantic_fields_set__", {*told.model_fields_set, "partitions", "roles", "janitor_seconds"}
        )
        with consumers_process(told):
            operator, cage = await live.add_operator_key(), Cage()
            begun = {"X-API-KEY": operator, "Idempotency-Key": "first"} | WAIT

            async def first() -> httpx.Response:  # the consumers are still starting
                return await live.client.post("/api/pharmacies/", json={"name": "Corner"}, headers=begun)

            made = await eventually(first, lambda answer: answer.status_code == 201, within=60)
            assert made.status_code == 201, made.text
            key = TestKey(uuid4(), UUID(made.json()["id"]), made.json()["api_key"])
            cage.secrets |= {"a pharmacy's key": key.text, "an operator's key": operator}
            yield House(live, key, operator, cage, logs, f"http://127.0.0.1:{port}/metrics")


def _bodies(bird: Any) -> list[tuple[str, Any]]:
    """Bodies with a canary in every text; the second of each resource is refused by a rule or by its shape."""
    item = {
        "sku": bird("sku"),
        "name": bird("name"),
        "price": "1.00",
        "quantity": 5,
        "extra_data": {bird("map key"): bird("extra data")},
    }
    line = {"sku": bird("unknown sku of a line"), "quantity": 1, "total_price": "1.00"}
    order = {
        "order_reference": bird("order reference"),
        "items": [{"sku": item["sku"], "name": bird("line"), "quantity": 1, "unit_price": "1.00"}],
    }
    return [
        ("/api/inventory/", item), ("/api/inventory/", item),
        ("/api/inventory/", item | {"price": bird("price that is text")}), ("/api/inventory/", {bird("unknown field"): 1}),
        ("/api/inventory/", item | {"sku": bird("sku with NUL") + "\0"}), ("/api/inventory/", item | {"name": bird("long name") * 600}),
        ("/api/sales/", {"lines": [line | {"sku": item["sku"]}], "reference": bird("reference"), "extra_data": {"patient": bird("patient")}}),
        ("/api/sales/", {"lines": [line]}), ("/api/sales/", line | {"sale_time": bird("time")}),
        ("/api/orders/", order), ("/api/orders/", order), ("/api/orders/", order | {"status": bird("status")}),
        ("/api/webhook-events/", {"event_type": bird("event type"), "payload": {"diagnosis": bird("payload")}}),
        ("/api/webhook-events/", {"event_type": 1, "payload": bird("payload that is text")}),
    ]  # fmt: skip


async def _over_http(house: House) -> None:
    bird = house.cage.bird
    for path, body in _bodies(bird):
        answer = await house.ask("POST", path, WAIT | {"Idempotency-Key": bird("idempotency key")}, json=body)
        assert answer.status_code < 500, answer.text
    for raw in (b'{"sku": "%b', b'{"a": NaN, "b": "%b"}', b"%b", b'{"sku": "\\ud800%b"}'):
        answer = await house.ask(
            "POST",
            "/api/sales/",
            {"Content-Type": "application/json"},
            content=raw.replace(b"%b", bird("broken body").encode()),
        )
        assert answer.status_code in {400, 422}
    names = (
        "User-Agent",
        "Cookie",
        "Authorization",
        "Referer",
        "Origin",
        "X-Forwarded-For",
        "Forwarded",
        "Prefer",
        "If-Match",
        "Accept",
    )
    for name in names:
        await house.ask("PATCH", f"/api/inventory/{uuid4()}", {name: f'"{bird(f"header {name}")}"'}, json={"name": "x"})
    for path in (
        "/api/inventory/",
        f"/api/sales/{uuid4()}",
        "/api/events/",
        "/health/ready",
        "/nothing",
        "/api/webhook-events/",
    ):
        await house.ask("GET", path, params={bird("unknown parameter"): bird("value of an unknown parameter")})
        for who in ({"X-API-KEY": house.operator}, house.key.headers):
            await house.live.client.get(path, params={"q": bird("query")}, headers=who)
    await house.ask("GET", f"/api/operations/{uuid4()}", params={"accepted": bird("accepted token")})
    await house.ask("GET", f"/api/inventory/{bird('path')}")
    await house.live.client.get(f"/{bird('path')}")
    await house.live.client.get("/api/sales/", headers={"X-API-KEY": f"phk_{bird('wrong key')}"})
    house.cage.secrets["an unknown key"] = derive_key("somebody else's secret", uuid4())
    await house.live.client.get("/api/sales/", headers={"X-API-KEY": house.cage.secrets["an unknown key"]})


async def _minted(house: House) -> None:
    """Secrets that the hub makes, and the key that is revoked."""
    place = f"/api/pharmacies/{house.key.pharmacy_id}/"
    made = await house.ask(
        "POST", f"{place}keys/", WAIT, json={"name": house.cage.bird("name of a key"), "scopes": ["read"]}
    )
    assert made.status_code == 201, made.text
    house.cage.secrets["a minted key"] = made.json()["api_key"]
    url = f"https://hooks.example/{house.cage.bird('webhook path')}?token={house.cage.bird('webhook query')}"
    hooked = await house.ask("PATCH", place, WAIT, json={"webhook_url": url})
    assert hooked.status_code == 200, hooked.text
    house.cage.secrets["a webhook's secret"] = hooked.json()["webhook_secret"]
    await house.ask("DELETE", f"{place}keys/{made.json()['id']}", WAIT)


async def _in_bulk(house: House) -> None:
    bird = house.cage.bird
    good = {
        "sku": bird("bulk sku"),
        "name": bird("bulk name"),
        "price": "1.00",
        "extra_data": {"note": bird("bulk note")},
    }
    bad = {"sku": bird("bulk sku"), "price": bird("bulk price"), bird("bulk field"): 1}
    rows = "\n".join([json.dumps(good), json.dumps(bad), bird("bulk line that is no JSON")])
    for media, content in (
        ("application/x-ndjson", rows),
        ("text/csv", f"sku,name,price\n{bird('cell')},{bird('cell')},{bird('cell')}\n"),
        ("text/csv", f"sku,{bird('column')}\n1,2\n"),
        ("text/csv", f'sku,name\n"{bird("open quote")}'),
    ):
        await house.ask("POST", "/api/inventory/bulk", {"Content-Type": media}, content=content.encode())


async def _over_sockets(house: House) -> None:
    bird, url = house.cage.bird, f"{house.live.ws_url}/ws/events"
    for query, headers, protocols in (
        (f"?token={bird('socket query')}", {}, None), (f"?after={bird('after')}", house.key.headers, None), (f"?types={bird('types')}", house.key.headers, None),
        ("", {"X-API-KEY": f"phk_{bird('socket key')}"}, None), ("", {}, [Subprotocol("hub.v1"), Subprotocol(f"ticket.{bird('ticket')}")]), ("?after=0", house.key.headers, None),
    ):  # fmt: skip
        with suppress(InvalidStatus, ConnectionClosed):
            async with connect(
                f"{url}{query}", additional_headers=headers, subprotocols=protocols, proxy=None
            ) as socket:
                await socket.send(bird("socket message"))
                await socket.send(bird("long socket message") * 300)
                await socket.wait_closed()


async def _by_webhooks(house: House) -> None:
    """What a third party sends, what is told of it, and of who is called with what."""
    bird = house.cage.bird
    secret = house.cage.secrets["a source's secret"] = f"secret-{uuid4().hex}"
    rule = {
        "command": "inventory.mirror",
        "fields": {"sku": f"$['{bird('path of a mapping')}']", "name": bird("constant of a mapping")},
    }
    source = {"name": bird("name of a source"), "scheme": "github", "secret": secret, "mapping": {"rules": [rule]}}
    made = await house.ask("POST", "/api/sources/", WAIT, json=source)
    assert made.status_code == 201, made.text
    hook = f"/hooks/{made.json()['id']}"
    for content in (
        json.dumps({"type": bird("type of a webhook"), bird("member of a webhook"): bird("body of a webhook")}),
        bird("webhook that is no JSON"),
    ):
        raw = content.encode()
        for key in (secret, bird("wrong secret")):
            signed = dict(SIGN["github"](raw, hook, key)) | {"X-Request": bird("header of a webhook")}
            answer = await house.live.client.post(
                hook, content=raw, headers=signed, params={"a": bird("query of a webhook")}
            )
            assert answer.status_code < 500, answer.text
            assert house.cage.escaped(answer.text) == []
    endpoint = {
        "url": f"https://hooks.example/{bird('path of an endpoint')}?a={bird('query of an endpoint')}",
        "description": bird("description"),
        "headers": {"X-Own": bird("header of an endpoint")},
        "auth": {"type": "basic", "username": bird("user of an endpoint"), "password": bird("password of an endpoint")},
        "filter": {"data.inventory.name": {"$ne": bird("filter")}},
    }
    for body in (
        endpoint,
        endpoint | {"url": f"http://{bird('unsafe')}.internal/"},
        endpoint | {"auth": {"type": bird("kind of auth")}},
    ):
        answer = await house.ask("POST", "/api/webhook-endpoints/", WAIT, json=body)
        assert answer.status_code in {201, 422}, answer.text
        if answer.status_code == 201:
            house.cage.secrets["an endpoint's secret"] = answer.json()["secret"]

    async def processed() -> list[Any]:
        answer = await house.ask("GET", "/api/webhook-events/?limit=500")
        return [one["reason"] for one in answer.json()["items"] if one["source_id"] == made.json()["id"]]

    await eventually(processed, lambda reasons: bool(reasons) and all(reasons), within=30)


async def _at_the_console(house: House) -> None:
    """Whoever tries to sign in: people type passwords where the name belongs."""
    client, bird = house.live.client, house.cage.bird
    for path, fields in (
        (
            "/admin/sign-in/",
            {"username": bird("name at the door"), "password": bird("password at the door"), "code": "123456"},
        ),
        ("/admin/sign-in/key/", {"api_key": f"phk_{bird('key at the door')}"}),
        ("/admin/sign-in/link/", {"token": bird("link at the door")}),
    ):
        page = await client.get("/admin/sign-in/")
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token is not None
        answer = await client.post(path, data=fields | {"csrf": token[1], "next": f"/admin/{bird('next')}"})
        assert 400 <= answer.status_code < 500, answer.text


async def _past_the_doors(house: House, settings: Settings) -> list[str]:
    """Commands that break at the writer, as an older door or a bug might send them; gives their operations."""
    bird, pharmacy_id = house.cage.bird, str(house.key.pharmacy_id)
    good = {"sku": bird("broken sku"), "name": "x", "price": "1.00"}
    bodies: list[tuple[str, Any]] = [
        ("inventory.create", good | {"name": bird("name with NUL") + "\0"}),
        ("inventory.create", good | {"extra_data": {"note": bird("note with NUL") + "\0"}}),
        ("inventory.create", good | {"price": bird("broken price")}),
        ("inventory.create", good | {bird("broken field"): {"patient": bird("broken value")}}),
        (bird("broken type"), good),
        ("upload.open", {"kind": "inventory", "rows": 2_147_483_648, "digest": bird("broken digest")}),
    ]
    sent: list[str] = []
    envelope: dict[str, Any] = {}
    partition = partition_of(house.key.pharmacy_id, 2)
    async with open_test_door(settings.model_copy(update={"partitions": 2})) as door:
        for kind, body in bodies:
            sent.append(str(uuid4()))
            envelope = {
                "operation_id": sent[-1], "pharmacy_id": pharmacy_id, "type": kind, "resource_id": str(uuid4()),
                "accepted_at": "2026-11-24T12:00:00Z", "body": body, "actor": "system", "door": "amqp",
            }  # fmt: skip
            await door.publish(partition, orjson.dumps(envelope))
        for wrong in (
            {"accepted_at": bird("broken time")},
            {"operation_id": bird("broken id")},
            {"pharmacy_id": bird("broken pharmacy")},
        ):
            sent.append("")
            await door.publish(partition, orjson.dumps(envelope | wrong | {"type": "inventory.create"}))
        await door.publish(partition, bird("no JSON").encode())
        await door.publish(partition, orjson.dumps({bird("no list"): 1}))
    return [*sent, "", ""]


async def test_no_canary_leaves_its_cage(house: House, servers: Servers, settings: Settings) -> None:
    await _minted(house)
    await _over_http(house)
    await _in_bulk(house)
    await _over_sockets(house)
    await _by_webhooks(house)
    await _at_the_console(house)
    parked = await _past_the_doors(house, settings)
    assert len(house.cage.birds) > 50
    # A refusal names the field, the parameter, the path and the thing that it is about; nothing else that was sent.
    assert len(house.refusals) > 20
    named = {
        "unknown field",
        "unknown parameter",
        "path",
        "column",
        "sku",
        "unknown sku of a line",
        "order reference",
        "unsafe",
    }
    assert set(house.cage.escaped(str(house.refusals))) <= named

    vhost = settings.amqp_urls[0].rpartition("/")[2]

    async def dead() -> list[dict[str, Any]]:
        body = {"count": 100, "ackmode": "ack_requeue_true", "encoding": "auto"}
        answer = await asyncio.to_thread(servers.management, "POST", f"/api/queues/{vhost}/{DEAD}/get", body)
        found: list[dict[str, Any]] = answer.json()
        return found

    messages = await eventually(dead, lambda found: len(found) == len(parked), within=30)
    assert house.cage.escaped(str([message["properties"] for message in messages])) == []

    async def audited() -> list[Any]:
        answer = await house.live.client.get("/api/audit/?limit=500", headers={"X-API-KEY": house.operator})
        return [line for line in answer.json()["items"] if line["action"] == "webhook_event.read"]

    lines = await eventually(audited, lambda found: len(found) >= 1, within=15)
    assert lines
    everything = await house.live.client.get("/api/audit/?limit=500", headers={"X-API-KEY": house.operator})
    assert house.cage.escaped(everything.text) == []

    metrics = (await house.live.client.get(house.metrics_url)).text
    assert "hub_" in metrics
    assert house.cage.escaped(metrics) == []

    stranger = await house.live.add_key()
    for path in (
        "/api/inventory/",
        "/api/events/",
        "/api/operations/" + parked[0],
        "/api/uploads/",
        "/api/webhook-events/",
    ):
        answer = await house.live.client.get(path, headers=stranger.headers)
        assert house.cage.escaped(answer.text + str(answer.headers)) == []

    await house.live.stop()
    for log in house.logs:
        assert house.cage.escaped(log.read_text()) == [], log.name
    assert "message.parked" in house.logs[1].read_text()
    assert (
        house.cage.escaped((servers.session_dir / "servers" / "logs" / "postgres.log").read_text(errors="replace"))
        == []
    )


async def test_no_table_holds_a_plain_secret(house: House, settings: Settings) -> None:
    await _minted(house)
    owner = await asyncpg.connect(**credentials_of(settings.database_url.get_secret_value()))
    try:
        tables = await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        )
        dump = "\n".join(
            [row[0] for (table,) in tables for row in await owner.fetch(f'SELECT t::text FROM "{table}" AS t')]
        )
    finally:
        await owner.close()
    assert "hooks.example" in dump
    plain = {kind: secret for kind, secret in house.cage.secrets.items() if secret in dump}
    assert plain == {}
    # Nor in another spelling: without its prefix, or as bytes.
    for kind, secret in house.cage.secrets.items():
        bare = secret.partition("_")[2]
        assert bare not in dump, kind
        assert bare.encode().hex() not in dump, kind
