"""Publish commands over AMQP and wait for their receipts, with aio-pika (`pip install aio-pika`).

    python clients/amqp_publish.py inventory.create '{"sku": "PZN1", "name": "Aspirin", "price": "4.99", "quantity": 10}'

Reads HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment. An integrator sets USER_ID to its own id as well.
A third argument is the message's idempotency key: sent again under the same one, nothing happens twice.
"""

import asyncio
import json
import os
import sys
import uuid

import aio_pika

REPLY_TO = "amq.rabbitmq.reply-to"


async def main(command: str, body: str, message_id: str) -> int:
    """Publish one message, print what comes back; 0: all of it was applied."""
    host, _, port = os.environ["HUB_AMQP"].partition(":")
    pharmacy = os.environ["PHARMACY_ID"]
    user = os.environ.get("USER_ID", pharmacy)
    connection = await aio_pika.connect(host=host, port=int(port or 5672), login=user, password=os.environ["API_KEY"])
    async with connection:
        # Confirms are on by default; a message that finds no queue raises as well.
        channel = await connection.channel(on_return_raises=True)
        receipt = asyncio.get_running_loop().create_future()

        async def receive(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            if message.correlation_id == message_id and not receipt.done():  # it may come twice
                receipt.set_result(json.loads(message.body))

        # `ensure=False`: neither of them can be looked at or declared.
        replies = await channel.get_queue(REPLY_TO, ensure=False)
        await replies.consume(receive, no_ack=True)
        ingress = await channel.get_exchange("hub.ingress", ensure=False)
        message = aio_pika.Message(
            body.encode(),
            user_id=user,
            message_id=message_id,
            type=command,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            reply_to=REPLY_TO,
            correlation_id=message_id,
        )
        await ingress.publish(message, pharmacy, mandatory=True, timeout=10)  # returns when it is on the broker's disk
        answer = await asyncio.wait_for(receipt, 30)
    print(json.dumps(answer, indent=2))
    operations = answer if isinstance(answer, list) else [answer]
    return 0 if all(operation["status"] == "applied" for operation in operations) else 1


if __name__ == "__main__":
    command, body, message_id, *_ = [*sys.argv[1:], str(uuid.uuid4())]
    sys.exit(asyncio.run(main(command, body, message_id)))
