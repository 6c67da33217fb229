"""What is said of a received webhook once its commands have ended: processed or not, and why something was not applied."""

from uuid import UUID

import pytest

from consumers.webhook_steps import Received, Step, Work, settled
from hub.storage.translating import Ended

SHOP, HOOK, SOURCE, EVENT = (UUID(int=number) for number in range(1, 5))


def a_work(*ids: UUID, faults: tuple[str, ...] = ()) -> Work:
    received = Received(EVENT, SHOP, HOOK, SOURCE, "till.sold", {})
    return Work(received, [Step(one, "sale.record", UUID(int=9), {}) for one in ids], list(faults))


@pytest.mark.parametrize(
    ("statuses", "is_processed", "reason"),
    [
        ((), True, None),
        (("applied", "applied"), True, None),
        (("applied", "rejected"), True, "sale.record was refused: no such item"),
        (("applied", "parked"), False, "sale.record was set aside; an operator can replay it"),
        (
            ("rejected", "parked"), False,
            "sale.record was refused: no such item; sale.record was set aside; an operator can replay it",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_webhook_is_processed_when_all_its_commands_are_settled_and_says_why_one_was_not_applied(
    statuses: tuple[str, ...],
    is_processed: bool,  # noqa: FBT001 -- a table
    reason: str | None,
) -> None:
    ids = [UUID(int=100 + number) for number in range(len(statuses))]
    ends = {one: Ended(status, "no such item") for one, status in zip(ids, statuses, strict=True)}
    command = settled(a_work(*ids), ends)
    assert (command.type, command.resource_id) == ("webhook_event.settle", HOOK)
    assert (command.body["processed"], command.body["reason"]) == (is_processed, reason)
    assert [(one["operation_id"], one["status"]) for one in command.body["commands"]] == [
        (str(one), status) for one, status in zip(ids, statuses, strict=True)
    ]


def test_what_became_no_command_says_so_once() -> None:
    command = settled(a_work(faults=("no mapping matches", "no mapping matches")), {})
    assert (command.body["processed"], command.body["reason"]) == (True, "no mapping matches")
