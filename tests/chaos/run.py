"""One run: a hub is started, written to, broken and healed; then everything is collected and compared."""

import asyncio
import random
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import orjson

from hub.security.keys import derive_key, hash_key
from tests.chaos.amqp_clients import hang_up, write_amqp
from tests.chaos.checks import (
    Findings,
    check_answers,
    check_gaps,
    check_leaks,
    check_lost,
    check_order,
    check_phantom,
    check_twice,
    match,
)
from tests.chaos.checks_doors import check_hung, check_out, check_poison, check_receipts
from tests.chaos.checks_rows import check_ledger, check_model, check_webhooks
from tests.chaos.clients import Crowd, Pharmacy, say
from tests.chaos.commands import RefTeller
from tests.chaos.evidence import Evidence, collect
from tests.chaos.history import History, Story, read_history
from tests.chaos.nemesis import plan_faults, strike
from tests.chaos.readers import FEED, Feed, Heard, follow_feed, follow_out, follow_socket, follow_stream, open_feed
from tests.chaos.receiver import Endpoint, Receiver, Temper, open_receiver
from tests.chaos.rest import until_at_rest
from tests.chaos.stage import Servers, Stage, open_stage

REFS_A_FAULT = 1_600
_SHELF = 10
_FEEDS = (0, 3)
_TURN_SECONDS, _LATE_SECONDS = 0.05, 0.02
_WRITERS = (False, False, True)  # which of a pharmacy's clients wait for outcomes
_ENDPOINTS: Sequence[tuple[int, Temper, list[str]]] = (
    (0, "moody", ["*"]),
    (1, "moody", ["order.*", "inventory.*"]),
    (1, "slow", ["inventory.created", "inventory.updated"]),
    (2, "dead", ["inventory.created"]),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Args:
        refs: commands that clients say, each with a ref of its own; rows of files count.
        faults: how many; None: one for every 1,600 refs, five at least.
        names: only these faults.
        scale: of how long faults last.
        sabotage: what is made wrong with the hub, see `sabotages.py`.
        hurries: at the end pulls deliveries forward that a crash left to their lease of 45 s.
    """

    seed: int = 1
    refs: int = 2_000
    faults: int | None = None
    names: Sequence[str] = ()
    scale: float = 1.0
    sabotage: str = ""
    pharmacies: int = 8
    hurries: bool = False

    @property
    def fault_count(self) -> int:
        """How many faults there will be."""
        return max(5, self.refs // REFS_A_FAULT) if self.faults is None else self.faults


@dataclass(slots=True)
class Result:
    """What came of a run."""

    plan: Plan
    story: Story
    evidence: Evidence
    findings: Findings
    seconds: float
    ends: list[str]
    well: dict[str, list[float]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The one line."""
        counts = " ".join(f"{name} {count}" for name, count in self.findings.counts.items())
        what = f" sabotage='{self.plan.sabotage}'" if self.plan.sabotage else ""
        return (
            f"chaos seed={self.plan.seed} refs={len(self.story.told)} faults={self.story.faults}{what} {counts} "
            f"({self.seconds:.0f} s, slowest answer {self.story.slowest:.1f} s, {len(self.ends)} own ends) "
            f"{'PASS' if self.findings.is_clean else 'FAIL'}"
        )


async def run(servers: Servers, plan: Plan, history_path: Path) -> Result:
    """Do a run and judge it."""
    began = time.monotonic()
    evidence = Evidence()
    with History(history_path) as history:
        ends = await _play(servers, plan, history, evidence)
    story = read_history(history_path)
    findings = judge(story, evidence)
    return Result(plan, story, evidence, findings, time.monotonic() - began, ends, _recoveries(history_path))


def judge(story: Story, evidence: Evidence) -> Findings:
    """Compare what was said with what is there."""
    findings = Findings()
    pairs = match(story, evidence)
    check_lost(story, evidence, pairs, findings)
    check_twice(evidence, pairs, findings)
    check_order(pairs, findings)
    check_gaps(evidence, pairs, findings)
    check_leaks(evidence, findings)
    check_phantom(story, evidence, pairs, findings)
    check_model(pairs, findings)
    check_ledger(pairs, findings)
    check_webhooks(evidence, pairs, findings)
    check_answers(story, evidence, findings)
    check_receipts(story, evidence, findings)
    check_out(evidence, pairs, findings)
    check_hung(story, findings)
    check_poison(evidence, findings)
    return findings


async def _play(servers: Servers, plan: Plan, history: History, evidence: Evidence) -> list[str]:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(
            open_stage(
                servers,
                is_small=plan.seed % 2 == 0 and bool(plan.fault_count),
                is_alone=not plan.fault_count,
                sabotage=plan.sabotage,
            )
        )
        await open_feed(stage.settings)
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
        crowd = Crowd(session, stage.urls, history, [], plan.seed)
        key = await _operator_key(stage)
        crowd.pharmacies = [await _open_pharmacy(crowd, evidence, number, key) for number in range(plan.pharmacies)]
        stage.pharmacies, stage.ask = [one.id for one in crowd.pharmacies], partial(_ask, crowd)
        evidence.endpoints = [
            Endpoint(number, str(crowd.pharmacies[number].id), temper, types)
            for number, temper, types in _ENDPOINTS
            if number < plan.pharmacies
        ]
        receiver = await stack.enter_async_context(open_receiver(evidence.endpoints, plan.seed))
        for endpoint in evidence.endpoints:
            await _register(crowd, evidence, receiver, endpoint)
        for number in _FEEDS:
            evidence.out[number] = await _open_out(crowd, evidence, crowd.pharmacies[number])
        await stack.enter_async_context(_reading(stage, crowd, evidence))
        await _write_and_break(stage, crowd, plan)
        receiver.is_healed = True
        await until_at_rest(stage, crowd, evidence, hurries=plan.hurries)
        await hang_up(crowd)
        crowd.is_over = True
        await collect(stage, crowd, evidence)
        return stage.ends


async def _write_and_break(stage: Stage, crowd: Crowd, plan: Plan) -> None:
    """Let all clients write while the nemesis strikes; ends when everything said has its answer."""
    async with asyncio.TaskGroup() as shelves:
        for pharmacy in crowd.pharmacies:
            for command in pharmacy.teller.shelf(_SHELF):
                shelves.create_task(say(crowd, pharmacy, command, random.Random(0), waits=True))
    crowd.history.receipts, crowd.refs = 0, plan.refs
    faults = plan_faults(plan.seed, plan.fault_count, plan.names, scale=plan.scale)
    async with asyncio.TaskGroup() as tasks:
        for pharmacy in crowd.pharmacies:
            for number, waits in enumerate(_WRITERS):
                tasks.create_task(crowd.write(pharmacy, number, waits=waits))
            tasks.create_task(crowd.upload(pharmacy))
            tasks.create_task(write_amqp(crowd, pharmacy, stage.settings))
        await strike(stage, crowd, faults)


@asynccontextmanager
async def _reading(stage: Stage, crowd: Crowd, evidence: Evidence) -> AsyncIterator[None]:
    """Listen beside the block: every pharmacy has a socket, every second one a stream as well."""
    tasks = [
        asyncio.create_task(follow_feed(stage.settings.amqp_urls[0], FEED, evidence.feed)),
        asyncio.create_task(_watch_the_clock(crowd)),
    ]
    for number, feed in evidence.out.items():
        tasks.append(asyncio.create_task(follow_out(stage.settings, crowd, crowd.pharmacies[number], feed)))
    for pharmacy in crowd.pharmacies:
        evidence.heard.append(Heard("a socket", pharmacy.number))
        tasks.append(asyncio.create_task(follow_socket(crowd, pharmacy, evidence.heard[-1])))
        tasks.append(asyncio.create_task(crowd.read(pharmacy)))
        if pharmacy.number % 2:
            evidence.heard.append(Heard("a stream", pharmacy.number))
            tasks.append(asyncio.create_task(follow_stream(crowd, pharmacy, evidence.heard[-1])))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _watch_the_clock(crowd: Crowd) -> None:
    """Measure how late this process gets its turn: so much longer seems an answer to its clients."""
    while True:
        due = time.monotonic() + _TURN_SECONDS
        await asyncio.sleep(_TURN_SECONDS)
        if (late := time.monotonic() - due) > _LATE_SECONDS:
            crowd.history.write("late", seconds=late)


async def _ask(crowd: Crowd, number: int) -> float:
    """Say a command of a pharmacy and wait for its outcome; gives how long that took, in seconds."""
    pharmacy, began = crowd.pharmacies[number], time.monotonic()
    await say(crowd, pharmacy, pharmacy.teller.last_word(), random.Random(began), waits=True)
    return time.monotonic() - began


async def _open_out(crowd: Crowd, evidence: Evidence, pharmacy: Pharmacy) -> Feed:
    """Open a pharmacy's own feed; nothing of the clients' was said before."""
    await _call(crowd, evidence, "POST", "/api/event-queue/", {}, pharmacy.key)
    async with crowd.session.get(crowd.urls[0] + "/api/event-queue/", headers=pharmacy.headers) as answer:
        return Feed(began=(await answer.json())["last_sequence"])


async def _open_pharmacy(crowd: Crowd, evidence: Evidence, number: int, operator_key: str) -> Pharmacy:
    """Make a pharmacy as an operator does."""
    made = await _call(crowd, evidence, "POST", "/api/pharmacies/", {"name": f"Pharmacy {number}"}, operator_key)
    pharmacy_id = UUID(made["id"])
    teller = RefTeller(pharmacy_id, random.Random(f"teller {crowd.seed} {number}"), number=number)
    return Pharmacy(number, pharmacy_id, made["api_key"], teller)


async def _operator_key(stage: Stage) -> str:
    text = derive_key(secrets.token_hex(20), uuid4(), "operator")
    owner = await stage.connect()
    await owner.execute(
        "INSERT INTO operator_keys (id, created_at, updated_at, version, name, digest, hint) "
        "VALUES ($1, now(), now(), 1, 'chaos', $2, $3)",
        uuid4(),
        hash_key(text).hex(),
        text[-4:],
    )
    await owner.close()
    return text


async def _register(crowd: Crowd, evidence: Evidence, receiver: Receiver, endpoint: Endpoint) -> None:
    """Register an endpoint; nothing of the clients' was said before."""
    body: dict[str, object] = {"url": receiver.url_of(endpoint), "event_types": endpoint.types}
    made = await _call(
        crowd, evidence, "POST", "/api/webhook-endpoints/", body, crowd.pharmacies[endpoint.pharmacy].key
    )
    endpoint.secret, endpoint.operation_id = made["secret"], UUID(made["operation"])


async def _call(
    crowd: Crowd, evidence: Evidence, method: str, path: str, body: dict[str, object], key: str
) -> dict[str, str]:
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    async with crowd.session.request(method, crowd.urls[0] + path, json=body, headers=headers) as answer:
        text = await answer.text()
        assert answer.status in {200, 201}, f"{path}: {answer.status} {text}"
        operation = answer.headers["operation-id"]
    evidence.staged.add(UUID(operation))
    made: dict[str, str] = orjson.loads(text) | {"operation": operation}
    return made


def _recoveries(path: Path) -> dict[str, list[float]]:
    """Read how long after each healing the next receipt came, by fault."""
    well: dict[str, list[float]] = defaultdict(list)
    with path.open("rb") as file:
        for line in file:
            if b'"e":"well"' in line:
                said = orjson.loads(line)
                well[said["name"]].append(said["seconds"])
    return dict(well)
