"""Commands to their partitions: confirmed one by one, sent together.

What arrives while a partition's last message is in flight goes out as its next message: no latency when idle, and
every caller still waits for the confirm of the message that holds its command. Callers that are answered together come
back together, and the first of them would travel alone, so in a crowd it waits a moment for the others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub.clock import monotonic
from hub.faults import Unavailable
from hub.messaging.connection import HubConnection
from hub.messaging.frames import Outgoing
from hub.messaging.lane import Lane, NoConfirm
from hub.messaging.tasks import owned_tasks
from hub.messaging.topology import COMMANDS, command_queue

MESSAGE_COMMANDS = 200
MESSAGE_BYTES = 1_048_576
LINGER_SECONDS = 0.0025
CROWDED_SECONDS = 0.1  # how long it counts that callers came while others were under way
GRACE_SECONDS = 0.7  # who waited behind a message that got no answer still gets a real try
SILENT_PARTITIONS = 2  # one may have a frozen leader; two without any confirm between them mean a host cut off


@dataclass(slots=True)
class _Waiting:
    commands: bytes
    count: int
    until: float
    confirmed: asyncio.Future[None]


class _Partition:
    """The queue in front of one partition. Only its own task sends, so a caller that goes away harms nobody."""

    def __init__(self, publisher: "CommandPublisher", number: int) -> None:
        self._publisher = publisher
        self._number = number
        self._lane = Lane(publisher.connection, command_queue(number))
        self._pending: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._crowded_until = 0.0

    def add(self, waiting: _Waiting) -> None:
        self._pending.append(waiting)
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        taken: list[_Waiting] = []
        try:
            while self._pending or not self._closing:
                if not self._pending:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                if monotonic() < self._crowded_until and len(self._pending) < MESSAGE_COMMANDS:
                    await asyncio.sleep(LINGER_SECONDS)
                taken = self._take()
                if taken:
                    await self._send(taken)
                    if len(taken) + len(self._pending) > 1:
                        self._crowded_until = monotonic() + CROWDED_SECONDS
                    taken = []
        finally:
            self._publisher.close()  # were this task to die of a bug, nobody may wait for it
            for waiting in (*taken, *self._pending):
                _fail(waiting, Unavailable("rabbitmq", "this process is stopping"))
            self._pending.clear()

    def _take(self) -> list[_Waiting]:
        """Take what fits into one message, in order; callers that went away or are out of time are left out."""
        now = monotonic()
        taken: list[_Waiting] = []
        count = size = 0
        while self._pending:
            first = self._pending[0]
            if first.confirmed.done():
                self._pending.popleft()
                continue
            if first.until <= now:
                fault = Unavailable(command_queue(self._number), "no confirm in time; it was not sent, retry")
                _fail(self._pending.popleft(), fault)
                continue
            count += first.count
            size += len(first.commands) + 1
            if taken and (count > MESSAGE_COMMANDS or size > MESSAGE_BYTES):
                break
            taken.append(self._pending.popleft())
        return taken

    async def _send(self, taken: list[_Waiting]) -> None:
        body = b"[" + b",".join([waiting.commands for waiting in taken]) + b"]"
        message = Outgoing(COMMANDS, str(self._number), body)
        seconds = max(GRACE_SECONDS, taken[0].until - monotonic())
        try:
            await self._lane.send((message,), min(seconds, max(self._publisher.confirm_seconds, GRACE_SECONDS)))
        except Unavailable as fault:
            for waiting in taken:
                _fail(waiting, fault)
            if isinstance(fault, NoConfirm):
                await self._publisher.note_silence(self._number)
            return
        self._publisher.note_confirm()
        for waiting in taken:
            if not waiting.confirmed.done():
                waiting.confirmed.set_result(None)


class CommandPublisher:
    """Publishes commands; see `open_command_publisher`."""

    def __init__(self, connection: HubConnection, partitions: int, confirm_seconds: float) -> None:
        """Prepare the partitions; nothing is sent before their tasks run."""
        self.connection = connection
        self.confirm_seconds = confirm_seconds
        self._partitions = [_Partition(self, number) for number in range(partitions)]
        self._silent: set[int] = set()
        self._closed = False

    async def publish(self, partition: int, command: bytes) -> None:
        """Store one command (a JSON object) in its partition.

        Returns when the broker has it on disk (persistent, mandatory, confirmed), ends within `confirm_seconds` + 1
        in any case, and at once while there is no connection or the broker has an alarm. A caller may be cancelled;
        its command may be stored all the same.

        Raises:
            Unavailable: not confirmed. It may be stored nevertheless: the outcome is unknown.
        """
        await self._publish(partition, command, 1)

    async def publish_batch(self, partition: int, commands: Sequence[bytes]) -> None:
        """Store several commands of one door in one message, in this order; all or none is confirmed.

        Raises:
            Unavailable: as `publish`.
        """
        if commands:
            await self._publish(partition, b",".join(commands), len(commands))

    async def _publish(self, partition: int, commands: bytes, count: int) -> None:
        fault = self.connection.fault()
        if fault is not None:
            raise fault
        if self._closed:
            raise Unavailable("rabbitmq", "this process is stopping")
        confirmed = asyncio.get_running_loop().create_future()
        self._partitions[partition].add(_Waiting(commands, count, monotonic() + self.confirm_seconds, confirmed))
        await confirmed

    def note_confirm(self) -> None:
        """Remember that the broker answers."""
        if self._silent:
            self._silent.clear()

    async def note_silence(self, partition: int) -> None:
        """Go to the next host when several partitions get no confirm and none does.

        A host that is cut off from its peers still opens channels, so the probe of a lane does not see it
        (measured on a cluster of three).
        """
        self._silent.add(partition)
        underlay = self.connection.underlay
        if len(self._silent) >= SILENT_PARTITIONS and self.connection.hosts > 1 and underlay is not None:
            self._silent.clear()
            await self.connection.abandon(underlay)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Start one task per partition."""
        for number, partition in enumerate(self._partitions):
            tasks.create_task(partition.run(), name=f"publisher of {command_queue(number)}")

    def close(self) -> None:
        """Take no more; what was taken is finished first, which ends within `confirm_seconds` + 1."""
        self._closed = True
        for partition in self._partitions:
            partition.close()


@asynccontextmanager
async def open_command_publisher(
    connection: HubConnection, *, partitions: int, confirm_seconds: float
) -> AsyncIterator[CommandPublisher]:
    """Publish commands on a connection that is used for publishing only (an alarm blocks it whole)."""
    publisher = CommandPublisher(connection, partitions, confirm_seconds)
    async with owned_tasks() as tasks:
        publisher.start(tasks)
        try:
            yield publisher
        finally:
            publisher.close()


def _fail(waiting: _Waiting, fault: Unavailable) -> None:
    if not waiting.confirmed.done():
        again = Unavailable(fault.what, fault.detail, after_seconds=fault.after_seconds)
        again.__cause__ = fault
        waiting.confirmed.set_exception(again)
