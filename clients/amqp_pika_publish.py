"""Publish commands over AMQP and wait for their receipts, with pika (`pip install pika`).

    python clients/amqp_pika_publish.py inventory.create '{"sku": "PZN1", "name": "Aspirin", "price": "4.99", "quantity": 10}'

Reads HUB_AMQP (host:port), PHARMACY_ID and API_KEY from the environment. An integrator sets USER_ID to its own id as well.
A third argument is the message's idempotency key: sent again under the same one, nothing happens twice.
"""

import json
import os
import sys
import uuid

import pika

REPLY_TO = "amq.rabbitmq.reply-to"


def main(command: str, body: str, message_id: str) -> int:
    """Publish one message, print what comes back; 0: all of it was applied."""
    host, _, port = os.environ["HUB_AMQP"].partition(":")
    pharmacy = os.environ["PHARMACY_ID"]
    user = os.environ.get("USER_ID", pharmacy)
    credentials = pika.PlainCredentials(user, os.environ["API_KEY"])
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, int(port or 5672), "/", credentials))
    channel = connection.channel()
    channel.confirm_delivery()  # from here on a publish returns when the broker has the message on disk
    receipts = []

    def receive(_channel: object, _method: object, properties: pika.BasicProperties, answer: bytes) -> None:
        receipts.append((properties.correlation_id, json.loads(answer)))

    channel.basic_consume(REPLY_TO, receive, auto_ack=True)
    properties = pika.BasicProperties(
        user_id=user,
        message_id=message_id,
        type=command,
        content_type="application/json",
        delivery_mode=2,
        reply_to=REPLY_TO,
        correlation_id=message_id,
    )
    channel.basic_publish("hub.ingress", pharmacy, body.encode(), properties, mandatory=True)
    while not receipts:
        connection.process_data_events(time_limit=1)
    connection.close()
    _, answer = receipts[0]
    print(json.dumps(answer, indent=2))
    operations = answer if isinstance(answer, list) else [answer]
    return 0 if all(operation["status"] == "applied" for operation in operations) else 1


if __name__ == "__main__":
    command, body, message_id, *_ = [*sys.argv[1:], str(uuid.uuid4())]
    sys.exit(main(command, body, message_id))
