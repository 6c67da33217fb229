"""Ordered mode while its endpoint is disabled, cancelled or changed in between: what was settled meanwhile is in nobody's way."""

from typing import Any
from uuid import UUID

import pytest

from hub.settings import Settings
from tests.kit.door import TestDoor
from tests.kit.endpoints import ITEMS, Desk, Endpoint, calling, create_items, sending
from tests.kit.receiver import Received
from tests.kit.wait import eventually


def skus(calls: list[Received]) -> list[str]:
    return [call.event["data"]["inventory"]["sku"] for call in calls]


async def do(door: TestDoor, pharmacy: UUID, what: str, of: UUID, **body: Any) -> None:
    outcome = await door.send(pharmacy, what, body, resource_id=of)
    assert outcome["status"] == "applied", outcome


async def all_are(desk: Desk, endpoint: Endpoint, *statuses: str) -> None:
    await eventually(lambda: desk.deliveries(endpoint), lambda rows: [row[0] for row in rows] == [*statuses], within=20)


@pytest.mark.parametrize("throttle", [None, 2])
async def test_an_ordered_endpoint_that_was_disabled_among_its_deliveries_gets_them_in_order_once_it_is_recovered(
    settings: Settings, throttle: int | None
) -> None:
    async with sending(calling(settings, 5.0)) as (door, receiver, desk):
        receiver.seconds = lambda call: 4.0 if skus([call]) == ["PZN1"] else 0.0
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS, ordered=True, throttle_per_second=throttle)
        await create_items(door, pharmacy, 1)
        await receiver.wait_for(1)
        await create_items(door, pharmacy, 3, first=2)
        await all_are(desk, endpoint, *["pending"] * 4)
        await do(door, pharmacy, "webhook_endpoint.update", endpoint.id, enabled=False)
        await all_are(desk, endpoint, "delivered", *["skipped"] * 3)
        await do(door, pharmacy, "webhook_endpoint.update", endpoint.id, enabled=True)
        await do(door, pharmacy, "webhook_endpoint.recover", endpoint.id, since="2020-01-01T00:00:00Z")
        await all_are(desk, endpoint, *["delivered"] * 4)
        assert skus(receiver.calls) == ["PZN1", "PZN2", "PZN3", "PZN4"]


async def test_what_was_cancelled_while_it_waited_in_order_lets_the_next_event_pass(settings: Settings) -> None:
    async with sending(calling(settings, 5.0)) as (door, receiver, desk):
        receiver.seconds = lambda call: 4.0 if skus([call]) == ["PZN1"] else 0.0
        pharmacy = await door.open_pharmacy()
        endpoint = await desk.add(pharmacy, receiver.url, ITEMS, ordered=True)
        await create_items(door, pharmacy, 1)
        await receiver.wait_for(1)
        await create_items(door, pharmacy, 2, first=2)
        await all_are(desk, endpoint, *["pending"] * 3)
        await do(door, pharmacy, "webhook_endpoint.cancel_pending", endpoint.id)
        await create_items(door, pharmacy, 1, first=4)  # while the first is being called
        await all_are(desk, endpoint, "delivered", "cancelled", "cancelled", "delivered")
        for (delivery_id,) in (await desk.deliveries(endpoint, "id"))[1:3]:
            await do(door, pharmacy, "webhook_delivery.resend", delivery_id)
        await all_are(desk, endpoint, *["delivered"] * 4)
        assert sorted(skus(receiver.calls)) == ["PZN1", "PZN2", "PZN3", "PZN4"]
