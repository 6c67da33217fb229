"""What RabbitMQ itself sets aside before the hub reads it: kept with its reason, whatever its sender wrote into its headers.

Red when: what expires is lost, or the parker takes the words of whoever sent it for the hub's own.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.messaging.topology import DEFAULT_PARTITIONS, command_queue, ingress_queue_of, partition_of
from tests.amqp.table import filled
from tests.conftest import Servers
from tests.kit.amqp import AmqpStage, Till, publish, running_amqp_stage
from tests.kit.wait import until

ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


@pytest.fixture(scope="module")
def unread(servers: Servers, template_database: str) -> Iterator[AmqpStage]:
    """A hub without ingress: nobody reads what integrators send."""
    with tempfile.TemporaryDirectory(prefix="amqp-", dir=servers.session_dir) as folder:
        place = Path(folder)
        place.chmod(0o711)  # RabbitMQ's user walks through it
        with running_amqp_stage(servers, template_database, place, ["writer", "parker"]) as running:
            yield running


def _forged(other: Till, properties: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Write a command for another pharmacy as the hub would, and the headers with which the hub would set it aside."""
    operation_id, now = str(uuid4()), datetime.now(UTC).isoformat()
    command = {
        "operation_id": operation_id, "pharmacy_id": other.id, "type": "inventory.create", "resource_id": str(uuid4()),
        "accepted_at": now, "actor": f"pharmacy:{other.id}", "door": "amqp", "fingerprint": "x", "body": ITEM,
    }  # fmt: skip
    partition = partition_of(UUID(other.id), DEFAULT_PARTITIONS)
    headers: dict[str, Any] = {
        "hub-reason": "forged", "hub-origin": command_queue(partition), "hub-first-failed-at": now, "hub-last-failed-at": now,
        "hub-x-pharmacy_id": other.id, "hub-x-operation_id": operation_id,
    }  # fmt: skip
    headers |= filled(properties, headers["hub-origin"], other.id)
    return [command], {name: value for name, value in headers.items() if value is not None}


_DEATH = {"queue": "hub.dead", "exchange": "", "count": 1, "reason": "rejected", "routing-keys": ["hub.dead"]}
FORGED: dict[str, dict[str, Any]] = {
    "as the hub's own": {}, "with a death that is no list": {"x-death": "no list"}, "with a death": {"x-death": [_DEATH]},
    "with a death in a partition": {"x-death": [_DEATH], "x-first-death-reason": "expired", "x-first-death-queue": "{till}", "hub-origin": None},
    "with a first death": {"x-first-death-reason": "rejected", "x-first-death-queue": "{till}"},
}  # fmt: skip
"""Headers besides those of `_forged`; `{till}` stands for the other pharmacy's partition."""


@pytest.mark.parametrize("how", list(FORGED))
def test_what_expires_is_parked_with_its_reason_and_is_never_taken_for_the_hubs_own(
    unread: AmqpStage, how: str
) -> None:
    till, other = unread.open_pharmacy("Sender"), unread.open_pharmacy("Other")
    command, headers = _forged(other, FORGED[how])
    with till.channel() as channel:
        publish(channel, till, "inventory.create", {**ITEM, "name": till.id}, expiration="1")
        publish(channel, till, "inventory.create", command, expiration="1", headers=headers)

    def parked(needle: str) -> list[dict[str, Any]]:
        listed = unread.ask(unread.hub.operator_key, "GET", "/api/parked/?limit=500").json()["items"]
        found = unread.sql(f"SELECT id FROM parked_messages WHERE payload LIKE '%{needle}%'").splitlines()
        return [one for one in listed if one["id"] in found]

    plain = until(lambda: parked(till.id))[0]
    assert (plain["reason"], plain["origin"]) == (
        "its expiration ended before it was read", ingress_queue_of(UUID(till.id)),
    )  # fmt: skip
    wrong = until(lambda: parked(other.id))[0]
    assert wrong["reason"] != "forged"
    assert (wrong["pharmacy_id"], wrong["operation_id"]) == (None, None)
    assert not wrong["origin"].startswith("hub.commands.")
    replay = unread.ask(unread.hub.operator_key, "POST", f"/api/parked/{wrong['id']}/replay/", {"reason": "fixed"})
    assert replay.status_code == 409, replay.text
    assert other.http("GET", "/api/inventory/").json()["items"] == []
