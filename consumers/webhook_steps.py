"""What a received webhook becomes: the commands of its wishes, and the command that says what came of them.

A command's operation id follows from the webhook and from what the command says, so a redelivery or a repeat of the work
applies it once. What was refused may be tried again by asking for it (`reprocess`): then it has an id of the next round.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import structlog
from pydantic import ValidationError

from consumers.processing import OwnCommand
from hub.domain.adapters.wish import Wish
from hub.domain.checking import field_errors
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import derived_id
from hub.domain.mapping import Mapping
from hub.domain.mirror_note import MIRROR
from hub.domain.translation import hops_of
from hub.resources import COMMANDS
from hub.storage.translating import Article, Ended

ROUNDS = 20
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

    def command(self, step: Step) -> OwnCommand:
        """Make the command of a step; its source is behind it."""
        return OwnCommand(
            self.received.pharmacy_id,
            step.type,
            step.resource_id,
            step.operation_id,
            step.body,
            actor=f"source:{self.received.source_id}",
            door="webhook",
        )


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


def settled(work: Work, ends: dict[UUID, Ended]) -> OwnCommand:
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
    operation_id = derived_id(received.event_id, "settled")
    return OwnCommand(received.pharmacy_id, "webhook_event.settle", received.webhook_id, operation_id, body)


def open_round(first: UUID, ends: dict[UUID, Ended]) -> UUID:
    """Name the first round that was not refused: it is applied, on its way, or yet to be sent."""
    operation_id = first
    for number in range(1, ROUNDS):
        end = ends.get(operation_id)
        if end is None or end.status != "rejected":
            break
        operation_id = derived_id(first, "round", number)
    return operation_id


def articles_of(wish: Wish, mapping: Mapping) -> list[Article | None]:
    """Name the articles of a wish: that of a count, or for each line of an order what is to be looked for, None: nothing."""
    if wish.command == "inventory.mirror":
        return [_counted(wish, mapping)]
    return [
        None if vendor_id is None else _ordered(line["sku"], vendor_id, mapping)
        for line, vendor_id in zip(wish.body.get("items") or (), wish.vendor_ids, strict=False)
    ]


def _counted(wish: Wish, mapping: Mapping) -> Article:
    name = mapping.skus.get(wish.key, wish.key)
    return Article(name, mapping.adapter, name)


def _ordered(sku: str, vendor_id: str, mapping: Mapping) -> Article:
    return Article(vendor_id if sku == f"{mapping.adapter}:{vendor_id}" else sku, mapping.adapter, vendor_id)


def add_step(work: Work, wish: Wish, mapping: Mapping, items: dict[tuple[UUID, Article], tuple[UUID, str]]) -> None:
    """Make the command of a wish, or say why there is none."""
    received = work.received
    body = dict(wish.body)
    if wish.command == "inventory.mirror":
        article = _counted(wish, mapping)
        item = items.get((received.pharmacy_id, article))
        if item is None:
            work.faults.append(f"no item of this pharmacy has the sku or identifier {article.code!r}")
            return
        resource_id = item[0]
    elif wish.command == "order.mirror":
        found = [one and items.get((received.pharmacy_id, one)) for one in articles_of(wish, mapping)]
        if any(found):
            body["items"] = [
                line if item is None else line | {"sku": item[1]}
                for line, item in zip(body["items"], found, strict=True)
            ]
        resource_id = derived_id(received.source_id or received.pharmacy_id, "order", wish.key)
    else:
        resource_id = derived_id(received.webhook_id, "resource", len(work.steps))
    said = fingerprint_of(wish.command, resource_id, body)
    origin = {
        "source_id": str(received.source_id),
        "causation_id": str(received.webhook_id),
        "hops": hops_of(received.payload),
    }
    if wish.command != "sale.record":
        body |= origin
    elif isinstance(extra := body.get("extra_data", {}), dict):
        # A sale is recorded as the till's are, so its note stands at once where mirrored rows have theirs.
        body["extra_data"] = extra | {MIRROR: origin | {"revision": None, "version": 1}}
    try:
        # As strictly as a client's body, so that money is text and a number no word.
        COMMANDS[wish.command].body.model_validate_json(orjson.dumps(body), strict=True)
    except ValidationError as error:
        faults = [f"{fault.pointer}: {fault.detail}" for fault in field_errors(error, body)[:5]]
        work.faults.append(f"{wish.command} does not fit: {', '.join(faults)}")
        return
    operation_id = derived_id(received.webhook_id, "translated", said)
    if all(step.operation_id != operation_id for step in work.steps):
        work.steps.append(Step(operation_id, wish.command, resource_id, body))
