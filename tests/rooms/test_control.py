"""Notices reach every listener; whoever missed some is told to reload."""

from hub.messaging.bulk_publisher import BulkPublisher
from hub.messaging.connection import open_connection
from hub.messaging.control import Notice, notice_message, open_control
from hub.messaging.declaring import declare_topology
from hub.messaging.frames import Outgoing
from hub.messaging.topology import CONTROL
from tests.rooms.broker_proxy import eventually, open_proxy


async def test_every_listener_hears_every_notice_in_order(amqp_url: str) -> None:
    heard: dict[str, list[Notice]] = {"one": [], "two": []}
    async with open_connection([amqp_url], name="test") as connection:
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=2)
        await publisher.publish([notice_message(Notice("key.changed", {"key_id": "0"}))])  # nobody hears it
        async with (
            open_control(connection, heard["one"].append, resumed=lambda: None),
            open_control(connection, heard["two"].append, resumed=lambda: None),
        ):
            notices = [Notice("key.changed", {"key_id": str(number)}) for number in range(1, 20)]
            await publisher.publish([Outgoing(CONTROL, "", b"not JSON", mandatory=False)])
            await publisher.publish([notice_message(notice) for notice in notices])
            for listener in ("one", "two"):
                await eventually(lambda name=listener: len(heard[name]) == len(notices))
                assert heard[listener] == notices


async def test_listening_resumes_after_a_lost_connection_and_says_so(amqp_url: str) -> None:
    heard: list[Notice] = []
    resumed: list[bool] = []
    async with open_proxy(amqp_url) as proxy, open_connection([proxy.url], name="test") as connection:
        await declare_topology(connection, 1)
        publisher = BulkPublisher(connection, confirm_seconds=2)
        async with open_control(connection, heard.append, resumed=lambda: resumed.append(True)):
            assert len(resumed) == 1
            proxy.cut()
            await eventually(lambda: len(resumed) == 2)
            await publisher.publish([notice_message(Notice("session.ended", {}))])
            await eventually(lambda: heard == [Notice("session.ended", {})])
