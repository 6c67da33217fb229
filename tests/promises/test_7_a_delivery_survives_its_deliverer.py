"""Crash safety of webhooks: a deliverer that dies between the receiver's 200 and its own note of it sends the same again.

Red when: a delivery is acknowledged to the broker before what came of it is committed.
"""

from hub.settings import Settings
from tests.kit.builders import an_item
from tests.kit.door import open_test_door
from tests.kit.endpoints import calling, open_desk
from tests.kit.processes import consumers_process
from tests.kit.receiver import open_receiver
from tests.kit.wait import eventually

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
    "AND query LIKE 'INSERT INTO webhook_attempts%'"
)


async def test_killed_between_the_200_and_the_ack_the_same_id_and_bytes_come_again(settings: Settings) -> None:
    settings = calling(settings, 60.0)
    async with (
        open_test_door(settings) as door,
        open_desk(settings) as desk,
        open_receiver(desk.secrets) as receiver,
        open_desk(settings) as watch,
    ):
        with consumers_process(settings) as consumers:
            pharmacy = await door.open_pharmacy()
            endpoint = await desk.add(pharmacy, receiver.url, ("inventory.created",))
            # Nobody can note an attempt: the deliverer has its 200 and waits in its transaction.
            async with desk.connection.transaction():
                await desk.connection.execute("LOCK TABLE webhook_attempts IN SHARE MODE")
                await door.send(pharmacy, "inventory.create", an_item())
                await receiver.wait_for(1, within=20)
                # Watched from outside: within a transaction PostgreSQL shows who waits as it was at the first look.
                await eventually(lambda: watch.connection.fetchval(WAITING), lambda count: count == 1)
                consumers.kill()
            assert await desk.deliveries(endpoint, "status, attempts") == [("pending", 0)]
            consumers.restart()
            # Not the schedule but the broker brings it back: the lease would last 45 s.
            first, second = await receiver.wait_for(2, within=20)
            assert first.body == second.body
            assert first.headers["webhook-id"] == second.headers["webhook-id"]
            for call in (first, second):
                endpoint.verify(call)
            await eventually(
                lambda: desk.deliveries(endpoint, "status, attempts"), lambda rows: rows == [("delivered", 1)]
            )
