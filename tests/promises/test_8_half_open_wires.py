"""Promise 8, half-open: the connections to a server are dead, and neither end was told; what was accepted is applied by itself.

Red when: nobody asks whether the other end is still there, or what a dead connection held is given up.
"""

import asyncio
import time

import pytest
from pydantic import SecretStr

from hub.settings import Settings
from hub.storage.database import open_database
from tests.kit.gateway import running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import HUNG_SECONDS, applied_of, assert_once, clients_writing, measured
from tests.rooms.broker_proxy import open_proxy

# aiormq gives a connection up 24 to 28 s after its last word (three heartbeats, looked for every 4 s); a transaction has 20 s.
NOTICED_SECONDS = 35.0


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", ["rabbitmq", "postgresql"])
async def test_connections_that_died_without_a_word_are_given_up_and_all_is_applied(
    settings: Settings, which: str
) -> None:
    """A firewall forgets the connections of gateway and writer among 4 clients; new ones work."""
    url = settings.database_url.get_secret_value()
    async with open_proxy(url) as postgresql, open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq:
        proxied = settings.model_copy(
            update={
                "roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0,
                "database_url": SecretStr(postgresql.url), "amqp_url": SecretStr(rabbitmq.url),
            }
        )  # fmt: skip
        with consumers_process(proxied):
            async with running_gateway(proxied) as stage:
                async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.05) as clients:
                    await clients.more(50)
                    {"rabbitmq": rabbitmq, "postgresql": postgresql}[which].strand()
                    stranded = time.monotonic()
                    await clients.more(20)
                    measured(f"half-open to {which}, to the next 20 accepted", time.monotonic() - stranded)
                    waiting = [*clients.written.accepted]
                    await eventually(
                        lambda: applied_of(url, waiting), lambda found: found == len(waiting), within=NOTICED_SECONDS
                    )
                    seconds = time.monotonic() - stranded
                measured(f"half-open to {which}, to all of it applied", seconds)
                written = clients.written
                await eventually(
                    lambda: applied_of(url, written.accepted), lambda found: found == len(written.accepted), within=20
                )
        measured(f"half-open to {which}, slowest write", written.slowest_seconds)
        assert seconds < NOTICED_SECONDS
        assert written.slowest_seconds < HUNG_SECONDS
        assert which == "rabbitmq" or written.refused == []
        async with asyncio.timeout(20), open_database(url, "hub_write", pool=1) as writes:
            await assert_once(writes, written)
