"""One transaction of the writer: many commands to rows, outcomes and numbered events."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from consumers.applied import Applied, Isolated
from consumers.aside import audit_entries, contradictions, mended, replay_messages, replayed
from consumers.envelope import Arrived, SetAside
from consumers.isolating import broken_by, in_pieces
from consumers.outcomes import PARKED, Outcomes, count_events, parked_message
from consumers.parked_rows import settle_parked_rows
from consumers.store import Store, Transaction
from consumers.used_keys import told_apart, used_long_ago
from hub import clock
from hub.domain.command import Command
from hub.domain.outcome import Accepted, Outcome, refuse
from hub.domain.parked import ParkedMessage
from hub.domain.settle import settle, touched
from hub.domain.state import Ref
from hub.faults import TooMuch
from hub.messaging.bulk_publisher import Outgoing
from hub.resources import COMMANDS
from hub.storage.events import StoredEvent
from hub.storage.operations import Operation
from hub.storage.tables import UNBOUNDED, TakenId

# A status of a few bytes moves an order of a hundred thousand, so what a window weighs when it comes says little.
MOST_BYTES: Final = 8 * 1_048_576

# Of a transaction, for what is mended in sets: each may take seconds, and a window may have hundreds of them.
_MENDING_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Claim:
    """The commands of a window, parted.

    Args:
        fresh: to be applied now.
        again: finished before, with what became of them.
        doubled: the same operation as a fresh one of this window; they get its outcome.
        reopened: operations of fresh ones that were parked and are replayed.
    """

    fresh: list[Command]
    again: list[tuple[Arrived, Operation]]
    doubled: list[Command]
    reopened: list[UUID]


class Applier:
    """Applies commands to the database."""

    def __init__(self, store: Store, most_bytes: int = MOST_BYTES) -> None:
        """Work on a store opened as `hub_write`.

        Args:
            most_bytes: of rows read, and of events written, in one transaction of several commands.
        """
        self._store = store
        self._most_bytes = most_bytes
        self.storing = asyncio.Event()  # set when PostgreSQL has the most to do; whoever waits for it cleared it before

    async def apply(self, arrived: Sequence[Arrived]) -> Applied:
        """Apply the commands in order, in one transaction. What was applied before is only said again.

        It is said again whether or not the broker calls the command redelivered: a writer that was cut off for a moment
        may hold commands that its successor applied and died over, and would publish what follows before them.

        Raises:
            TooMuch: they are too many for one transaction; nothing was done, call again with the first of them.
            Unavailable: PostgreSQL is away; whether it committed is unknown, call again.
        """
        async with self._store.transaction() as transaction:
            await transaction.fence(_partitions(arrived))
            return await self._apply(transaction, arrived)

    async def isolate(self, arrived: Sequence[Arrived], error: Exception) -> Isolated:
        """Apply in order what can be applied of commands that broke together, and park what cannot, in one transaction.

        Parking is a part of it: were it done later, a redelivery could apply the command after others of its pharmacy.

        Args:
            error: what `apply` raised.
        Raises:
            TooMuch, Unavailable: as for `apply`.
        """
        isolated = Isolated()
        async with self._store.transaction() as transaction:
            await transaction.fence(_partitions(arrived))

            async def attempt(piece: Sequence[Arrived]) -> None:
                async with transaction.savepoint():
                    applied = await self._apply(transaction, piece)
                isolated.applied.append(applied)

            async def set_aside(one: Arrived, error: Exception) -> None:
                if isinstance(error, TakenId):
                    await attempt([used_long_ago(one)])
                    return
                aside = broken_by(one, error)
                isolated.applied.append(await self._park(transaction, [aside]))
                isolated.broken.append((aside, error))

            isolated.left.extend(await in_pieces(arrived, error, attempt, set_aside))
        return isolated

    async def _apply(self, transaction: Transaction, arrived: Sequence[Arrived]) -> Applied:
        done = Outcomes(clock.now())
        # What one command needs has its own bounds: its lines, and how long a row may be.
        most_bytes = self._most_bytes if len(arrived) > 1 else UNBOUNDED
        claim = await self._claim(transaction, arrived)
        await self._settle(transaction, claim, done, most_bytes)
        saved = await self._recall(transaction, claim, most_bytes)
        replays = await self._recall_replays(transaction, claim)
        told_twice = [(one.command, operation) for one, operation in claim.again]
        told_twice += [(command, done.operations[command.operation_id]) for command in claim.doubled]
        if entries := contradictions(told_twice):
            await transaction.audit(entries)
        events = {operation_id: list(of_one) for operation_id, of_one in saved.items()}
        for event in done.events:
            events.setdefault(event.operation_id, []).append(event)
        for command, operation in told_twice:
            done.answer_again(command, operation, events.get(operation.id, ()))
        parked = [
            parked_message(_set_aside(one), operation.finished_at)
            for one, operation in claim.again
            if operation.status == "parked" and operation.fingerprint == one.command.fingerprint
        ]

        def compose() -> list[Outgoing]:
            repeats = [event for of_one in saved.values() for event in of_one]
            return done.messages(repeats, parked) + replay_messages([*replays, *replayed(done.changes)])

        return Applied(
            compose, len(done.events), Counter(one.status for one in done.operations.values()), done.receipts
        )

    async def park(self, aside: Sequence[SetAside]) -> Applied:
        """Store that commands were set aside, answer whoever waits, and send them to `hub.dead`. May be repeated.

        Raises:
            Unavailable: as for `apply`.
        """
        async with self._store.transaction() as transaction:
            await transaction.fence(_partitions(aside))
            return await self._park(transaction, aside)

    async def _park(self, transaction: Transaction, aside: Sequence[SetAside]) -> Applied:
        done = Outcomes(clock.now())
        told = [one.operation("parked", PARKED, done.now) for one in aside]
        found = await transaction.find_operations([one.id for one in told if one is not None])
        known = {operation_id: one for operation_id, one in found.items() if one.status != "pending"}
        fresh = {one.id: one for one in told if one is not None and one.id not in known}
        if fresh:
            if reopened := [operation_id for operation_id in found if operation_id in fresh]:
                await transaction.take_back(reopened)
            await transaction.finish_operations(list(fresh.values()))
            await settle_parked_rows(
                transaction,
                [one for one, tell in zip(aside, told, strict=True) if tell is not None and tell.id in fresh],
                done.now,
            )
            origins = {tell.id: one.origin() for one, tell in zip(aside, told, strict=True) if tell is not None}
            if entries := audit_entries((operation, origins[operation.id]) for operation in fresh.values()):
                await transaction.audit(entries)
        known |= fresh
        parked = []
        for one, operation in zip(aside, told, strict=True):
            stored = None if operation is None else known[operation.id]
            # What was applied under the same id is left as it is: only its double is set aside.
            is_parked = stored is not None and stored.status == "parked"
            parked.append(parked_message(one, stored.finished_at if stored is not None and is_parked else done.now))
            if stored is not None and is_parked:
                done.reply(one.reply_to(), stored, receipt=one.receipt())
        return Applied(partial(done.messages, [], parked), statuses={"parked": len(aside)}, receipts=done.receipts)

    async def _claim(self, transaction: Transaction, arrived: Sequence[Arrived]) -> _Claim:
        """Part the new commands from those that were finished before, in this window or in another."""
        known = await transaction.find_operations([one.command.operation_id for one in arrived])
        arrived, strangers = told_apart(arrived, known)
        if strangers:
            known = {**known, **await transaction.find_operations(strangers)}
        fresh: dict[UUID, Command] = {}
        claim = _Claim([], [], [], [])
        for one in arrived:
            command = one.command
            operation = known.get(command.operation_id)
            if operation is not None and not _is_open_again(operation, command):
                claim.again.append((one, operation))
            elif command.operation_id in fresh:
                claim.doubled.append(command)
            else:
                fresh[command.operation_id] = command
                if operation is not None:
                    claim.reopened.append(operation.id)
        claim.fresh.extend(fresh.values())
        return claim

    async def _settle(self, transaction: Transaction, claim: _Claim, done: Outcomes, most_bytes: int) -> None:
        """Decide the new commands and store what comes of them."""
        commands = claim.fresh
        if not commands:
            return
        rows = dict(await transaction.load_rows(touched(commands, COMMANDS), most_bytes))
        while True:
            outcomes, missing = settle(commands, COMMANDS, rows, done.now)
            if not missing:
                break
            rows |= await transaction.load_rows(missing, most_bytes)
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                done.changes += outcome.changes
        outcomes[:] = await self._mend(transaction, outcomes, done.now)
        counts = _count_events(commands, outcomes)
        numbers = await transaction.take_numbers(counts) if counts else {}
        saving = asyncio.ensure_future(transaction.save_rows(done.changes))
        await asyncio.sleep(0)  # it is sent, and PostgreSQL works on it while the events are written
        self.storing.set()
        try:
            for index, (command, outcome) in enumerate(zip(commands, outcomes, strict=True)):
                done.finish(command, outcome, numbers)
                if done.event_bytes > most_bytes:
                    raise TooMuch(len(done.events), "events", fits=max(index, 1))
        finally:
            await saving
        if done.events:
            await transaction.append(done.events)
        await self._finish(transaction, claim, done)

    async def _mend(self, transaction: Transaction, outcomes: Sequence[Outcome], now: datetime) -> Sequence[Outcome]:
        """Mend deliveries where a decision says so; how many they were is a part of the outcome."""
        if not any(isinstance(outcome, Accepted) and outcome.mending for outcome in outcomes):
            return outcomes
        after: list[Outcome] = []
        until = clock.monotonic() + _MENDING_SECONDS
        for outcome in outcomes:
            if not isinstance(outcome, Accepted) or outcome.mending is None:
                after.append(outcome)
                continue
            is_late = clock.monotonic() > until
            if outcome.mending.is_told and is_late:
                after.append(
                    refuse("too-many-requests", "others like this one are at work; send it again in some seconds")
                )
            else:
                after.append(mended(outcome, await transaction.mend(outcome.mending, now, is_late=is_late)))
        return after

    async def _finish(self, transaction: Transaction, claim: _Claim, done: Outcomes) -> None:
        """Store the outcomes, what they reopen, and their lines of the audit log."""
        if claim.reopened:
            await transaction.take_back(claim.reopened)
        await transaction.finish_operations(list(done.operations.values()))
        if reopening := [one.operation_id for one in replayed(done.changes) if one.operation_id is not None]:
            await transaction.reopen(reopening)
        origins = {command.operation_id: command.origin for command in claim.fresh}
        if entries := audit_entries((operation, origins[operation.id]) for operation in done.operations.values()):
            await transaction.audit(entries)

    async def _recall(self, transaction: Transaction, claim: _Claim, most_bytes: int) -> dict[UUID, list[StoredEvent]]:
        """Load the events that are said again, in order of pharmacy and sequence."""
        ranges = {
            (operation.pharmacy_id, operation.first_sequence, operation.event_count)
            for _, operation in claim.again
            if operation.first_sequence is not None
        }
        saved: dict[UUID, list[StoredEvent]] = {}
        for event in await transaction.find_ranges(sorted(ranges), most_bytes) if ranges else ():
            saved.setdefault(event.operation_id, []).append(event)
        return saved

    async def _recall_replays(self, transaction: Transaction, claim: _Claim) -> list[ParkedMessage]:
        """Load the parked messages whose replay was decided before and may never have been sent."""
        wanted = {
            (one.command.pharmacy_id, Ref(ParkedMessage, "id", one.command.resource_id))
            for one, operation in claim.again
            if operation.type == "parked.replay" and operation.status == "applied"
        }
        rows = await transaction.load_rows(wanted) if wanted else {}
        return replayed(row for row in rows.values() if row is not None)


def _is_open_again(operation: Operation, command: Command) -> bool:
    """Tell a parked command that is replayed from a repeat of one that is finished, or of another request."""
    return operation.status == "pending" and operation.fingerprint in {"", command.fingerprint}


def _partitions(arrived: Iterable[Arrived | SetAside]) -> list[int]:
    return sorted({one.partition for one in arrived})


def _count_events(commands: Sequence[Command], outcomes: Sequence[Outcome]) -> dict[UUID, int]:
    counts: dict[UUID, int] = {}
    for command, outcome in zip(commands, outcomes, strict=True):
        if count := count_events(command, outcome):
            counts[command.pharmacy_id] = counts.get(command.pharmacy_id, 0) + count
    return counts


def _set_aside(one: Arrived) -> SetAside:
    return SetAside(one.envelope, b"", "it was set aside before; the log of that time says why", one.partition)
