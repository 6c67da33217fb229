"""Events to webhooks, against real servers and a real receiver."""

import orjson

from hub import clock
from hub.domain.ids import default_endpoint_id
from hub.security.signatures import derive_webhook_secret
from hub.security.vault import Vault, endpoint_aad
from hub.settings import Settings
from tests.kit.endpoints import calling, sending
from tests.kit.wait import eventually


async def test_every_event_reaches_the_pharmacys_webhook_signed_and_retried(settings: Settings) -> None:
    settings = calling(settings, 0.1, 0.1)
    async with sending(settings) as (door, receiver, desk):
        receiver.answer = lambda _: 500 if len(receiver.calls) == 1 else 204
        pharmacy = await door.open_pharmacy()
        operation = clock.new_id()
        key = settings.secret_key.get_secret_value()
        secret = derive_webhook_secret(key, operation)
        receiver.secrets.add(secret)
        sealed = Vault(key).encrypt_text(secret, endpoint_aad(default_endpoint_id(pharmacy)))
        await door.send(
            pharmacy,
            "pharmacy.update",
            {"webhook_url": receiver.url},
            operation_id=operation,
            resource_id=pharmacy,
            minted={"webhook_secret": sealed},
        )
        await door.send(pharmacy, "webhook_event.receive", {"event_type": "x", "payload": {"a": 1}})
        calls = await receiver.wait_for(4)
        # pharmacy.updated twice (the first answer was a 500), webhook_event.received, webhook_event.processed
        assert sorted({orjson.loads(call.body)["type"] for call in calls}) == [
            "pharmacy.updated",
            "webhook_event.processed",
            "webhook_event.received",
        ]
        rows = await eventually(
            lambda: desk.connection.fetch("SELECT status, attempts FROM webhook_deliveries ORDER BY event_sequence"),
            lambda rows: len(rows) == 3 and all(row["status"] == "delivered" for row in rows),
        )
        assert [row["attempts"] for row in rows] == [2, 1, 1]
