"""Promise 6: a poison message is parked with its reason, visible and replayable; its neighbours go on, at most 2 s late."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from consumers.applying import Applier
from consumers.envelope import Arrived, read_message
from consumers.store import PostgresStore
from hub.domain.ids import HUB_ID
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.connection import open_connection
from hub.messaging.topology import COMMANDS, command_queue, partition_of
from hub.resources import COMMANDS as COMMANDS_KNOWN
from hub.settings import Settings
from hub.storage.database import open_database
from tests.kit.buggy import PREFIX as BUGGY
from tests.kit.buggy import a_bug
from tests.kit.consumers import running_consumers
from tests.kit.door import TestDoor, open_test_door
from tests.kit.wait import eventually
from tests.promises.outages import measured

LATE_SECONDS = 2.0
JUNK: dict[bytes, list[bytes]] = {
    b"\xff": [b"\xff"],
    b"": [b""],
    b"[]": [b"[]"],
    b"null": [b"null"],
    b"[1, null, {}]": [b"1", b"null", b"{}"],
    b'{"type": "sale.record"}': [b'{"type": "sale.record"}'],
    b"[" * 5000: [b"[" * 5000],
    b'[{"type": "no.such"}]': [b'{"type":"no.such"}'],
}
"""Messages, and what is parked of each."""

_REFUSALS = """
    ALTER TABLE inventory_items ADD CHECK (name <> 'refused by a constraint');
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON inventory_items FOR EACH ROW
    WHEN (NEW.name = 'refused, and nobody says which') EXECUTE FUNCTION refuse();
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A hub's consumers, a door, and one pharmacy in every partition."""

    door: TestDoor
    owner: asyncpg.Connection
    pharmacies: list[UUID]
    settings: Settings
    publisher: BulkPublisher

    async def publish(self, partition: int, body: bytes) -> None:
        """Publish a message as it stands."""
        await self.publisher.publish([Outgoing(COMMANDS, str(partition), body)])

    async def parked(self) -> list[asyncpg.Record]:
        """Read what is parked."""
        return await self.owner.fetch("SELECT * FROM parked_messages ORDER BY parked_at, id")

    async def status(self, operation_id: UUID) -> str | None:
        """Read an operation's status."""
        status: str | None = await self.owner.fetchval("SELECT status FROM operations WHERE id = $1", operation_id)
        return status

    async def skus(self) -> list[str]:
        """Read what was created, in order of creation."""
        return [
            record[0] for record in await self.owner.fetch("SELECT sku FROM inventory_items ORDER BY created_at, sku")
        ]


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    """Writer and parker in the test's process."""
    settings = settings.model_copy(update={"roles": ("writer", "parker")})
    owner = await asyncpg.connect(settings.database_url.get_secret_value())
    async with (
        running_consumers(settings),
        open_test_door(settings) as door,
        open_connection(settings.amqp_urls, name="test publishing") as connection,
    ):
        found: dict[int, UUID] = {}
        while len(found) < settings.partitions:
            pharmacy_id = uuid4()
            found.setdefault(partition_of(pharmacy_id, settings.partitions), pharmacy_id)
        yield Stage(
            door,
            owner,
            [found[number] for number in sorted(found)],
            settings,
            BulkPublisher(connection, confirm_seconds=5),
        )
    await owner.close()


def _create(pharmacy_id: UUID, sku: str, name: str = "Aspirin") -> tuple[UUID, bytes]:
    operation_id = uuid4()
    envelope: dict[str, Any] = {
        "operation_id": str(operation_id), "pharmacy_id": str(pharmacy_id), "resource_id": str(uuid4()), "type": "inventory.create",
        "accepted_at": "2026-11-24T12:00:00Z", "actor": "system", "body": {"sku": sku, "name": name, "price": "1.00"},
    }  # fmt: skip
    return operation_id, orjson.dumps(envelope)


async def _round(
    stage: Stage, marks: dict[int, float], *, poisoned: bool, sku: str = "", name: str = "\x00"
) -> tuple[list[UUID], float]:
    """Send 100 commands to every partition, one of them poison; say which, and how long a neighbour takes at most."""
    poison: list[UUID] = []
    neighbours: list[UUID] = []
    messages: list[Outgoing] = []
    for partition, pharmacy_id in enumerate(stage.pharmacies):
        for index in range(100):
            is_poison = poisoned and index == 50
            chosen = (f"{sku}{uuid4()}", name) if is_poison else (f"{uuid4()}", "Aspirin")
            operation_id, command = _create(pharmacy_id, *chosen)
            (poison if is_poison else neighbours).append(operation_id)
            messages.append(Outgoing(COMMANDS, str(partition), b"[" + command + b"]"))
    await stage.publisher.publish(messages)
    began = time.monotonic()
    query = "SELECT count(*) FROM operations WHERE id = ANY($1::uuid[]) AND status = 'applied'"
    await eventually(lambda: stage.owner.fetchval(query, neighbours), lambda count: count == len(neighbours), within=60)
    seconds = time.monotonic() - began
    marks[int(poisoned)] = seconds
    return poison, seconds


@pytest.mark.parametrize(
    ("sku", "name"),
    [
        # PostgreSQL takes no NUL: what a door would have refused breaks the flush of the whole window.
        ("", "\x00"),
        ("", "refused by a constraint"),
        ("", "refused, and nobody says which"),
        (BUGGY, "a rule breaks"),
    ],
    ids=["nul", "constraint", "unnamed", "bug"],
)
async def test_a_poison_command_in_every_partition_delays_its_neighbours_by_two_seconds_at_most(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, sku: str, name: str
) -> None:
    await stage.owner.execute(_REFUSALS)
    marks: dict[int, float] = {}
    with a_bug(monkeypatch):
        await _round(stage, marks, poisoned=False)
        poison, seconds = await _round(stage, marks, poisoned=True, sku=sku, name=name)
    measured(f"poison in every partition ({sku}{name!r}), how much later its neighbours are", seconds - marks[0])
    assert seconds - marks[0] <= LATE_SECONDS, marks
    rows = await eventually(stage.parked, lambda rows: len(rows) == len(poison))
    assert {row["operation_id"] for row in rows} == set(poison)
    assert {row["origin"] for row in rows} == {command_queue(number) for number in range(stage.settings.partitions)}
    assert {row["pharmacy_id"] for row in rows} == set(stage.pharmacies)
    assert all("while it was applied" in row["reason"] for row in rows)
    assert [await stage.status(operation_id) for operation_id in poison] == ["parked"] * len(poison)


@pytest.mark.parametrize(("junk", "parked"), JUNK.items(), ids=range(len(JUNK)))
async def test_poison_bytes_in_every_partition_are_parked_unread_and_their_neighbours_go_on(
    stage: Stage, junk: bytes, parked: list[bytes]
) -> None:
    for partition in range(stage.settings.partitions):
        await stage.publish(partition, junk)
    slowest = 0.0
    for pharmacy_id in stage.pharmacies:
        began = time.monotonic()
        async with asyncio.timeout(LATE_SECONDS):
            outcome = await stage.door.send(pharmacy_id, "inventory.create", {"sku": "A", "name": "x", "price": "1.00"})
        assert outcome["status"] == "applied"
        slowest = max(slowest, time.monotonic() - began)
    measured(f"poison bytes {junk[:20]!r} in every partition, slowest command behind them", slowest)
    wanted = [(command_queue(number), payload) for number in range(stage.settings.partitions) for payload in parked]
    rows = await eventually(stage.parked, lambda rows: len(rows) == len(wanted))
    assert sorted((row["origin"], bytes(row["payload"])) for row in rows) == sorted(wanted)
    assert all(row["reason"] for row in rows)


async def test_the_neighbours_in_the_same_message_are_applied_in_order(stage: Stage) -> None:
    pharmacy_id = stage.pharmacies[0]
    (one, first), (poison, broken), (two, last) = (
        _create(pharmacy_id, "1"),
        _create(pharmacy_id, "2", "\x00"),
        _create(pharmacy_id, "3"),
    )
    await stage.publish(0, b"[" + b",".join((first, broken, b'{"type":7}', b"null", last)) + b"]")
    began = time.monotonic()
    await eventually(lambda: stage.status(two), lambda status: status == "applied")
    measured(
        "three that cannot be applied in one message, to the command behind them applied", time.monotonic() - began
    )
    assert [await stage.status(one), await stage.status(poison)] == ["applied", "parked"]
    query = "SELECT sequence, operation_id FROM events WHERE pharmacy_id = $1 ORDER BY 1"
    assert [tuple(row) for row in await stage.owner.fetch(query, pharmacy_id)] == [(1, one), (2, two)]
    rows = await eventually(stage.parked, lambda rows: len(rows) == 3)
    assert {bytes(row["payload"]) for row in rows} == {broken, b'{"type":7}', b"null"}


async def test_what_is_parked_is_replayed_once_after_the_bug_is_fixed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pharmacy_id = stage.pharmacies[1]
    with a_bug(monkeypatch) as bug:
        poison, broken = _create(pharmacy_id, "BUG-1")
        _, after = _create(pharmacy_id, "LATER")
        await stage.publish(1, b"[" + broken + b"," + after + b"]")
        (row,) = await eventually(stage.parked, lambda rows: len(rows) == 1)
        bug.is_there = False
        for _ in range(3):
            outcome = await stage.door.send(HUB_ID, "parked.replay", {}, resource_id=row["id"])
            assert outcome["status"] == "applied"
        # The same message once more, as a broker that lost an ack would deliver it.
        await stage.publish(1, b"[" + bytes(row["payload"]) + b"]")
        await eventually(lambda: stage.status(poison), lambda status: status == "applied")
        barrier = await stage.door.send(pharmacy_id, "inventory.create", {"sku": "LAST", "name": "x", "price": "1.00"})
    assert barrier["status"] == "applied"
    assert await stage.skus() == ["LATER", "BUG-1", "LAST"]
    sequences = await stage.owner.fetch("SELECT sequence FROM events WHERE pharmacy_id = $1 ORDER BY 1", pharmacy_id)
    assert [record[0] for record in sequences] == [1, 2, 3]
    query = "SELECT action, outcome FROM audit_log WHERE action LIKE 'parked.%' ORDER BY at"
    assert [tuple(line) for line in await stage.owner.fetch(query)] == [("parked.replay", "applied")] * 3


async def test_what_a_newer_gateway_sent_to_an_older_writer_is_applied_when_it_is_replayed_to_a_newer_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that runs beside the next one has not heard of its commands: they are parked, and lost to nobody."""
    pharmacy_id = stage.pharmacies[3]
    with monkeypatch.context() as older:
        older.setattr(
            "consumers.envelope.COMMANDS", {n: r for n, r in COMMANDS_KNOWN.items() if n != "inventory.create"}
        )
        operation_id, unheard_of = _create(pharmacy_id, "NEW")
        await stage.publish(3, b"[" + unheard_of + b"]")
        (row,) = await eventually(stage.parked, lambda rows: len(rows) == 1)
        assert row["reason"] == "not a command: there is no command of this type"
        assert await stage.status(operation_id) == "parked"
    began = time.monotonic()
    for _ in range(2):
        outcome = await stage.door.send(HUB_ID, "parked.replay", {}, resource_id=row["id"])
        assert outcome["status"] == "applied"
    await eventually(lambda: stage.status(operation_id), lambda status: status == "applied")
    measured("two replays of a command of a later release, to applied", time.monotonic() - began)
    query = "SELECT type, resource_type, event_count FROM operations WHERE id = $1"
    assert tuple(await stage.owner.fetchrow(query, operation_id) or ()) == ("inventory.create", "inventory", 1)
    assert await stage.skus() == ["NEW"]


async def test_a_replay_whose_message_was_never_sent_is_sent_when_the_command_comes_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer dies between its commit and the broker: the unacked command is the outbox of the replay as well."""
    pharmacy_id = stage.pharmacies[2]
    with a_bug(monkeypatch) as bug:
        poison, broken = _create(pharmacy_id, "BUG-1")
        await stage.publish(2, b"[" + broken + b"]")
        (row,) = await eventually(stage.parked, lambda rows: len(rows) == 1)
        bug.is_there = False
        with monkeypatch.context() as patched:
            patched.setattr("consumers.applying.replay_messages", lambda _: [])
            await stage.door.send(
                HUB_ID, "parked.replay", {}, resource_id=row["id"], operation_id=poison_replay(row["id"])
            )
        assert await stage.status(poison) == "pending"
        await _redeliver(stage, row["id"])
        await eventually(lambda: stage.status(poison), lambda status: status == "applied")


def poison_replay(parked_id: UUID) -> UUID:
    """Name the operation that replays a message."""
    return UUID(int=parked_id.int ^ 1)


async def _redeliver(stage: Stage, parked_id: UUID) -> None:
    """Hand the writer's applier the replay as a redelivered command, and publish what it has to say."""
    envelope = {
        "operation_id": str(poison_replay(parked_id)), "pharmacy_id": str(HUB_ID), "resource_id": str(parked_id),
        "type": "parked.replay", "accepted_at": "2026-11-24T12:00:00Z", "body": {}, "door": "cli",
    }  # fmt: skip
    partition = partition_of(HUB_ID, stage.settings.partitions)
    arrived = [one for one in read_message(orjson.dumps([envelope]), partition) if isinstance(one, Arrived)]
    url = stage.settings.database_url.get_secret_value()
    async with open_database(url, "hub_write", pool=1) as database:
        applied = await Applier(PostgresStore(database)).apply(arrived)
        await stage.publisher.publish(applied.messages)
