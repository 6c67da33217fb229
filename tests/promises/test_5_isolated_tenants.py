"""Promise 5: what one pharmacy is ever sent names nothing of another's, while all of them use the same names at once.

`tests/contracts/test_tenancy.py` walks every route with a stranger's key. Here nobody is a stranger to their own pharmacy:
all write the same skus, references and idempotency keys through one partition at the same time, and whatever came to
each (answers, lists, sockets, webhooks) is searched for the ids and the name of the others.

Red when: a command finds another pharmacy's row, an idempotency key means the same to two pharmacies, a socket or an
endpoint gets an event that is not its own, or a list forgets whose it is.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.receiver import Receiver, open_receiver
from tests.kit.wait import eventually
from tests.promises.outages import counted

ROUNDS = 6
NAMES = ("Aardvark", "Basilisk", "Chimera")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NIL = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class Tenant:
    """A pharmacy, and everything that it was ever sent."""

    name: str
    client: httpx.AsyncClient
    receiver: Receiver
    received: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Ask, and keep the answer."""
        answer = await self.client.request(method, path, json=body, headers=headers)
        self.received.append(str(answer.headers) + answer.text)
        return answer

    async def work(self) -> None:
        """Do what everybody does, under everybody's names."""
        for number in range(ROUNDS):
            waited = {"Prefer": "wait=20", "Idempotency-Key": f"item-{number}"}
            item = await self.ask(
                "POST", "/api/inventory/", an_item(f"S{number}", name=f"{self.name} {number}"), **waited
            )
            assert item.status_code == 201, item.text
            sale = {"reference": f"R{number}", "lines": [{"sku": f"S{number}", "quantity": 1, "total_price": "1.00"}]}
            waited["Idempotency-Key"] = f"sale-{number}"
            assert (await self.ask("POST", "/api/sales/", sale, **waited)).status_code == 201
            again = await self.ask("POST", "/api/sales/", sale, **waited)
            assert again.status_code == 201
            read = await self.ask("GET", item.headers["location"])
            assert (read.json()["name"], read.json()["quantity"]) == (f"{self.name} {number}", 9)

    async def listen(self, url: str, key: str, ready: asyncio.Event) -> None:
        """Follow the events, from the first on."""
        try:
            async with connect(f"{url}/ws/events?after=0", additional_headers={"X-API-KEY": key}, proxy=None) as socket:
                async for frame in socket:
                    ready.set()
                    self.received.append(str(frame))
        except ConnectionClosed:
            return

    def seen(self) -> str:
        """All of it."""
        calls = [str(call.headers) + call.body.decode() for call in self.receiver.calls]
        return "\n".join([*self.received, *calls])


async def _open_tenant(stack: AsyncExitStack, stage: GatewayStage, name: str) -> tuple[Tenant, str]:
    key = await stage.add_key()
    client = httpx.AsyncClient(base_url=stage.url, headers=key.headers, timeout=30, trust_env=False)
    tenant = Tenant(name, await stack.enter_async_context(client), await stack.enter_async_context(open_receiver()))
    body = {"webhook_url": tenant.receiver.url}
    told = await tenant.ask("PATCH", f"/api/pharmacies/{key.pharmacy_id}/", body, Prefer="wait=20")
    assert told.status_code == 200, told.text
    tenant.receiver.secrets.add(told.json()["webhook_secret"])
    return tenant, key.text


async def test_pharmacies_that_use_the_same_names_at_once_see_nothing_of_each_other(settings: Settings) -> None:
    settings = settings.model_copy(
        update={
            "partitions": 1, "rate_limit_per_second": 0.0, "rate_limit_burst": 0,
            "webhooks_allow_networks": (ip_network("127.0.0.0/8"),),
        }
    )  # fmt: skip
    async with running_gateway(settings) as stage, running_consumers(settings), AsyncExitStack() as stack:
        opened = [await _open_tenant(stack, stage, name) for name in NAMES]
        tenants = [tenant for tenant, _ in opened]
        listening = []
        for tenant, key in opened:
            ready = asyncio.Event()
            listening.append(asyncio.create_task(tenant.listen(stage.ws_url, key, ready)))
            await asyncio.wait_for(ready.wait(), 10)
        await asyncio.gather(*(tenant.work() for tenant in tenants))
        paths = ("inventory", "sales", "orders", "events", "operations", "webhook-deliveries", "pharmacies")
        for tenant in tenants:
            for path in paths:
                await tenant.ask("GET", f"/api/{path}/")
            assert f"{tenant.name} 0" in tenant.received[-len(paths)]

        async def called() -> list[int]:
            return [len({orjson.loads(call.body)["id"] for call in tenant.receiver.calls}) for tenant in tenants]

        # An item, a sale of it, and what the hub says of the pharmacy itself.
        await eventually(called, lambda counts: all(count >= 2 * ROUNDS for count in counts), within=30)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    ids = [set(_ID.findall(tenant.seen())) - {_NIL} for tenant in tenants]
    for tenant, own in zip(tenants, ids, strict=True):
        assert len(own) > 4 * ROUNDS
        events = [text for text in tenant.received if text.startswith('{"type":"event"')]
        assert len(events) >= 2 * ROUNDS
        for other, theirs in zip(tenants, ids, strict=True):
            if other is not tenant:
                assert other.name not in tenant.seen()
                assert not own & theirs
    counted("ids that three pharmacies were sent, none of them another's", sum(map(len, ids)))
    counted("bytes searched for them", sum(len(tenant.seen()) for tenant in tenants))
