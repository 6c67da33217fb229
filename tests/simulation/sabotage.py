"""Writers that are wrong in one way each. The simulation must notice every one of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from consumers.applied import Applied, Isolated
from consumers.applying import Applier, _Claim
from consumers.envelope import Arrived
from consumers.isolating import broken_by
from consumers.outcomes import _event_message
from consumers.store import Transaction
from consumers.window import acknowledge
from consumers.writer import Writer, _Batch, _Settled
from hub.faults import Unavailable
from hub.messaging.frames import Outgoing
from hub.messaging.topology import DEAD, EVENTS
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation
from tests.simulation.broker import Publisher
from tests.simulation.database import Session
from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Tables
from tests.simulation.world import Sabotage


class AcksBeforeCommit(Writer):
    async def _apply(self, batch: _Batch) -> _Settled:
        await acknowledge(batch.deliveries)
        return await super()._apply(batch)


class AcksBeforeConfirms(Writer):
    async def _apply(self, batch: _Batch) -> _Settled:
        settled = await super()._apply(batch)
        await acknowledge(batch.deliveries)
        return settled


class PublishesOnce(Writer):
    async def _say(self) -> None:
        while (settled := await self._settled.get()) is not None:
            with suppress(Unavailable):
                await self._publisher.publish(settled.messages())
            await acknowledge(settled.deliveries)


class AcksAWholeWindowForItsFirstPart(Writer):
    async def _apply_in_parts(self, batch: _Batch) -> None:
        part, rest = batch.cut(3)
        await super()._apply_in_parts(replace(part, deliveries=batch.deliveries))
        if rest is not None:
            await super()._apply_in_parts(replace(rest, deliveries=[]))


class LetsGoOfTheRest(Writer):
    async def _apply_in_parts(self, batch: _Batch) -> None:
        part, _ = batch.cut(3)
        await super()._apply_in_parts(replace(part, deliveries=batch.deliveries))


class LetsGoInAnOutage(Applier):
    async def apply(self, arrived: Sequence[Arrived]) -> Applied:
        try:
            return await super().apply(arrived)
        except Unavailable:
            return Applied(list)


class Halving(Writer):
    """Halves a window that breaks, in a transaction each; what is wrong is left to the heirs."""

    async def _isolate(self, commands: Sequence[Arrived], error: Exception, settled: _Settled) -> Sequence[Arrived]:
        if len(commands) == 1:
            return await super()._isolate(commands, error, settled)
        await self._halve(commands, settled, error)
        return ()

    async def _halve(self, commands: Sequence[Arrived], settled: _Settled, error: Exception) -> None:
        raise NotImplementedError


class DropsANeighbour(Halving):
    async def _halve(self, commands: Sequence[Arrived], settled: _Settled, _error: Exception) -> None:
        half = len(commands) // 2
        await self._apply_all(commands[:half], settled)
        await self._apply_all(commands[half + 1 :], settled)


class ParksNeighbours(Halving):
    async def _halve(self, commands: Sequence[Arrived], settled: _Settled, error: Exception) -> None:
        await self._park([broken_by(command, error) for command in commands], settled)


class AppliesTheRightHalfFirst(Halving):
    async def _halve(self, commands: Sequence[Arrived], settled: _Settled, _error: Exception) -> None:
        half = len(commands) // 2
        await self._apply_all(commands[half:], settled)
        await self._apply_all(commands[:half], settled)


class IsolatesBackwards(Applier):
    async def isolate(self, arrived: Sequence[Arrived], error: Exception) -> Isolated:
        return await super().isolate(arrived[::-1], error)


class TakesTheSecondForBroken(Applier):
    async def isolate(self, arrived: Sequence[Arrived], error: Exception) -> Isolated:
        isolated = await super().isolate([*arrived[:1], *arrived[2:]], error)
        for one in arrived[1:2]:
            isolated.applied.append(await self.park([broken_by(one, error)]))
        return isolated


class SaysHalfOfWhatWasIsolated(Applier):
    async def isolate(self, arrived: Sequence[Arrived], error: Exception) -> Isolated:
        isolated = await super().isolate(arrived, error)
        del isolated.applied[1::2]
        return isolated


class SaysNothingAgain(Applier):
    async def apply(self, arrived: Sequence[Arrived]) -> Applied:
        applied = await super().apply(arrived)
        repeats = sum(message.exchange == EVENTS for message in applied.messages) - applied.events
        for message in [message for message in applied.messages if message.exchange == EVENTS][:repeats]:
            applied.messages.remove(message)
        return applied


class AnswersOnce(Applier):
    async def _claim(self, transaction: Transaction, arrived: Sequence[Arrived]) -> _Claim:
        claim = await super()._claim(transaction, arrived)
        claim.again.clear()
        return claim


class ForgetsTheParked(Publisher):
    async def publish(self, messages: Sequence[Outgoing]) -> None:
        if kept := [message for message in messages if message.routing_key != DEAD]:
            await super().publish(kept)


class NoFence(SimulatedStore):
    class session(Session):  # noqa: N801 -- stands for the attribute
        async def fence(self, _partitions: Sequence[int]) -> None:
            """Let everybody in."""


class NoClaim(SimulatedStore):
    class session(Session):  # noqa: N801 -- as above
        async def find_operations(self, _ids: Sequence[UUID]) -> Mapping[UUID, Operation]:
            return {}

        async def finish_operations(self, finished: Sequence[Operation]) -> None:
            self.taken_back.update(operation.id for operation in finished)
            await super().finish_operations(finished)


class UndoesNothing(SimulatedStore):
    class session(Session):  # noqa: N801 -- as above
        def copy(self) -> Tables:
            return self.own


class NumbersOutside(SimulatedStore):
    class session(Session):  # noqa: N801 -- as above
        async def take_numbers(self, counts: Mapping[UUID, int]) -> dict[UUID, int]:
            first = await super().take_numbers(counts)
            self.database.stored.numbers |= self.own.numbers
            return first


class ClaimsOutside(SimulatedStore):
    class session(Session):  # noqa: N801 -- as above
        async def finish_operations(self, finished: Sequence[Operation]) -> None:
            await super().finish_operations(finished)
            self.database.stored.operations |= self.own.operations


class PublishesBeforeCommit(SimulatedStore):
    class session(Session):  # noqa: N801 -- as above
        async def append(self, stored: Sequence[StoredEvent]) -> None:
            await super().append(stored)
            for event in stored:
                self.database.world.published(self.process.name, _event_message(event))


class AppliesBackwards(Applier):
    async def apply(self, arrived: Sequence[Arrived]) -> Applied:
        return await super().apply(arrived[::-1])


SABOTAGES: Mapping[str, Sabotage] = {
    "acks before the commit": Sabotage(writer=AcksBeforeCommit),
    "acks before the confirms": Sabotage(writer=AcksBeforeConfirms),
    "publishes once, whatever comes of it": Sabotage(writer=PublishesOnce),
    "acks a whole window for its first part": Sabotage(writer=AcksAWholeWindowForItsFirstPart),
    "lets go of what was too much for one transaction": Sabotage(writer=LetsGoOfTheRest),
    "lets a window go in an outage": Sabotage(applier=LetsGoInAnOutage),
    "drops a neighbour of a poison command": Sabotage(writer=DropsANeighbour),
    "parks the neighbours of a poison command": Sabotage(writer=ParksNeighbours),
    "applies the right half of a window first": Sabotage(writer=AppliesTheRightHalfFirst),
    "applies a window backwards": Sabotage(applier=AppliesBackwards),
    "isolates a window backwards": Sabotage(applier=IsolatesBackwards),
    "takes a neighbour for the poison command": Sabotage(applier=TakesTheSecondForBroken),
    "says half of what was isolated": Sabotage(applier=SaysHalfOfWhatWasIsolated),
    "undoes nothing of a piece that broke": Sabotage(store=UndoesNothing),
    "says nothing again": Sabotage(applier=SaysNothingAgain),
    "answers once": Sabotage(applier=AnswersOnce),
    "forgets what was parked": Sabotage(publisher=ForgetsTheParked),
    "has no fence": Sabotage(store=NoFence),
    "claims no operation": Sabotage(store=NoClaim),
    "claims operations outside of the transaction": Sabotage(store=ClaimsOutside),
    "numbers events outside of the transaction": Sabotage(store=NumbersOutside),
    "publishes before the commit": Sabotage(store=PublishesBeforeCommit),
    "leaves a partition by cancelling its consumer": Sabotage(leaves_by_cancel=True),
    "shares a partition between two writers": Sabotage(shares_partitions=True),
}
"""What is wrong, and the parts that make it so."""
