"""What must be true of a history and the evidence of its run. Pure: every check can be tried on planted mistakes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hub.domain.ids import operation_id_for, resource_id_for
from tests.chaos.commands import ref_in
from tests.chaos.evidence import Evidence, Json, Kept
from tests.chaos.history import Story, Told

CATEGORIES = (
    "lost", "twice", "order", "gaps", "leaks", "phantom", "model", "ledger", "webhooks", "unsigned", "answers", "receipts",
    "hung", "poison",
)  # fmt: skip
"""What the verdict counts, in its order."""

_HAS_EVENT = {"inventory.create", "inventory.adjust", "sale.record", "order.place", "webhook_event.receive"}


@dataclass(slots=True)
class Findings:
    """What is wrong, by category."""

    found: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CATEGORIES})

    def add(self, category: str, sentence: str) -> None:
        """Note something."""
        self.found[category].append(sentence)

    @property
    def counts(self) -> Mapping[str, int]:
        """Count them."""
        return {name: len(sentences) for name, sentences in self.found.items()}

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not any(self.found.values())


@dataclass(slots=True)
class Matched:
    """A pharmacy's history beside what the hub kept of it.

    Args:
        by_ref: the first event that tells of each ref.
        by_operation: first events of operations.
    """

    kept: Kept
    told: list[Told]
    by_ref: dict[str, Json] = field(default_factory=dict)
    by_operation: dict[UUID, Json] = field(default_factory=dict)

    def event_of(self, told: Told) -> Json | None:
        """Find the event of a command."""
        event = self.by_ref.get(told.ref)
        if event is None and told.operation_id is not None:
            event = self.by_operation.get(told.operation_id)
        return event

    def applied(self) -> Iterator[tuple[int, Told, Json]]:
        """Give the commands that have an event, in order of its sequence."""
        found = [(event["sequence"], told, event) for told in self.told if (event := self.event_of(told)) is not None]
        yield from sorted(found, key=lambda one: one[0])


def match(story: Story, evidence: Evidence) -> list[Matched]:
    """Lay the history beside the evidence."""
    told: dict[int, list[Told]] = defaultdict(list)
    for one in story.told.values():
        told[one.pharmacy].append(one)
    pairs = [Matched(kept, told[kept.number]) for kept in evidence.kept]
    for pair in pairs:
        for event, cause in zip(pair.kept.log, pair.kept.causes, strict=True):
            pair.by_operation.setdefault(cause, event)
            if (ref := ref_in(event)) is not None:
                pair.by_ref.setdefault(ref, event)
    return pairs


def check_lost(story: Story, evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """Whatever has a receipt came to an end, and was applied where it had to be."""
    poison = {payload for bad in evidence.poison for payload in bad.payloads}
    for payload in evidence.parked:
        if payload not in poison:
            findings.add("lost", f"parked, though it is no poison: {payload[:200]!r}")
    for pair in pairs:
        for told in pair.told:
            if told.accepted is not None and (why := _is_lost(told, pair, evidence)):
                findings.add("lost", f"{told.type} {told.ref} ({told.door}, {told.status}): {why}")


def _is_lost(told: Told, pair: Matched, evidence: Evidence) -> str:
    event = pair.event_of(told)
    if told.door == "bulk":
        return "" if event is not None else "its row has no event"
    operation = evidence.operations.get(told.operation_id) if told.operation_id is not None else None
    if operation is None:
        return "its operation is not there"
    if operation["status"] not in {"applied", "rejected"}:
        return f"its operation is {operation['status']}"
    if told.status in {"applied", "refused"} and (told.status == "applied") != (operation["status"] == "applied"):
        return f"its operation is {operation['status']}"
    # A count that finds what is there changes nothing.
    is_told = told.type in _HAS_EVENT and told.body.get("reason") != "count"
    if operation["status"] == "applied" and is_told and event is None:
        return "it was applied and has no event"
    return ""


def check_twice(evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """No ref has two events, no event two numbers, no operation more events than it counts."""
    for pair in pairs:
        kept = pair.kept
        for ref, count in Counter(ref for event in kept.log if (ref := ref_in(event)) is not None).items():
            # An item's name stays a ref: only what names itself anew counts.
            if count > 1:
                findings.add("twice", f"{ref} has {count} events")
        for event_id, count in Counter(event["id"] for event in kept.log).items():
            if count > 1:
                findings.add("twice", f"event {event_id} stands {count} times in the log of {kept.number}")
        for cause, count in Counter(kept.causes).items():
            operation = evidence.operations.get(cause)
            if operation is not None and count != operation["event_count"]:
                findings.add("twice", f"operation {cause} counts {operation['event_count']} events, the log {count}")


def check_order(pairs: Sequence[Matched], findings: Findings) -> None:
    """Sequence order is never against real time: what had its receipt before something began comes before it.

    One sweep by sequence with the latest beginning so far, for each door; a command with an outcome counts for all doors.
    """
    for pair in pairs:
        latest: dict[str, tuple[float, str]] = {}
        row_of: dict[str, int] = {}
        for _, told, _ in pair.applied():
            if told.line:
                if told.line < row_of.get(told.file, 0):
                    findings.add("order", f"row {told.line} of {told.file} came after row {row_of[told.file]}")
                row_of[told.file] = told.line
            door = "amqp" if told.door == "amqp" else "http"  # a file goes into the same partition as a request
            ends = [(told.accepted, [door]), (told.settled, [*latest])]
            for end, doors in ends:
                began, other = max((latest[one] for one in doors if one in latest), default=(0.0, ""))
                if end is not None and end < began:
                    findings.add(
                        "order", f"{told.ref} was received {began - end:.3f} s before {other} began, and comes after it"
                    )
                    break
            latest[door] = max(latest.get(door, (0.0, "")), (told.began, told.ref))


def check_gaps(evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """Numbers are 1 to N in the log, in both readings, on every socket and in the feed; every way out brings the same text."""
    for pair in pairs:
        kept = pair.kept
        numbers = [event["sequence"] for event in kept.log]
        if numbers != list(range(1, len(numbers) + 1)) or kept.last_sequence != len(numbers):
            hole = next((at for at, number in enumerate(numbers, 1) if at != number), len(numbers))
            findings.add(
                "gaps", f"the log of {kept.number} has {len(numbers)} of {kept.last_sequence}, wrong at {hole}"
            )
        for reading in kept.readings:
            if reading != list(zip(numbers, kept.digests, strict=True)):
                findings.add("gaps", f"/api/events of {kept.number} is not its log: {len(reading)} of {len(numbers)}")
        known = dict(zip(numbers, kept.digests, strict=True))
        for heard in evidence.heard:
            if heard.pharmacy == kept.number:
                _check_heard(heard.name, heard.after, heard.events, known, findings)
                if heard.position != len(numbers):
                    findings.add("gaps", f"{heard.name} of {kept.number} ended at {heard.position} of {len(numbers)}")
        _check_feed(evidence, kept, known, findings)


def _check_heard(
    name: str, after: Sequence[int], connections: Sequence[Sequence[tuple[int, int]]], known: Mapping[int, int],
    findings: Findings,
) -> None:  # fmt: skip
    for began, events in zip(after, connections, strict=True):
        position = began
        for number, digest in events:
            if number != position + 1:
                findings.add("gaps", f"{name} brought {number} after {position}")
            if known.get(number) != digest:
                findings.add("phantom", f"{name} brought another {number} than the log has")
            position = number


def _check_feed(evidence: Evidence, kept: Kept, known: Mapping[int, int], findings: Findings) -> None:
    """Every event was published, doubles allowed, a gap never."""
    position = 0
    for number, digest in evidence.feed.of(str(kept.id)):
        if number > position + 1:
            came = {one for one, _ in evidence.feed.of(str(kept.id))}
            late = "later" if came.issuperset(range(position + 1, number)) else "never"
            findings.add("gaps", f"the feed of {kept.number} brought {number} after {position}, the others {late}")
        if known.get(number) != digest:
            findings.add("phantom", f"the feed of {kept.number} brought another {number} than the log has")
        position = max(position, number)
    if position < len(known):
        findings.add("lost", f"the feed of {kept.number} ends at {position} of {len(known)}: events were not published")


def check_phantom(story: Story, evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """Nothing is from nobody: every event has its operation, every operation somebody who asked for it."""
    poison = {bad.operation_id for bad in evidence.poison if bad.operation_id is not None}
    known = (
        evidence.staged | poison | {told.operation_id for told in story.told.values() if told.operation_id is not None}
    )
    files = {(told.pharmacy, told.file) for told in story.told.values() if told.file}
    number_of = {pair.kept.id: pair for pair in pairs}
    uploads = {operation_id_for(pair.kept.id, file) for pair in pairs for at, file in files if at == pair.kept.number}
    imported = {resource_id_for(one) for one in uploads}
    for pair in pairs:
        for event, cause in zip(pair.kept.log, pair.kept.causes, strict=True):
            ref = ref_in(event)
            if cause not in evidence.operations:
                findings.add("phantom", f"event {event['sequence']} of {pair.kept.number} has no operation {cause}")
            if ref is not None and ref not in story.told:
                findings.add("phantom", f"event {event['sequence']} of {pair.kept.number}: nobody said {ref}")
        for told in pair.told:
            if told.status == "refused" and pair.by_ref.get(told.ref) is not None:
                findings.add("phantom", f"{told.ref} was refused and has an event")
    for operation_id, row in evidence.operations.items():
        if operation_id in known or operation_id in uploads or row["resource_id"] in imported:
            continue
        owner = number_of.get(row["pharmacy_id"])
        if owner is None or not _is_explained(operation_id, row, owner, story):
            findings.add(
                "phantom", f"{row['type']} {operation_id} ({row['door']}, {row['status']}): nobody asked for it"
            )


def _is_explained(operation_id: UUID, row: Json, owner: Matched, story: Story) -> bool:
    """Tell what the hub does by itself, and what a client without a key never got an answer to."""
    if row["door"] == "system":
        shown = owner.kept.shown.get(f"webhook-events/{row['resource_id']}")
        return row["type"].startswith("webhook_endpoint.") or (shown is not None and shown["processed"])
    event = owner.by_operation.get(operation_id)
    if event is None:  # rejected: no event tells its ref
        nameless = any(told.operation_id is None and told.type == row["type"] for told in owner.told)
        return nameless and row["status"] == "rejected"
    told_of = story.told.get(ref_in(event) or "")
    return told_of is not None and told_of.operation_id is None


def check_answers(story: Story, evidence: Evidence, findings: Findings) -> None:
    """No answer was one that nothing explains; an operation's own address says what the table says."""
    for wrong in story.wrong:
        findings.add("answers", wrong)
    for heard in evidence.heard:
        for refusal in heard.refusals:
            findings.add("answers", f"{heard.name} of {heard.pharmacy}: {refusal}")
    for operation_id, shown in evidence.asked.items():
        row = evidence.operations.get(operation_id)
        if row is None:
            findings.add("answers", f"operation {operation_id} is shown and not there")
            continue
        numbers = [link["sequence"] for link in shown["events"]]
        first = row["first_sequence"] or 0
        if shown["status"] != row["status"] or numbers != list(range(first, first + row["event_count"])):
            findings.add("answers", f"operation {operation_id} is shown as {shown['status']} with {numbers}")


def check_leaks(evidence: Evidence, findings: Findings) -> None:
    """Nothing of one pharmacy in what another was sent."""
    leaks: Iterable[str] = evidence.leaks + [leak for endpoint in evidence.endpoints for leak in endpoint.leaks]
    for leak in leaks:
        findings.add("leaks", leak)
