"""What must be true of the doors: receipts, own feeds, how long answers took, and what became of poison."""

from collections.abc import Sequence
from uuid import UUID

from tests.chaos.checks import Findings, Matched
from tests.chaos.evidence import Evidence, Json
from tests.chaos.history import Slow, Story, Told
from tests.chaos.poison import LATE_SECONDS

HUNG_SECONDS = 6.0
WAITED_SECONDS = 4.0
"""A waited write's: its wait of 3 s and one more (`commands.WAIT_SECONDS`)."""

# Under these a receipt may be lost though its client stays connected: it is worth less than what the hub owes, and not repeated.
_SILENCES = {
    "kill broker", "stop postgres, kill broker", "freeze broker", "memory alarm", "disk alarm", "cut connections", "half-open",
}  # fmt: skip
_AFTER_SECONDS = 15.0


def check_receipts(story: Story, evidence: Evidence, findings: Findings) -> None:
    """Every message that asked and whose connection lived is answered, with the operation that the API shows."""
    for told in story.told.values():
        if told.door != "amqp" or told.accepted is None or told.operation_id is None:
            continue
        row = evidence.operations.get(told.operation_id)
        if row is None:
            continue  # lost, which is said elsewhere
        receipts = story.receipts.get(told.ref, [])
        if not receipts and told.lines and told.lines[-1][0] not in story.gone and not _is_excused(story, told, row):
            findings.add("receipts", f"{told.type} {told.ref} was confirmed, its connection lived, and it got none")
        for receipt in receipts:
            if why := _is_not(receipt, told.operation_id, row, evidence):
                findings.add("receipts", f"{told.ref}: {why}")


def _is_excused(story: Story, told: Told, row: Json) -> bool:
    sent, finished = told.lines[-1][1], row["finished_at"].timestamp() - story.wall
    return any(
        name in _SILENCES and began <= finished + 1.0 and sent <= healed + _AFTER_SECONDS
        for name, began, healed in story.broken
    )


def _is_not(receipt: Json, operation_id: UUID, row: Json, evidence: Evidence) -> str:
    numbers = [link["sequence"] for link in receipt["events"]]
    first = row["first_sequence"] or 0
    if receipt["id"] != str(operation_id):
        return f"its receipt is of {receipt['id']}"
    if receipt["status"] != row["status"] or numbers != list(range(first, first + row["event_count"])):
        return f"its receipt says {receipt['status']} with {numbers}"
    shown = evidence.asked.get(operation_id)
    if shown is not None and receipt != shown:
        return f"its receipt is {receipt}, the API shows {shown}"
    return ""


def check_out(evidence: Evidence, pairs: Sequence[Matched], findings: Findings) -> None:
    """A pharmacy's own feed brings its events in order, repeats allowed; none is full here, so a gap is never."""
    for pair in pairs:
        kept = pair.kept
        feed = evidence.out.get(kept.number)
        if feed is None:
            continue
        position = feed.began
        for owner, number, digest in feed.events:
            if owner != str(kept.id):
                findings.add("leaks", f"hub.out of {kept.number} brought an event of {owner}")
            elif number > position + 1:
                findings.add("gaps", f"hub.out of {kept.number} brought {number} after {position}")
            elif number > len(kept.digests) or kept.digests[number - 1] != digest:
                findings.add("phantom", f"hub.out of {kept.number} brought another {number} than the log has")
            position = max(position, number)
        if position < len(kept.log):
            findings.add("lost", f"hub.out of {kept.number} ends at {position} of {len(kept.log)}")


def check_hung(story: Story, findings: Findings) -> None:
    """No request took longer than it may, apart from what its client waited for a turn and its gateway stood still."""
    for slow in story.slow:
        limit = WAITED_SECONDS if slow.is_waited else HUNG_SECONDS
        took, slack = slow.ended - slow.began, _slack(story, slow)
        if took > limit + slack:
            findings.add(
                "hung", f"{slow.what} took {took:.2f} s, may take {limit:.0f} s and {slack:.2f} s for the machine"
            )


def _slack(story: Story, slow: Slow) -> float:
    """Give what counts for nobody: turns that this process waited for, once to send and once to hear; a frozen gateway."""
    late = sum(seconds for at, seconds in story.late if slow.began <= at <= slow.ended + seconds)
    frozen = sum(
        max(0.0, min(healed, slow.ended) - max(began, slow.began))
        for name, began, healed in story.broken
        if name == "freeze gateway"
    )
    return 2 * late + frozen


def check_poison(evidence: Evidence, findings: Findings) -> None:
    """What nobody can apply is set aside and says so, and what comes behind it is hardly later."""
    parked = set(evidence.parked)
    for bad in evidence.poison:
        for payload in bad.payloads:
            if payload not in parked:
                findings.add("poison", f"{payload[:100]!r} was not parked")
        if bad.operation_id is not None:
            status = evidence.operations.get(bad.operation_id, {}).get("status")
            if status != "parked":
                findings.add("poison", f"the operation {bad.operation_id} of poison is {status}")
    for neighbour in evidence.neighbours:
        if neighbour.behind > neighbour.before + LATE_SECONDS:
            findings.add(
                "poison",
                f"a command of {neighbour.pharmacy} behind poison took {neighbour.behind:.2f} s, {neighbour.before:.2f} s before",
            )
