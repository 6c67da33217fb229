"""Promise 8: reads survive the broker and writes survive the database, whatever ails either, and all heals by itself.

With PostgreSQL away, writes are accepted on cached keys and applied when it is back, and reads are a quick 503; with
RabbitMQ away, reads go on and writes are a quick 503 that says when to come again.

Red when: a window is given up while PostgreSQL is away, keys are asked of PostgreSQL, a read waits for a server that
stands still, a connection that may be broken is used again, an outage parks a command, a publish waits for a broker that
takes nothing, what was refused is counted as accepted, a writer whose channel RabbitMQ closed does not come back or applies
what it held beside what it is given again, a lack of room counts as the fault of a command, a slow server counts as one
that is away, or nobody asks whether the other end is still there.
"""

import asyncio
import json
import time
from pathlib import Path
from random import Random

import asyncpg
import pytest

from hub.faults import Unavailable
from hub.settings import Settings
from hub.storage.database import open_database
from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage, TestKey
from tests.kit.http import assert_problem
from tests.kit.wait import eventually
from tests.promises.enduring import (
    POSTGRES_OUTAGE_SECONDS,
    POSTGRES_RECOVERED_SECONDS,
    READ_SECONDS,
    endure,
    read,
)
from tests.promises.faults import (
    OF_THE_HUB,
    Fault,
    a_long_lock,
    backends_terminated,
    disk_alarm,
    memory_alarm,
    no_connection_left,
    postgres_frozen,
    rabbitmq_frozen,
    read_only,
)
from tests.promises.outages import (
    CONFIRM_SECONDS,
    HUNG_SECONDS,
    Breakable,
    Clients,
    Hub,
    all_applied,
    applied_of,
    assert_once,
    breakable_hub,
    clients_writing,
    counted,
    measured,
    recovered,
)
from tests.promises.small_disk import can_mount, on_a_small_disk
from tests.promises.wires import behind_wires

WAIT_SECONDS = 2
# How long RabbitMQ is in trouble, and how long the hub has, from its end, to have applied all that waited.
RABBITMQ_OUTAGE_SECONDS, RABBITMQ_RECOVERED_SECONDS = 3.0, 15.0
# What waited has to be applied as well, and the clients go on: a hundredth of a second for each is slow.
BACKLOG_PER_SECOND = 100.0
# RabbitMQ waits 30 minutes for an ack as it comes.
PATIENCE_SECONDS = 5
# aiormq gives a connection up 24 to 28 s after its last word (three heartbeats, looked for every 4 s); a transaction has 20 s.
NOTICED_SECONDS = 35.0
# Each way and for each 64 kB. A transaction goes to and fro some ten times; several windows may wait for one another.
SLOW_WIRE_SECONDS = 0.1
SLOW_APPLIED_SECONDS = 30.0
BROKEN_WIRES, MENDED_SECONDS = 12, 5.0  # to each server


@pytest.fixture(params=["short", pytest.param("long", marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def outage_seconds(request: pytest.FixtureRequest) -> float:
    """20 s in every run; with `--long` also ten minutes, or `--outage-seconds`."""
    asked: float = request.config.getoption("outage_seconds")
    return asked if request.param == "long" else 20.0


async def test_writes_are_202_all_through_a_lost_postgresql_and_applied_after_it(
    hub: Hub, outage_seconds: float
) -> None:
    """Stopped at once under load: no write is refused, reads are 503 within 5 s, all is applied after it, once, in order."""
    servers, stage = hub
    log = stage.settings.data_dir / "consumers.log"
    told_before = len(log.read_bytes())
    url = stage.settings.database_url.get_secret_value()
    async with clients_writing(stage, clients=8, pharmacies=4, pause_seconds=0.1) as clients:
        await clients.more(50)
        before = len(clients.written.accepted)
        await asyncio.to_thread(servers.stop_postgres)
        slowest = await _outage(stage, clients, outage_seconds)
        waiting = clients.written.accepted[before:]
        # Order holds, so these speak for all: to count them all the while would take the machine from the hub.
        last = [*{waiting[-1], *(told[-1] for told in clients.written.by_client.values())}]
        await asyncio.to_thread(servers.start_postgres)
        healed = time.monotonic()
        await eventually(lambda: read(stage, clients.keys[0]), lambda status: status == 200)
        measured("PostgreSQL lost, heal to a read", time.monotonic() - healed)
        await eventually(
            lambda: applied_of(url, waiting[:50]), lambda count: count > 0, within=POSTGRES_RECOVERED_SECONDS
        )
        seconds = time.monotonic() - healed
        measured("PostgreSQL lost, heal to the first of what waited", seconds)
        assert seconds < POSTGRES_RECOVERED_SECONDS
        within = POSTGRES_RECOVERED_SECONDS + len(waiting) / BACKLOG_PER_SECOND
        await eventually(lambda: applied_of(url, last), lambda count: count == len(last), within=within)
        seconds = time.monotonic() - healed
        rate = len(waiting) / seconds
        measured(f"PostgreSQL lost, heal to all of the {len(waiting)} that waited, {rate:.0f} a second", seconds)
        await eventually(lambda: applied_of(url, waiting), lambda count: count == len(waiting))
    await all_applied(stage.settings, clients.written, within=POSTGRES_RECOVERED_SECONDS)
    measured(f"PostgreSQL lost for {outage_seconds:g} s, slowest read", slowest)
    measured("PostgreSQL lost, slowest write", clients.written.slowest_seconds)
    measured("PostgreSQL lost, longest time without a 202", clients.written.gap_seconds)
    assert len(waiting) > outage_seconds * 8  # each gets through more than once a second
    assert clients.written.refused == []
    assert clients.written.slowest_seconds < HUNG_SECONDS
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])
    _assert_told_in_one_line_each(log.read_bytes()[told_before:].splitlines())


def _assert_told_in_one_line_each(lines: list[bytes]) -> None:
    """An outage is no bug: the writer says what it holds, and nothing prints a traceback."""
    told = [json.loads(line) for line in lines]
    assert {line["event"] for line in told} == {"writer.held"}
    assert not [line for line in told if "exception" in line]


async def _outage(stage: GatewayStage, clients: Clients, seconds: float) -> float:
    """Read, and write with a wait, until it has lasted long enough; gives the slowest read's time."""
    slowest = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        slowest = max(slowest, await _read_is_refused(stage, clients.keys[0]))
        await _waited_write_is_taken(stage, clients)
        await clients.more(1)
    return slowest


async def _read_is_refused(stage: GatewayStage, key: TestKey) -> float:
    began = time.monotonic()
    answer = await stage.client.get("/api/inventory/", headers=key.headers)
    seconds = time.monotonic() - began
    assert seconds < READ_SECONDS
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    return seconds


async def _waited_write_is_taken(stage: GatewayStage, clients: Clients) -> None:
    """Who waits for the outcome waits as long as they said, and has the 202 then."""
    began = time.monotonic()
    headers = {**clients.keys[0].headers, "Prefer": f"wait={WAIT_SECONDS}"}
    answer = await stage.client.post("/api/inventory/", json=an_item(f"WAITED {began}"), headers=headers)
    assert answer.status_code == 202, answer.text
    assert time.monotonic() - began < WAIT_SECONDS + 1
    clients.note(answer)


@pytest.mark.parametrize(
    ("fault", "reads"),
    [
        (postgres_frozen, {503}),
        (read_only, {200}),
        (backends_terminated, {200, 503}),
        (a_long_lock, {503}),
        pytest.param(no_connection_left, {200, 503}, marks=pytest.mark.long),
    ],
    ids=["frozen", "read_only", "backends_terminated", "a_long_lock", "no_connection_left"],
)
async def test_writes_are_202_and_reads_are_answered_within_5_seconds_whatever_ails_postgresql(
    hub: Hub, fault: Fault, reads: set[int]
) -> None:
    """4 s of it among 4 clients: no write is refused, nothing is parked, all is applied once, at most 10 s after it."""
    await endure(hub, fault, reads)


async def test_readiness_tells_reads_from_writes_while_postgresql_is_frozen(hub: Hub) -> None:
    servers, stage = hub
    async with postgres_frozen(servers):
        began = time.monotonic()
        ready = await stage.client.get("/health/ready")
        assert time.monotonic() - began < READ_SECONDS
        assert ready.status_code == 503
        assert (ready.json()["reads"]["ready"], ready.json()["writes"]["ready"]) == (False, True)
        assert (await stage.client.get("/health/live")).status_code == 200

    async def is_ready() -> int:
        return (await stage.client.get("/health/ready")).status_code

    await eventually(is_ready, lambda status: status == 200)


async def test_a_connection_to_a_frozen_server_is_given_up_in_time_for_reads_and_for_writes(hub: Hub) -> None:
    """Neither ROLLBACK nor RESET may be waited for: what stands still at the query would stand still there."""
    servers, stage = hub
    impatient = type(stage.writes)(stage.writes.client, "hub_write", 1.0)
    async with impatient.transaction() as connection:
        await connection.execute("SELECT 1")
    for borrow in (impatient.connection, impatient.transaction):
        async with postgres_frozen(servers):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                async with borrow() as connection:
                    await connection.execute("SELECT 1")
            assert time.monotonic() - began < 2.5
        async with asyncio.timeout(5), borrow() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_deadlock_costs_the_writer_a_retry_and_nobody_a_command(hub: Hub) -> None:
    """A stranger locks two items against the order of the writer: PostgreSQL breaks the writer's transaction."""
    servers, stage = hub
    key = await stage.add_key()
    made = [
        (await stage.client.post(
            "/api/inventory/", json={"sku": f"D{number}", "name": "x", "price": "1.00"}, headers={**key.headers, "Prefer": "wait=10"}
        )).json()
        for number in range(2)
    ]  # fmt: skip
    first, second = sorted(item["id"] for item in made)
    stranger = await asyncpg.connect(servers.database_url)
    try:
        await stranger.execute("SET deadlock_timeout = '20s'")  # the other one notices, and is the victim
        before = await stranger.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        async with stranger.transaction():
            await stranger.execute("SELECT 1 FROM inventory_items WHERE id = $1 FOR UPDATE", second)
            sale = {"lines": [{"sku": item["sku"], "quantity": 1, "total_price": "1.00"} for item in made]}
            sold = asyncio.create_task(
                stage.client.post("/api/sales/", json=sale, headers={**key.headers, "Prefer": "wait=20"})
            )
            await eventually(lambda: _waiting(servers), bool)
            began = time.monotonic()
            await stranger.execute("SELECT 1 FROM inventory_items WHERE id = $1 FOR UPDATE", first)
        answer = await sold
        measured("a deadlock, from the clash to the 201 of the sale", time.monotonic() - began)
        assert answer.status_code == 201, answer.text

        async def deadlocks() -> int:
            found: int = await stranger.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
            return found

        await eventually(deadlocks, lambda count: count > before)
        quantities = await stranger.fetch("SELECT quantity FROM inventory_items WHERE id = ANY($1)", [first, second])
        assert [row["quantity"] for row in quantities] == [-1, -1]
    finally:
        await stranger.close()


async def _waiting(servers: Breakable) -> int:
    owner = await asyncpg.connect(servers.database_url)  # the hub's roles are not shown what others wait for
    try:
        found: int = await owner.fetchval(
            f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {OF_THE_HUB}"
        )
    finally:
        await owner.close()
    return found


@pytest.mark.parametrize(
    "fault",
    [rabbitmq_frozen, memory_alarm, pytest.param(disk_alarm, marks=pytest.mark.long)],
    ids=["frozen", "memory", "disk"],
)
async def test_reads_are_200_and_writes_a_quick_503_whatever_ails_rabbitmq(hub: Hub, fault: Fault) -> None:
    """3 s of it among 4 clients: reads 200, writes refused at once after the first, readiness says which; then it heals."""
    servers, stage = hub
    name = fault.__name__
    prober = await stage.add_key()  # what it was refused may still come through, as what the clients were
    async with clients_writing(stage, clients=4, pharmacies=4) as clients:
        await clients.more(20)
        async with fault(servers):
            # What RabbitMQ took in the very last moment is not refused, but waited for.
            await eventually(lambda: _is_refused(stage, prober), bool, within=15)
            until = time.monotonic() + RABBITMQ_OUTAGE_SECONDS
            slowest, quickest_write = 0.0, 60.0
            while time.monotonic() < until:
                asked = time.monotonic()
                assert await _is_refused(stage, prober)
                quickest_write = min(quickest_write, time.monotonic() - asked)
                asked = time.monotonic()
                read = await stage.client.get("/api/inventory/", headers=prober.headers)
                assert read.status_code == 200
                ready = await stage.client.get("/health/ready")
                assert ready.status_code == 503
                assert (ready.json()["reads"]["ready"], ready.json()["writes"]["ready"]) == (True, False)
                slowest = max(slowest, time.monotonic() - asked)
                await asyncio.sleep(0.1)  # a client that asks ten times a second
        healed = time.monotonic()
        await clients.more(1)
        measured(f"{name}: end to a 202", time.monotonic() - healed)
        await clients.more(20)
    await all_applied(stage.settings, clients.written, within=RABBITMQ_RECOVERED_SECONDS)
    measured(f"{name}: end to all applied", time.monotonic() - healed)
    measured(f"{name}: slowest write", clients.written.slowest_seconds)
    assert time.monotonic() - healed < RABBITMQ_RECOVERED_SECONDS
    assert slowest < 2.0
    # An alarm is known from the first refusal on; a broker that stands still is asked each time.
    assert fault is rabbitmq_frozen or quickest_write < CONFIRM_SECONDS / 2
    assert clients.written.slowest_seconds < HUNG_SECONDS
    assert clients.written.refused
    await assert_once(stage.writes, clients.written, [key.pharmacy_id for key in clients.keys])


async def _is_refused(stage: GatewayStage, key: TestKey) -> bool:
    began = time.monotonic()
    answer = await stage.client.post(
        "/api/inventory/", json=an_item("REFUSED"), headers={**key.headers, "Prefer": "wait=5"}
    )
    if answer.status_code != 503:
        return False
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < CONFIRM_SECONDS + 1.5
    return True


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_writer_whose_channels_were_closed_over_unacked_messages_goes_on_by_itself(data_dir: Path) -> None:
    """PostgreSQL is away for longer than RabbitMQ waits for an ack: it closes the channel of whoever holds messages."""
    async with breakable_hub(data_dir) as (servers, stage):

        async def log() -> str:
            return servers.rabbitmq.log.read_text(errors="replace")

        patience = f"application:set_env(rabbit, consumer_timeout, {PATIENCE_SECONDS * 1000})"
        look = "application:set_env(rabbit, channel_tick_interval, 1000)"
        await asyncio.to_thread(servers.rabbitmqctl, "eval", f"{patience}, {look}.")
        await asyncio.to_thread(servers.rabbitmqctl, "close_all_connections", "a test")  # new channels know it
        async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.1) as clients:
            await clients.more(20)
            await asyncio.to_thread(servers.stop_postgres)
            await eventually(log, lambda text: "delivery acknowledgement on channel" in text, within=60)
            await asyncio.to_thread(servers.start_postgres)
            healed = time.monotonic()
        await all_applied(stage.settings, clients.written, within=RABBITMQ_RECOVERED_SECONDS)
        measured("channels closed over unacked messages, PostgreSQL's heal to all applied", time.monotonic() - healed)
        await assert_once(stage.writes, clients.written)


@pytest.mark.parametrize(("what", "reads"), [("tables", {200}), ("the log", {200, 503})], ids=["tables", "log"])
async def test_writes_are_202_while_the_disk_of_postgresql_is_full_and_applied_when_it_has_room(
    hub: Hub, what: str, reads: set[int]
) -> None:
    """Where no table can grow it still answers reads; where its log cannot, it ends by itself and cannot be started."""
    if not can_mount():
        pytest.skip("nobody may mount a disk here")
    with on_a_small_disk(hub[0]) as disk:
        await recovered(hub)
        await endure(hub, disk.full if what == "tables" else disk.full_for_the_log, reads)


@pytest.mark.long
async def test_a_slow_wire_to_both_servers_costs_time_and_nothing_else(settings: Settings) -> None:
    """100 ms each way, 64 kB at most: no write is refused, no read gives up, no connection to RabbitMQ is made anew."""
    async with behind_wires(settings) as (stage, postgresql, rabbitmq):
        async with clients_writing(stage, clients=4, pharmacies=4) as clients:
            await clients.more(20)
            before = rabbitmq.accepted
            postgresql.delay_seconds = rabbitmq.delay_seconds = SLOW_WIRE_SECONDS
            began, slowest = time.monotonic(), 0.0
            while time.monotonic() < began + POSTGRES_OUTAGE_SECONDS:
                asked = time.monotonic()
                assert await read(stage, clients.keys[0]) == 200
                slowest = max(slowest, time.monotonic() - asked)
        ended = time.monotonic()
        await eventually(
            lambda: applied_of(settings.database_url.get_secret_value(), clients.written.accepted),
            lambda found: found == len(clients.written.accepted), within=SLOW_APPLIED_SECONDS,
        )  # fmt: skip
        measured("a slow wire, the last write to all applied over it", time.monotonic() - ended)
        measured("a slow wire, slowest read", slowest)
        measured("a slow wire, slowest write", clients.written.slowest_seconds)
        counted("a slow wire, writes accepted", len(clients.written.accepted))
        assert rabbitmq.accepted == before
        assert clients.written.refused == []
        postgresql.delay_seconds = rabbitmq.delay_seconds = 0.0
        async with open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as writes:
            await assert_once(writes, clients.written)


@pytest.mark.long
async def test_wires_that_break_in_the_middle_of_a_frame_lose_and_double_nothing(settings: Settings) -> None:
    """Each connection passes up to 60,000 bytes, handshakes of AMQP and PostgreSQL included, and ends wherever that is."""
    url, chance = settings.database_url.get_secret_value(), Random(24)
    async with behind_wires(settings) as (stage, postgresql, rabbitmq):
        async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.02) as clients:
            await clients.more(30)
            for wire in (postgresql, rabbitmq):
                wire.cut_after = lambda: chance.randrange(1, 60_000)
                wire.cut()

            async def broken() -> int:
                return min(postgresql.accepted, rabbitmq.accepted)

            await eventually(broken, lambda count: count >= BROKEN_WIRES, within=60)
            for wire in (postgresql, rabbitmq):
                wire.cut_after = None
                wire.cut()
            healed = time.monotonic()
            await clients.more(20)
            measured("wires broken in the middle of frames, heal to the next 20 accepted", time.monotonic() - healed)
            waiting = [*clients.written.accepted]
            await eventually(
                lambda: applied_of(url, waiting), lambda found: found == len(waiting), within=MENDED_SECONDS
            )
            seconds = time.monotonic() - healed
            measured("wires broken in the middle of frames, heal to all applied", seconds)
            assert seconds < MENDED_SECONDS
        counted("wires broken in the middle of frames, connections made", postgresql.accepted + rabbitmq.accepted)
        written = clients.written
        await eventually(
            lambda: applied_of(url, written.accepted), lambda found: found == len(written.accepted), within=20
        )
    assert written.slowest_seconds < HUNG_SECONDS
    async with open_database(url, "hub_write", pool=1) as writes:
        await assert_once(writes, written)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", ["rabbitmq", "postgresql"])
async def test_connections_that_died_without_a_word_are_given_up_and_all_is_applied(
    settings: Settings, which: str
) -> None:
    """A firewall forgets the connections of gateway and writer among 4 clients; new ones work."""
    url = settings.database_url.get_secret_value()
    async with behind_wires(settings) as (stage, postgresql, rabbitmq):
        async with clients_writing(stage, clients=4, pharmacies=4, pause_seconds=0.05) as clients:
            await clients.more(50)
            {"rabbitmq": rabbitmq, "postgresql": postgresql}[which].strand()
            stranded = time.monotonic()
            await clients.more(20)
            measured(f"half-open to {which}, to the next 20 accepted", time.monotonic() - stranded)
            waiting = [*clients.written.accepted]
            await eventually(
                lambda: applied_of(url, waiting), lambda found: found == len(waiting), within=NOTICED_SECONDS
            )
            seconds = time.monotonic() - stranded
        measured(f"half-open to {which}, to all of it applied", seconds)
        written = clients.written
        await eventually(
            lambda: applied_of(url, written.accepted), lambda found: found == len(written.accepted), within=20
        )
    measured(f"half-open to {which}, slowest write", written.slowest_seconds)
    assert seconds < NOTICED_SECONDS
    assert written.slowest_seconds < HUNG_SECONDS
    assert which == "rabbitmq" or written.refused == []
    async with asyncio.timeout(20), open_database(url, "hub_write", pool=1) as writes:
        await assert_once(writes, written)
