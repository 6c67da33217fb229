"""What integrators send beyond the limit costs the consumers no memory while it waits.

Red when: the body of a message that is refused for its size is kept until its turn.
"""

from types import SimpleNamespace
from typing import Any, cast

from consumers.ingress import Ingress
from consumers.ingress_message import MAX_BYTES
from consumers.window import Delivery, Window

MESSAGES = 200  # as many as RabbitMQ sends ahead of the acks
WIRE_BYTES = 8 * 1_048_576


async def test_of_a_message_that_is_too_large_only_the_beginning_waits() -> None:
    window, nothing, channel = Window(), cast("Any", None), cast("Any", SimpleNamespace(is_closed=False))
    ingress = Ingress(window, nothing, nothing, nothing, 8)
    body = b"x" * WIRE_BYTES
    said = dict.fromkeys(
        (
            "routing_key",
            "user_id",
            "message_id",
            "type",
            "content_type",
            "content_encoding",
            "reply_to",
            "correlation_id",
        )
    )
    for tag in range(1, MESSAGES + 1):
        ingress.add(Delivery(0, channel, tag, body), SimpleNamespace(body=body, headers={}, **said))
    window.close()
    waiting = [one for _ in range(MESSAGES) for one in await window.take(MESSAGES, WIRE_BYTES)]
    assert len(waiting) == MESSAGES
    kept = {id(held): len(held) for one in waiting for held in (one.body, cast("Any", one).incoming.body)}
    assert sum(kept.values()) < MAX_BYTES
    assert {cast("Any", one).incoming.size for one in waiting} == {WIRE_BYTES}
