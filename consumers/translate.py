"""Incoming webhooks become commands: read, translated, sent, and marked as processed once all of it is settled.

A command's operation id follows from the webhook and from what the command says, so a redelivery or a repeat of the work
applies it once. What was refused may be tried again by asking for it (`reprocess`): then it has an id of the next round.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
import structlog
from pydantic import ValidationError

from consumers.pausing import Pause
from consumers.window import Delivery, Window, acknowledge
from hub import clock
from hub.domain.adapters.wish import Untranslatable, Wish
from hub.domain.checking import field_errors
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import derived_id
from hub.domain.mapping import Mapping
from hub.domain.translation import hops_of, translate
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.messaging.topology import COMMANDS, partition_of
from hub.resources import COMMANDS as RULES
from hub.storage.database import Database
from hub.storage.translating import Ended, find_ends, find_items, find_mappings

MESSAGES = 200
_BYTES = 4 * 1_048_576
_FIRST_LOOK_SECONDS = 0.02
_LAST_LOOK_SECONDS = 0.5
_ROUNDS = 20
_REASON_CHARACTERS = 2000

log = structlog.get_logger("translate")


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook that came in, as its event tells it."""

    event_id: UUID
    pharmacy_id: UUID
    webhook_id: UUID
    source_id: UUID | None
    event_type: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a webhook became."""

    operation_id: UUID
    type: str
    resource_id: UUID
    body: dict[str, Any]


@dataclass(slots=True)
class Work:
    """What one webhook became; `faults` say what became nothing."""

    received: Received
    steps: list[Step] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Translator:
    """Works on received webhooks, a window at a time, in the order of their events."""

    def __init__(self, window: Window, database: Database, publisher: BulkPublisher, partitions: int) -> None:
        """Put the parts together; nothing runs before `run`."""
        self._window = window
        self._database = database
        self._publisher = publisher
        self._partitions = partitions
        self._closing = False

    def close(self) -> None:
        """Take no more; what is not settled yet is left to the next process."""
        self._closing = True
        self._window.close()

    async def run(self) -> None:
        """Work until closed."""
        while deliveries := await self._window.take(MESSAGES, _BYTES):
            if await self._settle(deliveries):
                await acknowledge(deliveries)

    async def _settle(self, deliveries: Sequence[Delivery]) -> bool:
        """Work on a window; False: the process is closing, and the broker delivers it again."""
        received = [one for delivery in deliveries if (one := read_event(delivery.body)) is not None]
        pause = Pause(self._window.pulse)
        while not self._closing:
            try:
                work = await self._plan(received)
                await self._send(
                    (one.received.pharmacy_id, step, f"source:{one.received.source_id}", "webhook")
                    for one in work
                    for step in one.steps
                )
                ends = await self._wait([step.operation_id for one in work for step in one.steps])
                if ends is None:
                    return False
                await self._send((one.received.pharmacy_id, settled(one, ends), "system", "system") for one in work)
            except Unavailable as fault:
                log.warning("translate.held", what=fault.what, detail=fault.detail, webhooks=len(received))
                await pause.wait()
            else:
                return True
        return False

    async def _plan(self, received: Sequence[Received]) -> list[Work]:
        """Say what every webhook becomes."""
        async with self._database.connection() as connection:
            stored = await find_mappings(connection, {one.source_id for one in received if one.source_id is not None})
            mappings = {source_id: Mapping.model_validate(mapping) for source_id, mapping in stored.items()}
            works: list[tuple[Work, list[Wish], Mapping]] = []
            for one in received:
                work, wishes = Work(one), []
                mapping = mappings.get(one.source_id) if one.source_id is not None else None
                if mapping is not None and mapping.writes:
                    try:
                        wishes = translate(str(one.source_id), mapping, one.event_type, one.payload)
                    except Untranslatable as reason:
                        work.faults.append(str(reason))
                works.append((work, wishes, mapping or Mapping()))
            asked = [
                (work.received.pharmacy_id, name, scheme)
                for work, wishes, mapping in works
                for wish in wishes
                for name, scheme in _articles(wish, mapping)
            ]
            items = await find_items(connection, asked)
            for work, wishes, mapping in works:
                for wish in wishes:
                    _add(work, wish, mapping, items)
            return await self._with_rounds([work for work, _, _ in works])

    async def _with_rounds(self, works: list[Work]) -> list[Work]:
        """Give what was refused in an earlier round the id of the next one."""
        rounds = {
            derived_id(step.operation_id, "round", number): None
            for work in works
            for step in work.steps
            for number in range(1, _ROUNDS)
        }
        first = [step.operation_id for work in works for step in work.steps]
        async with self._database.connection() as connection:
            ends = await find_ends(connection, first)
            if any(end.status == "rejected" for end in ends.values()):
                ends |= await find_ends(connection, list(rounds))
        for work in works:
            work.steps = [replace(step, operation_id=_open_round(step.operation_id, ends)) for step in work.steps]
        return works

    async def _send(self, commands: Iterable[tuple[UUID, Step, str, str]]) -> None:
        now = clock.now().isoformat()
        messages = [
            Outgoing(
                COMMANDS,
                str(partition_of(pharmacy_id, self._partitions)),
                orjson.dumps(
                    [
                        {
                            "operation_id": str(step.operation_id),
                            "pharmacy_id": str(pharmacy_id),
                            "resource_id": str(step.resource_id),
                            "type": step.type,
                            "accepted_at": now,
                            "body": step.body,
                            "actor": actor,
                            "door": door,
                        }
                    ]
                ),
            )
            for pharmacy_id, step, actor, door in commands
        ]
        if messages:
            await self._publisher.publish(messages)

    async def _wait(self, operation_ids: Sequence[UUID]) -> dict[UUID, Ended] | None:
        """Wait until every operation ended; None: the process is closing."""
        ends: dict[UUID, Ended] = {}
        seconds = _FIRST_LOOK_SECONDS
        while missing := set(operation_ids) - set(ends):
            if self._closing:
                return None
            async with self._database.connection() as connection:
                ends |= await find_ends(connection, missing)
            if len(ends) < len(set(operation_ids)):
                await asyncio.sleep(seconds)
                seconds = min(seconds * 2, _LAST_LOOK_SECONDS)
                self._window.pulse.beat()
        return ends


def read_event(body: bytes) -> Received | None:
    """Read the event of a received or reopened webhook; None: it is none, and nobody is helped by keeping it."""
    try:
        event = orjson.loads(body)
        webhook = event["data"]["webhook_event"]
        source_id = webhook["source_id"]
        return Received(
            UUID(event["id"]),
            UUID(event["pharmacyid"]),
            UUID(webhook["id"]),
            None if source_id is None else UUID(source_id),
            webhook["event_type"],
            webhook["payload"],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        log.exception("translate.unreadable", size=len(body))
        return None


def settled(work: Work, ends: dict[UUID, Ended]) -> Step:
    """Make the command that says what came of a webhook."""
    faults = list(work.faults)
    commands = []
    is_settled = True
    for step in work.steps:
        end = ends[step.operation_id]
        commands.append({"operation_id": str(step.operation_id), "type": step.type, "status": end.status})
        if end.status == "rejected":
            faults.append(f"{step.type} was refused: {end.detail}")
        elif end.status == "parked":
            is_settled = False
            faults.append(f"{step.type} was set aside; an operator can replay it")
    reason = "; ".join(dict.fromkeys(faults))[:_REASON_CHARACTERS] or None
    received = work.received
    body = {"processed": is_settled, "reason": reason, "commands": commands}
    return Step(derived_id(received.event_id, "settled"), "webhook_event.settle", received.webhook_id, body)


def _open_round(first: UUID, ends: dict[UUID, Ended]) -> UUID:
    """Name the first round that was not refused: it is applied, on its way, or yet to be sent."""
    operation_id = first
    for number in range(1, _ROUNDS):
        end = ends.get(operation_id)
        if end is None or end.status != "rejected":
            break
        operation_id = derived_id(first, "round", number)
    return operation_id


def _articles(wish: Wish, mapping: Mapping) -> list[tuple[str, str | None]]:
    """Name the articles that a wish speaks of by the vendor's ids, each with the scheme of its identifier."""
    if wish.command == "inventory.mirror":
        return [(mapping.skus.get(wish.key, wish.key), mapping.adapter)]
    if wish.command == "order.mirror" and mapping.adapter is not None:
        prefix = f"{mapping.adapter}:"
        return [
            (line["sku"].removeprefix(prefix), mapping.adapter)
            for line in wish.body.get("items") or ()
            if str(line.get("sku")).startswith(prefix)
        ]
    return []


def _add(work: Work, wish: Wish, mapping: Mapping, items: dict[tuple[UUID, str], tuple[UUID, str]]) -> None:
    """Make the command of a wish, or say why there is none."""
    received = work.received
    body = dict(wish.body)
    named = [(name, items.get((received.pharmacy_id, name))) for name, _ in _articles(wish, mapping)]
    if wish.command == "inventory.mirror":
        name, item = named[0]
        if item is None:
            work.faults.append(f"no item of this pharmacy has the sku or identifier {name!r}")
            return
        resource_id = item[0]
    elif wish.command == "order.mirror":
        known = {f"{mapping.adapter}:{name}": item[1] for name, item in named if item is not None}
        if known:
            body["items"] = [line | {"sku": known.get(line["sku"], line["sku"])} for line in body["items"]]
        resource_id = derived_id(received.source_id or received.pharmacy_id, "order", wish.key)
    else:
        resource_id = derived_id(received.webhook_id, "resource", len(work.steps))
    said = fingerprint_of(wish.command, resource_id, body)
    if wish.command != "sale.record":
        body |= {
            "source_id": str(received.source_id),
            "causation_id": str(received.webhook_id),
            "hops": hops_of(received.payload),
        }
    try:
        # As strictly as a client's body, so that money is text and a number no word.
        RULES[wish.command].body.model_validate_json(orjson.dumps(body), strict=True)
    except ValidationError as error:
        faults = [f"{fault.pointer}: {fault.detail}" for fault in field_errors(error, body)[:5]]
        work.faults.append(f"{wish.command} does not fit: {', '.join(faults)}")
        return
    operation_id = derived_id(received.webhook_id, "translated", said)
    if all(step.operation_id != operation_id for step in work.steps):
        work.steps.append(Step(operation_id, wish.command, resource_id, body))
