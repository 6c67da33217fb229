"""The door of third parties while the servers behind it are away."""

import json
from uuid import UUID, uuid4

from pydantic import SecretStr

from hub.messaging.control import Notice, notice_message
from hub.security.vault import Vault, source_aad
from hub.settings import Settings
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.senders import SECRET, SIGN
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import open_proxy

BODY = b'{"zen": 1}'


async def add_source(stage: GatewayStage, pharmacy_id: UUID) -> UUID:
    """Put a source into the database, and tell the gateways."""
    source_id = uuid4()
    sealed = Vault(stage.settings.secret_key.get_secret_value()).encrypt_text(SECRET, source_aad(source_id))
    async with stage.writes.transaction() as connection:
        await connection.execute(
            "INSERT INTO sources (id, pharmacy_id, created_at, updated_at, version, name, scheme, secret, event_type_path, mapping, enabled) "
            "VALUES ($1, $2, now(), now(), 1, 'x', 'github', $3, '/type', '{}', true)",
            source_id, pharmacy_id, sealed,
        )  # fmt: skip
    await stage.publisher.publish([notice_message(Notice("source.changed", {}))])
    return source_id


async def test_hooks_are_taken_in_from_the_cache_while_postgres_is_away_and_503_without_the_broker(
    settings: Settings,
) -> None:
    async with (
        open_proxy(settings.database_url.get_secret_value()) as postgres,
        open_proxy(settings.amqp_url.get_secret_value()) as rabbitmq,
    ):
        update = {
            "database_url": SecretStr(postgres.url),
            "amqp_url": SecretStr(rabbitmq.url),
            "confirm_seconds": 1.0,
        }
        async with running_gateway(settings.model_copy(update=update)) as stage:
            source_id = await add_source(stage, (await stage.add_key()).pharmacy_id)

            async def post(name: UUID = source_id, content: bytes = BODY) -> int:
                headers = SIGN["github"](BODY, "")
                return (await stage.client.post(f"/hooks/{name}", content=content, headers=headers)).status_code

            await eventually(post, lambda seen: seen == 200)
            await postgres.stop()
            assert [await post(), await post(content=b"{}"), await post(uuid4())] == [200, 401, 401]
            await rabbitmq.stop()
            answer = await stage.client.post(f"/hooks/{source_id}", content=BODY, headers=SIGN["github"](BODY, ""))
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert json.loads(answer.text)["type"] == "/problems/unavailable"
            await rabbitmq.start()
            await postgres.start()
            await eventually(post, lambda seen: seen == 200, within=15)
