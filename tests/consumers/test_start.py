"""A consumers process may be started before RabbitMQ: it waits, and plays its roles as soon as there is one."""

import asyncio
from pathlib import Path

from pydantic import SecretStr

from hub.messaging.connection import open_connection
from hub.messaging.topology import DEAD
from hub.messaging.unread import find_unread
from hub.settings import Settings
from hub.up.ports import free_ports
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import BrokerProxy


def _early(settings: Settings) -> tuple[Settings, BrokerProxy]:
    """Settings of a process whose broker is behind a wire that is not there yet."""
    (port,) = free_ports([None])
    wire = BrokerProxy(settings.amqp_url.get_secret_value(), port=port)
    return settings.model_copy(update={"roles": ("parker",), "amqp_url": SecretStr(wire.url)}), wire


async def _is_held(log: Path) -> None:
    """Wait until a process has said that it waits."""

    async def said() -> int:
        return (await asyncio.to_thread(log.read_text)).count("start.held")

    await eventually(said, lambda times: times > 0, within=60)


async def test_a_process_that_is_started_before_rabbitmq_plays_its_roles_as_soon_as_it_is_there(
    settings: Settings,
) -> None:
    early, wire = _early(settings)
    with consumers_process(early):
        await _is_held(settings.data_dir / "consumers.log")
        await wire.start()
        async with open_connection(settings.amqp_urls, name="test") as connection:
            await eventually(lambda: find_unread(connection, [DEAD]), lambda unread: not unread, within=30)
    await wire.stop()


async def test_a_process_that_waits_for_rabbitmq_ends_when_it_is_told_to(settings: Settings) -> None:
    early, _ = _early(settings)
    with consumers_process(early) as process:
        await _is_held(settings.data_dir / "consumers.log")
        assert await asyncio.to_thread(process.stop, 10) == 0
    assert "Traceback" not in (settings.data_dir / "consumers.log").read_text()
