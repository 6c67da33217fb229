"""What RabbitMQ's management tells of a queue, and what it does not tell yet."""

import httpx

from hub.messaging.management import Management, QueueDepth


async def test_what_is_not_told_yet_is_not_zero() -> None:
    # As RabbitMQ 3.10 answers: a quorum queue that was declared a moment ago has a name only.
    told = [
        {"name": "hub.commands.0"},
        {"name": "hub.commands.1", "messages": 0, "consumers": 0},
        {"name": "somebody.else", "messages": 1, "consumers": 1},
    ]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=told))
    async with httpx.AsyncClient(transport=transport, base_url="http://management") as client:
        found = await Management(client, "/").count_messages()
    assert found == [QueueDepth("hub.commands.0", None, None), QueueDepth("hub.commands.1", 0, 0)]
