"""Promise 8: PostgreSQL is away for longer than RabbitMQ waits for an ack (30 minutes as it comes, 5 s here).

RabbitMQ then closes the channel of whoever holds messages. Red when: the writer does not come back to its queues, or
applies what it held beside what it is given again.
"""

import asyncio
import time
from pathlib import Path

import pytest

from tests.kit.wait import eventually
from tests.promises.outages import all_applied, assert_once, breakable_hub, clients_writing, measured

PATIENCE_SECONDS = 5
RECOVERED_SECONDS = 15.0


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_writer_whose_channels_were_closed_over_unacked_messages_goes_on_by_itself(data_dir: Path) -> None:
    async with breakable_hub(data_dir) as (servers, stage):

        async def log() -> str:
            return servers.rabbitmq.log.read_text(errors="replace")

        patience = f"application:set_env(rabbit, consumer_timeout, {PATIENCE_SECONDS * 1000})"
        look = "application:set_env(rabbit, channel_tick_interval, 1000)"
        await asyncio.to_thread(servers.rabbitmqctl, "eval", f"{patience}, {look}.")
        await asyncio.to_thread(servers.rabbitmqctl, "close_all_connections", "a test")  # new channels know it
        async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.1) as clients:
            await clients.more(20)
            await asyncio.to_thread(servers.stop_postgres)
            await eventually(log, lambda text: "delivery acknowledgement on channel" in text, within=60)
            await asyncio.to_thread(servers.start_postgres)
            healed = time.monotonic()
        await all_applied(stage.settings, clients.written, within=RECOVERED_SECONDS)
        measured("channels closed over unacked messages, PostgreSQL's heal to all applied", time.monotonic() - healed)
        await assert_once(stage.writes, clients.written)
