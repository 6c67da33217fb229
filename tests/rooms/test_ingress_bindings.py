"""A pharmacy is led to its ingress queue before it publishes, once, and anew where the broker may have forgotten it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import aio_pika
import pytest

from hub.faults import Unavailable
from hub.messaging import ingress_bindings
from hub.messaging.connection import HubConnection, open_connection
from hub.messaging.declaring import bind_ingress, declare_topology
from hub.messaging.ingress_bindings import IngressBindings
from hub.messaging.topology import INGRESS, ingress_queue_of
from tests.rooms.broker_proxy import a_free_port


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> list[list[UUID]]:
    """What the broker was asked to bind, turn by turn."""
    asked: list[list[UUID]] = []

    async def bind(connection: HubConnection, pharmacy_ids: Sequence[UUID], *, seconds: float) -> None:
        asked.append(list(pharmacy_ids))
        await bind_ingress(connection, pharmacy_ids, seconds=seconds)

    monkeypatch.setattr(ingress_bindings, "bind_ingress", bind)
    return asked


async def test_a_pharmacy_is_bound_once_and_those_who_come_together_in_one_go(
    amqp_url: str, bound: list[list[UUID]]
) -> None:
    pharmacies = [uuid4() for _ in range(20)]
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        bindings = IngressBindings(connection)
        await asyncio.gather(*map(bindings.ensure, pharmacies))
        await asyncio.gather(*map(bindings.ensure, pharmacies))
    assert [len(together) for together in bound] == [1, 19], "the first, and all who waited for it"
    assert {each for together in bound for each in together} == set(pharmacies)
    async with await aio_pika.connect(amqp_url) as plain:
        channel = await plain.channel()
        ingress = await channel.get_exchange(INGRESS, ensure=False)
        for pharmacy in pharmacies:
            await ingress.publish(aio_pika.Message(b"x"), str(pharmacy))
        for queue, count in Counter(map(ingress_queue_of, pharmacies)).items():
            declared = await channel.declare_queue(queue, passive=True)
            assert declared.declaration_result.message_count == count


async def test_after_a_lost_connection_nothing_is_taken_for_bound(amqp_url: str, bound: list[list[UUID]]) -> None:
    pharmacy, other = uuid4(), uuid4()
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        bindings = IngressBindings(connection)
        await bindings.ensure(pharmacy)
        before = connection.underlay
        assert before is not None
        await connection.abandon(before)
        assert connection.underlay is None, "who asks now waits until it is back"
        for each in (other, pharmacy):
            await bindings.ensure(each)
    assert bound == [[pharmacy], [other], [pharmacy]]


async def test_without_a_broker_nobody_is_told_to_be_bound() -> None:
    url = f"amqp://guest:guest@127.0.0.1:{a_free_port()}/"
    async with open_connection([url], name="test", wait_seconds=0.1) as connection:
        bindings = IngressBindings(connection, seconds=0.1)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await bindings.ensure(uuid4())
