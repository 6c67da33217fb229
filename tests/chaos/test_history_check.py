"""The history check, small: a hub is broken while clients write, and nothing is wrong; then mistakes are planted."""

import subprocess
import sys
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

import pytest

from tests.chaos.commands import ref_in
from tests.chaos.evidence import Evidence, Kept
from tests.chaos.history import Story, Told
from tests.chaos.run import Plan, Result, judge, run
from tests.chaos.sabotages import SABOTAGES
from tests.chaos.stage import Servers

pytestmark = [
    pytest.mark.timeout(600),
    # aio-pika closes a forgotten connection in its destructor; here they break by the dozen while they are opened.
    pytest.mark.filterwarnings("ignore:coroutine 'Connection.close' was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SHORT = Plan(
    seed=1,
    refs=1_000,
    faults=6,
    names=(
        "kill both writers",
        "kill broker",
        "stop postgres",
        "roll gateways",
        "cut connections",
        "unbind partitions",
    ),
    scale=0.4,
    hurries=True,
)
_LONG = partial(pytest.param, marks=[pytest.mark.long, pytest.mark.timeout(900)])
_BITE_AT_ONCE = ("lost idempotency", "unscoped query")


@pytest.fixture(scope="module")
async def played(breakable_servers: Servers) -> Result:
    """The run that all tests here look at."""
    return await run(breakable_servers, SHORT, breakable_servers.place / "history.jsonl")


async def test_what_clients_were_told_is_what_the_hub_keeps_after_every_kind_of_fault(played: Result) -> None:
    assert played.findings.is_clean, {name: found[:5] for name, found in played.findings.found.items() if found}
    assert played.verdict.endswith("PASS")
    assert played.story.faults == SHORT.faults
    assert len(played.story.told) >= SHORT.refs


async def test_the_run_had_something_to_say(played: Result) -> None:
    """A check that compares nothing with nothing would pass as well."""
    story, evidence = played.story, played.evidence
    told = [*story.told.values()]
    assert {one.door for one in told} == {"http", "bulk", "amqp"}
    assert {one.status for one in told} >= {"accepted", "applied", "refused"}
    assert any(one.tries > 1 for one in told)
    assert all(sum(map(len, heard.events)) for heard in evidence.heard)
    assert any(len(heard.events) > 1 for heard in evidence.heard)
    assert all(endpoint.taken for endpoint in evidence.endpoints)
    assert sum(endpoint.calls - len(endpoint.taken) for endpoint in evidence.endpoints) > 10  # refused, and tried again
    assert len({event["type"] for kept in evidence.kept for event in kept.log}) >= 10


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
    evidence.parked = 1


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


PLANTS: dict[str, tuple[Plant, ...]] = {
    "lost": (
        an_accepted_command_without_operation, an_event_that_was_never_published, a_parked_command,
        a_row_of_a_file_without_event,
    ),
    "twice": (a_command_applied_twice,),
    "order": (a_later_command_before_an_earlier_one, a_row_before_the_one_above_it),
    "gaps": (a_gap_in_the_log, a_gap_on_a_socket, a_gap_in_the_feed, a_reading_that_is_not_the_log),
    "leaks": (a_ref_of_a_stranger,),
    "phantom": (
        another_text_on_a_socket, an_event_that_nobody_asked_for, an_operation_of_nobody, a_refused_command_that_was_applied,
    ),
    "model": (a_row_that_its_events_do_not_tell, a_row_that_is_not_shown),
    "ledger": (a_quantity_without_its_movement, a_movement_that_no_command_said, a_reservation_of_no_order),
    "webhooks": (a_webhook_that_never_came, a_webhook_that_nobody_wanted),
    "unsigned": (a_signature_that_the_other_library_refuses,),
    "answers": (an_answer_that_nothing_explains, an_operation_shown_otherwise),
}  # fmt: skip


@pytest.mark.parametrize(
    ("category", "plant"),
    [pytest.param(category, plant, id=plant.__name__) for category, plants in PLANTS.items() for plant in plants],
)
async def test_the_checker_sees(played: Result, category: str, plant: Plant) -> None:
    """A mistake is planted in the evidence of a clean run, and found under its name."""
    story = replace(
        played.story, told={ref: copy(told) for ref, told in played.story.told.items()}, wrong=[*played.story.wrong]
    )
    evidence = _copied(played.evidence)
    plant(story, evidence)
    assert judge(story, evidence).counts[category]


def _copied(evidence: Evidence) -> Evidence:
    """Copy what a plant may change; events and rows are only ever replaced."""
    return replace(
        evidence,
        kept=[
            replace(
                kept, log=[*kept.log], causes=[*kept.causes], digests=[*kept.digests], shown={**kept.shown},
                items=[*kept.items], ledger={**kept.ledger}, readings=[[*reading] for reading in kept.readings],
            )
            for kept in evidence.kept
        ],
        operations={**evidence.operations},
        asked={**evidence.asked},
        heard=[replace(heard, events=[[*events] for events in heard.events]) for heard in evidence.heard],
        feed=replace(evidence.feed, events=[*evidence.feed.events]),
        endpoints=[
            replace(endpoint, taken={**endpoint.taken}, unverified=[*endpoint.unverified]) for endpoint in evidence.endpoints
        ],
        leaks=[*evidence.leaks],
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name) if name in _BITE_AT_ONCE else _LONG(name) for name in sorted(SABOTAGES)]
)
async def test_a_hub_that_is_wrong_is_caught(breakable_servers: Servers, name: str) -> None:
    """The mistake is planted in the hub's own processes; the verdict names what came of it."""
    sabotage = SABOTAGES[name]
    refs = 300 if name in _BITE_AT_ONCE else 1_500
    plan = Plan(seed=2, refs=refs, names=sabotage.faults, faults=len(sabotage.faults), sabotage=name, hurries=True)
    result = await run(breakable_servers, plan, breakable_servers.place / f"{name}.jsonl")
    found = {category for category, count in result.findings.counts.items() if count}
    assert found & sabotage.caught_as, result.verdict


def test_every_sabotage_fits_the_code() -> None:
    """A mistake whose place is gone would never be planted: it fails here, without a hub."""
    plant_all = "from tests.chaos.sabotages import SABOTAGES\nfor one in SABOTAGES.values(): one.plant()"
    done = subprocess.run([sys.executable, "-c", plant_all], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("seed", [_LONG(1), _LONG(2), _LONG(3)])
async def test_twenty_thousand_commands_survive_every_fault(breakable_servers: Servers, seed: int) -> None:
    plan = Plan(seed=seed, refs=20_000, faults=22)
    result = await run(breakable_servers, plan, breakable_servers.place / f"long-{seed}.jsonl")
    assert result.findings.is_clean, {name: found[:5] for name, found in result.findings.found.items() if found}
