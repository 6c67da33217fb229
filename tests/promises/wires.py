"""A hub that reaches its servers over wires to be spoiled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from hub.settings import Settings
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.processes import consumers_process
from tests.rooms.broker_proxy import BrokerProxy, open_proxy


@asynccontextmanager
async def behind_wires(settings: Settings) -> AsyncIterator[tuple[GatewayStage, BrokerProxy, BrokerProxy]]:
    """A gateway and a writer that reach both servers over wires to be spoiled: to PostgreSQL, to RabbitMQ."""
    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgresql,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
    ):
        proxied = settings.model_copy(
            update={
                "roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0,
                "database_url": SecretStr(postgresql.url), "amqp_url": SecretStr(rabbitmq.url),
            }
        )  # fmt: skip
        with consumers_process(proxied):
            async with running_gateway(proxied) as stage:
                yield stage, postgresql, rabbitmq
