"""The gateway while its servers are away, and under its limits."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey, running_gateway, start_gateway
from tests.kit.wait import eventually
from tests.promises.outages import measured
from tests.rooms.broker_proxy import BrokerProxy, a_free_port, open_proxy


@asynccontextmanager
async def between(
    settings: Settings, confirm_seconds: float = 1.0
) -> AsyncIterator[tuple[GatewayStage, BrokerProxy, BrokerProxy]]:
    """A gateway with a wire to PostgreSQL and one to RabbitMQ that can be cut."""
    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgres,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
    ):
        update = {
            "database_url": SecretStr(postgres.url),
            "amqp_url": SecretStr(rabbitmq.url),
            "confirm_seconds": confirm_seconds,
        }
        log = settings.data_dir / "gateway.log"
        async with running_gateway(settings.model_copy(update=update), log) as stage:
            yield stage, postgres, rabbitmq


async def test_writes_survive_the_database_and_pending_is_known_without_it(settings: Settings) -> None:
    """202 through cached keys; the operation is pending; reads and unknown tokens are 503; a strange key stays a 401."""
    async with between(settings) as (live, postgres, _):
        key = await live.add_key()

        async def polls_that_failed() -> int:
            return (settings.data_dir / "gateway.log").read_text().count("keys.held")

        assert (await live.client.get("/api/sales/", headers=key.headers)).status_code == 200
        await postgres.stop()
        written = await live.client.post("/api/inventory/", json=an_item(), headers=key.headers)
        assert written.status_code == 202
        pending = await live.client.get(written.headers["location"], headers=key.headers)
        assert (pending.status_code, pending.json()["status"]) == (200, "pending")
        for path in ("/api/sales/", f"/api/operations/{uuid4()}"):
            read = await live.client.get(path, headers=key.headers)
            assert read.status_code == 503
            assert read.json()["type"] == "/problems/unavailable"
            assert int(read.headers["retry-after"]) >= 1
        strange = await live.client.get(
            "/api/sales/", headers={"X-API-KEY": "phk_1p5pW7VxCRF9lPswswXG1jHFqBNbPK8o22CyQmf"}
        )
        assert strange.status_code == 401
        ready = await live.client.get("/health/ready")
        assert ready.status_code == 503
        assert (ready.json()["reads"]["ready"], ready.json()["writes"]["ready"]) == (False, True)
        assert (await live.client.get("/health/live")).status_code == 200
        await eventually(polls_that_failed, lambda count: count >= 2)  # takes none of the keys away
        assert (await live.client.post("/api/inventory/", json=an_item("B"), headers=key.headers)).status_code == 202
        await postgres.start()

        async def status() -> int:
            return (await live.client.get("/api/sales/", headers=key.headers)).status_code

        await eventually(status, lambda seen: seen == 200)


async def test_reads_survive_the_broker_and_a_503_names_its_operation(settings: Settings) -> None:
    """No connection: 503 at once. A frozen broker: 503 within the confirm's limit. Then it goes on by itself."""
    async with between(settings) as (live, _, rabbitmq):
        key = await live.add_key()
        loop = asyncio.get_running_loop()

        async def write(**headers: str) -> httpx.Response:
            return await live.client.post("/api/inventory/", json=an_item(), headers={**key.headers, **headers})

        assert (await write()).status_code == 202
        rabbitmq.freeze()
        began = loop.time()
        frozen = await write(Prefer="wait=5")
        assert frozen.status_code == 503
        assert loop.time() - began < 2.5
        problem = frozen.json()
        assert frozen.headers["operation-id"] == problem["operation_id"]
        assert int(frozen.headers["retry-after"]) >= 1
        ready = (await live.client.get("/health/ready")).json()
        assert (ready["reads"]["ready"], ready["writes"]["ready"]) == (True, False)
        assert (
            "hub.commands." in ready["dependencies"]["rabbitmq"]["detail"]
            or ready["dependencies"]["rabbitmq"]["detail"]
        )
        await rabbitmq.stop()
        began = loop.time()
        gone = await write(**{"Idempotency-Key": "k"})
        assert gone.status_code == 503
        assert loop.time() - began < 1
        assert (await live.client.get("/api/inventory/", headers=key.headers)).status_code == 200
        rabbitmq.thaw()
        await rabbitmq.start()

        async def again() -> int:
            return (await write(**{"Idempotency-Key": "k"})).status_code

        await eventually(again, lambda seen: seen == 202, within=15)

        async def is_ready() -> int:
            return (await live.client.get("/health/ready")).status_code

        await eventually(is_ready, lambda seen: seen == 200, within=15)


async def test_a_waited_write_ends_a_second_after_its_wait_though_the_confirm_may_take_longer(
    settings: Settings,
) -> None:
    async with between(settings, confirm_seconds=Settings.model_fields["confirm_seconds"].default) as (
        live,
        _,
        rabbitmq,
    ):
        key = await live.add_key()

        async def write(seconds: float, **headers: str) -> httpx.Response:
            began = asyncio.get_running_loop().time()
            answer = await live.client.post("/api/inventory/", json=an_item(), headers={**key.headers, **headers})
            assert asyncio.get_running_loop().time() - began < seconds
            return answer

        assert (await write(5, Prefer="wait=1")).status_code == 202
        rabbitmq.freeze()
        for answer in await asyncio.gather(write(2, Prefer="wait=1"), write(6)):
            assert answer.status_code == 503
            assert answer.json()["operation_id"] == answer.headers["operation-id"]
        rabbitmq.thaw()


async def test_it_starts_while_everything_is_away_and_knows_nobody_yet(settings: Settings) -> None:
    """Alive, not ready, and 503 instead of 401; when the servers come, it serves."""
    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgres,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
    ):
        await postgres.stop()
        await rabbitmq.stop()
        away = settings.model_copy(
            update={"database_url": SecretStr(postgres.url), "amqp_url": SecretStr(rabbitmq.url)}
        )
        port = a_free_port()
        process = start_gateway(away, port)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

                async def alive() -> int:
                    try:
                        return (await client.get("/health/live")).status_code
                    except httpx.TransportError:
                        return 0

                await eventually(alive, lambda seen: seen == 200, within=12)
                ready = await client.get("/health/ready")
                assert ready.status_code == 503
                assert not ready.json()["dependencies"]["keys"]["ready"]
                unknown = await client.get(
                    "/api/sales/", headers={"X-API-KEY": "phk_1p5pW7VxCRF9lPswswXG1jHFqBNbPK8o22CyQmf"}
                )
                assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "2")
                await postgres.start()
                await rabbitmq.start()
                began = time.monotonic()

                async def is_ready() -> int:
                    return (await client.get("/health/ready")).status_code

                await eventually(is_ready, lambda seen: seen == 200, within=15)
                measured("a gateway started before its servers, from their start to ready", time.monotonic() - began)
        finally:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 15) in {0, -15}


async def test_without_a_writer_a_waited_write_ends_as_accepted(live: GatewayStage) -> None:
    """202 when the time is up, pending with the token, and not known without it."""
    key = await live.add_key()
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await live.client.post("/api/inventory/", json=an_item(), headers={**key.headers, "Prefer": "wait=1"})
    assert answer.status_code == 202
    assert 0.9 < loop.time() - began < 3
    pending = await live.client.get(answer.headers["location"], headers=key.headers)
    assert (pending.status_code, pending.json()["status"]) == (200, "pending")
    bare = await live.client.get(f"/api/operations/{answer.json()['operation_id']}", headers=key.headers)
    assert (bare.status_code, bare.headers["retry-after"]) == (404, "1")
    forged = await live.client.get(
        f"/api/operations/{uuid4()}?{answer.headers['location'].split('?')[1]}", headers=key.headers
    )
    assert forged.status_code == 400


async def test_a_key_has_its_own_limit(settings: Settings) -> None:
    """429 with Retry-After and RateLimit for who asks too much; its neighbour notices nothing, the 401 costs nobody."""
    update = {"rate_limit_per_second": 5.0, "rate_limit_burst": 10}
    async with running_gateway(settings.model_copy(update=update)) as live:
        busy, calm = await live.add_key(), await live.add_key()
        answers = [
            await live.client.get("/api/sales/", headers={**busy.headers, "X-Forwarded-For": f"10.0.0.{n}"})
            for n in range(30)
        ]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=10;w=2'
        assert answers[0].headers["ratelimit"].startswith('"key";r=9;t=')
        limited = [answer for answer in answers if answer.status_code == 429]
        assert len(limited) >= 10
        assert limited[0].json()["type"] == "/problems/too-many-requests"
        assert int(limited[0].headers["retry-after"]) >= 1
        assert '"key";r=0' in limited[0].headers["ratelimit"]
        assert (await live.client.get("/api/sales/", headers=calm.headers)).status_code == 200

        async def calmed() -> int:
            return (await live.client.get("/api/sales/", headers=busy.headers)).status_code

        await eventually(calmed, lambda status: status == 200, within=3)


@pytest.mark.parametrize(("way", "count"), [("key", 5), ("ticket", 2)])
async def test_a_key_that_is_over_its_limit_opens_no_stream_either(settings: Settings, way: str, count: int) -> None:
    """A handshake costs one request of the key, and so does the ticket for one; the refusal comes before the socket."""
    update = {"rate_limit_per_second": 0.05, "rate_limit_burst": 5}
    async with running_gateway(settings.model_copy(update=update)) as live:
        busy, calm = await live.add_key(), await live.add_key()

        async def follow(key: TestKey) -> None:
            headers, protocols = key.headers, [Subprotocol("hub.v1")]
            if way == "ticket":
                made = await live.client.post("/api/events/ticket", headers=key.headers, json={})
                assert made.status_code == 201
                headers, protocols = {}, [*protocols, Subprotocol(f"ticket.{made.json()['ticket']}")]
            where = f"{live.ws_url}/ws/events"
            async with connect(where, additional_headers=headers, subprotocols=protocols, proxy=None) as socket:
                assert "ready" in str(await socket.recv())

        for _ in range(count):
            await follow(busy)
        with pytest.raises(InvalidStatus) as refusal:
            await follow(busy)
        response = refusal.value.response
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) >= 1
        assert json.loads(response.body)["type"] == "/problems/too-many-requests"
        assert (await live.client.get("/api/events/stream", headers=busy.headers)).status_code == 429
        await follow(calm)


async def test_metrics_stand_on_their_own_port(settings: Settings) -> None:
    """By route and status, the refusals of the frame included; ids make no series."""
    port = a_free_port()
    async with (
        running_gateway(settings.model_copy(update={"metrics_port": port})) as live,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        key = await live.add_key()
        for _ in range(3):
            assert (await live.client.get(f"/api/inventory/{uuid4()}/", headers=key.headers)).status_code == 404
        await live.client.get("/api/inventory/")
        await live.client.get(f"/{uuid4()}")
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        assert 'hub_http_requests_total{method="GET",route="/api/inventory/{item_id}",status="404"} 3.0' in text
        assert 'route="unmatched",status="401"' in text
        assert 'route="unmatched",status="404"' in text
        assert "hub_broker_usable 1.0" in text
        assert (await live.client.get("/metrics")).status_code == 404
