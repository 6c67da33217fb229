"""Faults, done for real: each breaks something, leaves it broken for a while, and heals it."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import aio_pika
import asyncpg

from hub.messaging.topology import COMMANDS, command_queue
from hub.up.broker import control
from tests.chaos.faults_rare import deadlock, exhaust_connections, half_open
from tests.chaos.pids import family_of, signal_all
from tests.chaos.poison import poison
from tests.chaos.stage import CONSUMERS, GATEWAYS, Stage, until_ready

KILL, STOP, GO_ON, TERM = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGTERM
_BACKLOG_SECONDS = 5.0
_TABLES = ("operations", "inventory_items", "events", "event_sequences", "sales")
_APPLIED = "SELECT count(*) FROM operations"
_APPLICATIONS = "application_name LIKE 'pharmacy-hub%' AND datname = current_database()"

Break = Callable[[Stage, random.Random, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and how long it may last, in seconds."""

    breaks: Break
    shortest: float = 0.0
    longest: float = 0.0

    def draw(self, chance: random.Random) -> float:
        """Draw how long it lasts."""
        return chance.uniform(self.shortest, self.longest)


async def _restart(stage: Stage, name: str, number: signal.Signals, seconds: float) -> None:
    await stage.end(name, number)
    await asyncio.sleep(seconds)
    stage.revive(name)


async def _freeze(stage: Stage, name: str, seconds: float) -> None:
    stage.send(name, STOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        stage.send(name, GO_ON)


async def kill_writer(stage: Stage, _: random.Random, seconds: float) -> None:
    """The writer at work dies; the other takes over."""
    await _restart(stage, stage.oldest(CONSUMERS), KILL, seconds)


async def kill_standby(stage: Stage, chance: random.Random, seconds: float) -> None:
    """Either of the two dies."""
    await _restart(stage, chance.choice(CONSUMERS), KILL, seconds)


async def kill_both_writers(stage: Stage, _: random.Random, seconds: float) -> None:
    """Nobody is left to take over."""
    await asyncio.gather(*(_restart(stage, name, KILL, seconds) for name in CONSUMERS))


async def freeze_writer(stage: Stage, _: random.Random, seconds: float) -> None:
    """The writer at work stands still, maybe with a transaction open, and goes on."""
    await _freeze(stage, stage.oldest(CONSUMERS), seconds)


async def roll_writers(stage: Stage, _: random.Random, seconds: float) -> None:
    """A deployment: one after the other is asked to end, and started again."""
    for name in sorted(CONSUMERS, key=lambda name: name != stage.oldest(CONSUMERS)):
        await _restart(stage, name, TERM, seconds)


async def kill_gateway(stage: Stage, chance: random.Random, seconds: float) -> None:
    """Requests die in the middle; clients go to the other one."""
    await _restart(stage, chance.choice(GATEWAYS), KILL, seconds)


async def freeze_gateway(stage: Stage, chance: random.Random, seconds: float) -> None:
    """Requests hang; what they carry may be published later."""
    await _freeze(stage, chance.choice(GATEWAYS), seconds)


async def roll_gateways(stage: Stage, _: random.Random, seconds: float) -> None:
    """A deployment of the gateways."""
    for name in GATEWAYS:
        await _restart(stage, name, TERM, seconds)
        await until_ready(stage, name)


async def kill_broker(stage: Stage, _: random.Random, seconds: float) -> None:
    """RabbitMQ dies and comes back on its data."""
    breakable = stage.servers.breakable
    await asyncio.to_thread(breakable.kill_rabbitmq)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(breakable.start_rabbitmq)


async def freeze_broker(stage: Stage, _: random.Random, seconds: float) -> None:
    """RabbitMQ says nothing; what was sent meanwhile is stored when it goes on."""
    pids = family_of(stage.servers.breakable.rabbitmq.pid)
    signal_all(pids, STOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        signal_all(pids, GO_ON)


async def cut_connections(stage: Stage, _: random.Random, __: float) -> None:
    """RabbitMQ closes all connections."""
    await _ctl(stage, "close_all_connections", "--vhost", stage.vhost, "chaos")


async def memory_alarm(stage: Stage, _: random.Random, seconds: float) -> None:
    """RabbitMQ takes nothing for lack of memory."""
    await _ctl(stage, "set_vm_memory_high_watermark", "0.0000001")
    try:
        await asyncio.sleep(seconds)
    finally:
        await _ctl(stage, "set_vm_memory_high_watermark", "0.4")


async def disk_alarm(stage: Stage, _: random.Random, seconds: float) -> None:
    """RabbitMQ takes nothing for lack of disk."""
    await _ctl(stage, "set_disk_free_limit", "900000GB")
    try:
        await asyncio.sleep(seconds)
    finally:
        await _ctl(stage, "set_disk_free_limit", "200MB")


async def unbind_partitions(stage: Stage, chance: random.Random, seconds: float) -> None:
    """Some partitions get no commands until somebody declares their bindings again."""
    partitions = stage.settings.partitions
    lost = chance.sample(range(partitions), max(1, partitions // 2))
    connection = await aio_pika.connect(stage.settings.amqp_urls[0])
    async with connection, connection.channel() as channel:
        queues = [await channel.get_queue(command_queue(number), ensure=False) for number in lost]
        for queue, number in zip(queues, lost, strict=True):
            await queue.unbind(COMMANDS, str(number))
        try:
            await asyncio.sleep(seconds)
        finally:
            for queue, number in zip(queues, lost, strict=True):
                await queue.bind(COMMANDS, str(number))


async def stop_postgres(stage: Stage, _: random.Random, seconds: float) -> None:
    """PostgreSQL ends at once, without a checkpoint, and recovers."""
    breakable = stage.servers.breakable
    await asyncio.to_thread(breakable.stop_postgres)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(breakable.start_postgres)


async def stop_postgres_kill_writer(stage: Stage, chance: random.Random, seconds: float) -> None:
    """The writer dies with a window in hand that it could not commit."""
    breakable = stage.servers.breakable
    await asyncio.to_thread(breakable.stop_postgres)
    await asyncio.sleep(seconds / 2)
    await kill_both_writers(stage, chance, seconds / 2)
    await asyncio.to_thread(breakable.start_postgres)


async def kill_broker_under_backlog(stage: Stage, _: random.Random, seconds: float) -> None:
    """RabbitMQ dies while the writer makes up for an outage of PostgreSQL, and has much to say."""
    breakable = stage.servers.breakable
    await asyncio.to_thread(breakable.stop_postgres)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(breakable.start_postgres)
    owner = await stage.connect()
    before = await owner.fetchval(_APPLIED)
    with suppress(TimeoutError):  # where nobody wrote, there is no backlog
        async with asyncio.timeout(_BACKLOG_SECONDS):
            while await owner.fetchval(_APPLIED) == before:
                await asyncio.sleep(0.01)
    await owner.close()
    await asyncio.to_thread(breakable.kill_rabbitmq)
    await asyncio.to_thread(breakable.start_rabbitmq)


async def freeze_postgres(stage: Stage, _: random.Random, seconds: float) -> None:
    """All of PostgreSQL's processes stand still."""
    pids = family_of(stage.servers.breakable.postgres.pid)
    signal_all(pids, STOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        signal_all(pids, GO_ON)


async def terminate_backends(stage: Stage, _: random.Random, seconds: float) -> None:
    """All sessions of the hub are ended, again and again."""
    async with stage.owner() as owner:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_APPLICATIONS}")
            await asyncio.sleep(0.15)


async def read_only(stage: Stage, _: random.Random, seconds: float) -> None:
    """PostgreSQL takes no writes, as after a failover to a replica."""
    async with stage.owner() as owner:
        await owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await owner.execute("SELECT pg_reload_conf()")
        try:
            await asyncio.sleep(seconds)
        finally:
            await owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await owner.execute("SELECT pg_reload_conf()")


async def long_lock(stage: Stage, chance: random.Random, seconds: float) -> None:
    """Somebody holds a table."""
    async with stage.owner() as owner:
        with suppress(asyncpg.PostgresError):
            async with owner.transaction():
                await owner.execute("SET LOCAL lock_timeout = '5s'")
                await owner.execute(f"LOCK TABLE {chance.choice(_TABLES)} IN ACCESS EXCLUSIVE MODE")
                await asyncio.sleep(seconds)


async def lock_and_kill_writers(stage: Stage, _: random.Random, seconds: float) -> None:
    """The writers die while their transaction waits for a lock: numbered, not committed, its session still there."""
    async with stage.owner() as owner, owner.transaction():
        # Who only reads operations goes on: the transaction stops at its last statement.
        await owner.execute("LOCK TABLE operations IN SHARE ROW EXCLUSIVE MODE")
        await asyncio.sleep(seconds)
        await asyncio.gather(*(_restart(stage, name, KILL, 0.0) for name in CONSUMERS))


FAULTS: Mapping[str, Fault] = {
    "kill writer": Fault(kill_writer, 0.0, 1.5),
    "kill standby": Fault(kill_standby, 0.0, 1.0),
    "kill both writers": Fault(kill_both_writers, 0.2, 1.5),
    "freeze writer": Fault(freeze_writer, 1.0, 4.0),
    "roll writers": Fault(roll_writers, 0.2, 1.5),
    "kill gateway": Fault(kill_gateway, 0.0, 1.0),
    "freeze gateway": Fault(freeze_gateway, 0.5, 3.0),
    "roll gateways": Fault(roll_gateways, 0.0, 1.0),
    "kill broker": Fault(kill_broker, 0.0, 1.5),
    "freeze broker": Fault(freeze_broker, 1.0, 4.0),
    "cut connections": Fault(cut_connections),
    "memory alarm": Fault(memory_alarm, 0.5, 3.0),
    "disk alarm": Fault(disk_alarm, 0.5, 2.0),
    "unbind partitions": Fault(unbind_partitions, 0.5, 3.0),
    "stop postgres": Fault(stop_postgres, 0.5, 3.0),
    "stop postgres, kill writers": Fault(stop_postgres_kill_writer, 1.0, 2.0),
    "stop postgres, kill broker": Fault(kill_broker_under_backlog, 1.0, 2.0),
    "freeze postgres": Fault(freeze_postgres, 1.0, 4.0),
    "terminate backends": Fault(terminate_backends, 0.3, 1.5),
    "read-only postgres": Fault(read_only, 0.5, 3.0),
    "long lock, kill writers": Fault(lock_and_kill_writers, 1.0, 2.0),
    "long lock": Fault(long_lock, 1.0, 4.0),
    "poison": Fault(poison),
    "deadlock": Fault(deadlock),
    "no connection left": Fault(exhaust_connections, 0.5, 2.0),
    "half-open": Fault(half_open, 2.0, 5.0),
}
"""All faults, by the name that the history gives them."""


async def _ctl(stage: Stage, *arguments: str) -> None:
    await asyncio.to_thread(control, stage.servers.private.broker, *arguments)
