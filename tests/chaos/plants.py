"""Mistakes to plant in the evidence of a run that was right: the check must find each under its name."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

from tests.chaos.checks_doors import HUNG_SECONDS, WAITED_SECONDS
from tests.chaos.commands import ref_in
from tests.chaos.evidence import Evidence, Kept
from tests.chaos.history import Slow, Story, Told
from tests.chaos.poison import LATE_SECONDS, Neighbour

Plant = Callable[[Story, Evidence], None]


def _biggest(evidence: Evidence) -> Kept:
    return max(evidence.kept, key=lambda kept: len(kept.log))


def _an_applied(story: Story, evidence: Evidence, kind: str = "sale.record") -> Told:
    number = _biggest(evidence).number
    return next(
        one for one in story.told.values()
        if one.pharmacy == number and one.type == kind and one.status == "accepted" and one.door == "http"
        and one.operation_id is not None and evidence.operations[one.operation_id]["status"] == "applied"
    )  # fmt: skip


def an_accepted_command_without_operation(story: Story, evidence: Evidence) -> None:
    operation_id = _an_applied(story, evidence).operation_id
    assert operation_id is not None
    del evidence.operations[operation_id]


def an_event_that_was_never_published(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    last = kept.last_sequence
    evidence.feed.events = [one for one in evidence.feed.events if one[:2] != (str(kept.id), last)]


def a_parked_command(_: Story, evidence: Evidence) -> None:
    evidence.parked = [b"[]"]


def a_row_of_a_file_without_event(story: Story, evidence: Evidence) -> None:
    row = next(one for one in story.told.values() if one.door == "bulk")
    story.told[row.ref] = replace(row, ref=row.ref + "0")


def a_command_applied_twice(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    at = next(at for at, event in enumerate(kept.log) if event["type"] == "sale.recorded")
    last = kept.last_sequence = kept.last_sequence + 1
    kept.log.append(kept.log[at] | {"sequence": last, "id": str(uuid4())})
    kept.causes.append(kept.causes[at])
    kept.digests.append(0)


def a_later_command_before_an_earlier_one(story: Story, evidence: Evidence) -> None:
    number = _biggest(evidence).number
    told = [one for one in story.told.values() if one.pharmacy == number and one.accepted is not None and one.line == 0]
    first = min(told, key=lambda one: one.began)
    first.began = max(one.began for one in told) + 1


def a_row_before_the_one_above_it(story: Story, _: Evidence) -> None:
    above, below = next(
        (one, two) for one in story.told.values() for two in story.told.values()
        if one.file and one.file == two.file and one.line < two.line
    )  # fmt: skip
    above.line, below.line = below.line, above.line


def a_gap_in_the_log(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    for column in (kept.log, kept.causes, kept.digests):
        del column[len(column) // 2]


def a_gap_on_a_socket(_: Story, evidence: Evidence) -> None:
    events = max((events for heard in evidence.heard for events in heard.events), key=len)
    del events[len(events) // 2]


def a_gap_in_the_feed(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    evidence.feed.events = [one for one in evidence.feed.events if one[:2] != (str(kept.id), kept.last_sequence // 2)]


def a_reading_that_is_not_the_log(_: Story, evidence: Evidence) -> None:
    evidence.kept[0].readings[1].pop()


def a_ref_of_a_stranger(_: Story, evidence: Evidence) -> None:
    evidence.leaks.append("a list of pharmacy 1 shows x02.000001")


def another_text_on_a_socket(_: Story, evidence: Evidence) -> None:
    events = max((events for heard in evidence.heard for events in heard.events), key=len)
    events[0] = (events[0][0], events[0][1] + 1)


def an_event_that_nobody_asked_for(story: Story, evidence: Evidence) -> None:
    ref = next(ref for event in _biggest(evidence).log if (ref := ref_in(event)) is not None)
    del story.told[ref]


def an_operation_of_nobody(_: Story, evidence: Evidence) -> None:
    stranger = next(iter(evidence.operations.values())) | {
        "resource_id": uuid4(),
        "type": "sale.record",
        "door": "http",
    }
    evidence.operations[uuid4()] = stranger


def a_refused_command_that_was_applied(story: Story, evidence: Evidence) -> None:
    _an_applied(story, evidence).status = "refused"


def a_row_that_its_events_do_not_tell(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    subject = next(subject for subject in kept.shown if subject.startswith("sales/"))
    kept.shown[subject] = kept.shown[subject] | {"status": "gone"}


def a_row_that_is_not_shown(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    del kept.shown[next(subject for subject in kept.shown if subject.startswith("orders/"))]


def a_quantity_without_its_movement(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    item_id, quantity, reserved = kept.items[0]
    kept.items[0] = (item_id, quantity + 1, reserved)


def a_movement_that_no_command_said(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    item_id, quantity, reserved = kept.items[0]
    kept.items[0] = (item_id, quantity + 1, reserved)
    kept.ledger[item_id] += 1


def a_reservation_of_no_order(_: Story, evidence: Evidence) -> None:
    kept = _biggest(evidence)
    item_id, quantity, reserved = kept.items[0]
    kept.items[0] = (item_id, quantity, reserved + 1)


def a_webhook_that_never_came(_: Story, evidence: Evidence) -> None:
    evidence.endpoints[0].taken.pop([*evidence.endpoints[0].taken][-1])


def a_webhook_that_nobody_wanted(_: Story, evidence: Evidence) -> None:
    evidence.endpoints[0].taken[str(uuid4())] = 0


def a_signature_that_the_other_library_refuses(_: Story, evidence: Evidence) -> None:
    evidence.endpoints[0].unverified.append("a call")


def an_answer_that_nothing_explains(story: Story, _: Evidence) -> None:
    story.wrong.append("x00.000001: 500")


def an_operation_shown_otherwise(_: Story, evidence: Evidence) -> None:
    operation_id: UUID = next(iter(evidence.asked))
    evidence.asked[operation_id] = evidence.asked[operation_id] | {"status": "pending"}


def a_receipt_that_never_came(story: Story, _: Evidence) -> None:
    ref = next(ref for ref, told in _answered(story) if told.lines[-1][0] not in story.gone)
    del story.receipts[ref]
    story.broken.clear()


def a_receipt_that_says_something_else(story: Story, _: Evidence) -> None:
    ref, _told = next(iter(_answered(story)))
    story.receipts[ref] = [{**story.receipts[ref][0], "status": "parked"}]


def a_receipt_of_another_command(story: Story, _: Evidence) -> None:
    (ref, _one), (other, _two) = _answered(story)[:2]
    story.receipts[ref] = story.receipts[other]


def a_receipt_that_is_not_what_the_api_shows(story: Story, evidence: Evidence) -> None:
    ref = next(ref for ref, told in _answered(story) if told.operation_id in evidence.asked)
    story.receipts[ref] = [{**story.receipts[ref][0], "type": "sale.void"}]


def _answered(story: Story) -> list[tuple[str, Told]]:
    return [(ref, story.told[ref]) for ref in story.receipts if ref in story.told and story.told[ref].lines]


def a_gap_in_a_pharmacys_own_feed(_: Story, evidence: Evidence) -> None:
    feed = evidence.out[0]
    middle = (feed.began + max(number for _, number, _ in feed.events)) // 2
    feed.events = [one for one in feed.events if one[1] != middle]


def a_strangers_event_in_a_pharmacys_own_feed(_: Story, evidence: Evidence) -> None:
    evidence.out[0].events.append((str(evidence.kept[1].id), 1, evidence.kept[1].digests[0]))


def a_request_that_hung(story: Story, _: Evidence) -> None:
    story.slow.append(Slow("GET /api/sales/", 1.0, 1.0 + HUNG_SECONDS + 0.1))


def a_waited_request_that_hung(story: Story, _: Evidence) -> None:
    story.slow.append(Slow("x00.000001", 1.0, 1.0 + WAITED_SECONDS + 0.1, is_waited=True))


def poison_that_is_gone(_: Story, evidence: Evidence) -> None:
    evidence.parked.remove(evidence.poison[0].payloads[0])


def poison_that_was_applied(_: Story, evidence: Evidence) -> None:
    operation_id = next(bad.operation_id for bad in evidence.poison if bad.operation_id is not None)
    evidence.operations[operation_id] = evidence.operations[operation_id] | {"status": "applied"}


def a_neighbour_that_waited_for_poison(_: Story, evidence: Evidence) -> None:
    evidence.neighbours.append(Neighbour(1, 0.1, 0.1 + LATE_SECONDS + 0.1))


PLANTS: dict[str, tuple[Plant, ...]] = {
    "lost": (
        an_accepted_command_without_operation, an_event_that_was_never_published, a_parked_command,
        a_row_of_a_file_without_event,
    ),
    "twice": (a_command_applied_twice,),
    "order": (a_later_command_before_an_earlier_one, a_row_before_the_one_above_it),
    "gaps": (
        a_gap_in_the_log, a_gap_on_a_socket, a_gap_in_the_feed, a_reading_that_is_not_the_log, a_gap_in_a_pharmacys_own_feed,
    ),
    "leaks": (a_ref_of_a_stranger, a_strangers_event_in_a_pharmacys_own_feed),
    "phantom": (
        another_text_on_a_socket, an_event_that_nobody_asked_for, an_operation_of_nobody, a_refused_command_that_was_applied,
    ),
    "model": (a_row_that_its_events_do_not_tell, a_row_that_is_not_shown),
    "ledger": (a_quantity_without_its_movement, a_movement_that_no_command_said, a_reservation_of_no_order),
    "webhooks": (a_webhook_that_never_came, a_webhook_that_nobody_wanted),
    "unsigned": (a_signature_that_the_other_library_refuses,),
    "answers": (an_answer_that_nothing_explains, an_operation_shown_otherwise),
    "receipts": (
        a_receipt_that_never_came, a_receipt_that_says_something_else, a_receipt_of_another_command,
        a_receipt_that_is_not_what_the_api_shows,
    ),
    "hung": (a_request_that_hung, a_waited_request_that_hung),
    "poison": (poison_that_is_gone, poison_that_was_applied, a_neighbour_that_waited_for_poison),
}  # fmt: skip
