"""The history check, small: a hub is broken while clients write, and nothing is wrong; then mistakes are planted."""

import subprocess
import sys
from copy import copy
from dataclasses import replace
from functools import partial

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.plants import PLANTS, Plant
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
    faults=7,
    names=(
        "kill both writers",
        "kill broker",
        "stop postgres",
        "roll gateways",
        "cut connections",
        "unbind partitions",
        "poison",
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


async def test_the_run_was_as_long_as_is_said_of_it(played: Result) -> None:
    """A thousand refs and seven faults, each of another kind, each healed and followed by receipts."""
    assert len(played.story.told) >= 1_000
    assert played.story.faults == 7
    assert {name for name, seconds in played.well.items() if seconds} == set(SHORT.names)
    assert len(set(SHORT.names)) == 7


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
    assert {how for endpoint in evidence.endpoints for how in endpoint.failures} >= {"hang", "reset", "stumble", "500"}
    assert sum(one.door == "amqp" for one in told) * 0.5 < len(story.receipts)  # the rest went with lost connections
    assert all(feed.events for feed in evidence.out.values())
    assert evidence.poison
    assert evidence.neighbours
    assert len({event["type"] for kept in evidence.kept for event in kept.log}) >= 10


@pytest.mark.parametrize(
    ("category", "plant"),
    [pytest.param(category, plant, id=plant.__name__) for category, plants in PLANTS.items() for plant in plants],
)
async def test_the_checker_sees(played: Result, category: str, plant: Plant) -> None:
    """A mistake is planted in the evidence of a clean run, and found under its name."""
    story = replace(
        played.story, told={ref: copy(told) for ref, told in played.story.told.items()}, wrong=[*played.story.wrong],
        slow=[*played.story.slow], broken=[*played.story.broken], receipts={**played.story.receipts},
    )  # fmt: skip
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
        out={number: replace(feed, events=[*feed.events]) for number, feed in evidence.out.items()},
        parked=[*evidence.parked],
        neighbours=[*evidence.neighbours],
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
