"""Incoming webhooks become commands: read, translated, sent, and marked as processed once all of it is settled."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog

from consumers.holding import Hold
from consumers.isolating import is_misfit
from consumers.processing import OwnCommand
from consumers.webhook_steps import ROUNDS, Received, Work, add_step, articles_of, open_round, read_event, settled
from consumers.window import Window, acknowledge
from hub import clock
from hub.domain.adapters.wish import Untranslatable, Wish
from hub.domain.ids import derived_id
from hub.domain.mapping import Mapping
from hub.domain.translation import translate
from hub.faults import Unavailable
from hub.messaging.bulk_publisher import BulkPublisher, Outgoing
from hub.storage.database import Database
from hub.storage.translating import Ended, find_ends, find_items, find_mappings

MESSAGES = 200
_BYTES = 4 * 1_048_576
_TOGETHER_BYTES = 1_048_576
_FIRST_LOOK_SECONDS = 0.02
_LAST_LOOK_SECONDS = 0.5

log = structlog.get_logger("translate")


class Translator:
    """Works on received webhooks, a window at a time, in the order of their events."""

    def __init__(self, window: Window, database: Database, publisher: BulkPublisher, partitions: int) -> None:
        """Put the parts together; nothing runs before `run`."""
        self._window = window
        self._hold = Hold(window.pulse, log, "translate.held")
        self._database = database
        self._publisher = publisher
        self._partitions = partitions
        self._closing = False

    def close(self) -> None:
        """Take no more; what is not settled yet is left to the next process."""
        self._closing = True
        self._window.close()

    async def run(self) -> None:
        """Work until closed."""
        while deliveries := await self._window.take(MESSAGES, _BYTES):
            received = [one for delivery in deliveries if (one := read_event(delivery.body)) is not None]
            if await self._hold(partial(self._settle, received), webhooks=len(received)):
                await acknowledge(deliveries)

    async def _settle(self, received: Sequence[Received]) -> bool:
        """Work on a window; False: the process is closing, and the broker delivers it again."""
        if self._closing:
            return False
        work = await self._plan(received)
        await self._send(one.command(step) for one in work for step in one.steps)
        ends = await self._wait([step.operation_id for one in work for step in one.steps])
        if ends is None:
            return False
        await self._send(settled(one, ends) for one in work)
        return True

    async def _plan(self, received: Sequence[Received]) -> list[Work]:
        """Say what every webhook becomes; one on which the hub breaks says so, and stops nobody."""
        try:
            return await self._plan_together(received)
        except Unavailable:
            raise
        except Exception as error:
            if is_misfit(error):
                raise
            if len(received) > 1:
                return [await self._plan_alone(one) for one in received]
            return [_broken(received[0], error)]

    async def _plan_alone(self, one: Received) -> Work:
        self._window.pulse.beat()
        (work,) = await self._plan([one])
        return work

    async def _plan_together(self, received: Sequence[Received]) -> list[Work]:
        async with self._database.connection() as connection:
            stored = await find_mappings(connection, {one.source_id for one in received if one.source_id is not None})
            mappings = {source_id: Mapping.model_validate(mapping) for source_id, mapping in stored.items()}
            works: list[tuple[Work, list[Wish], Mapping]] = []
            for one in received:
                work, wishes = Work(one), []
                mapping = mappings.get(one.source_id) if one.source_id is not None else None
                if mapping is not None and mapping.writes:
                    try:
                        wishes = translate(str(one.source_id), mapping, one.event_type, one.payload)
                    except Untranslatable as reason:
                        work.faults.append(str(reason))
                works.append((work, wishes, mapping or Mapping()))
            asked = [
                (work.received.pharmacy_id, article)
                for work, wishes, mapping in works
                for wish in wishes
                for article in articles_of(wish, mapping)
                if article is not None
            ]
            items = await find_items(connection, asked)
        for work, wishes, mapping in works:
            for wish in wishes:
                add_step(work, wish, mapping, items)
        return await self._with_rounds([work for work, _, _ in works])

    async def _with_rounds(self, works: list[Work]) -> list[Work]:
        """Give what was refused in an earlier round the id of the next one."""
        rounds = {
            derived_id(step.operation_id, "round", number): None
            for work in works
            for step in work.steps
            for number in range(1, ROUNDS)
        }
        first = [step.operation_id for work in works for step in work.steps]
        async with self._database.connection() as connection:
            ends = await find_ends(connection, first)
            if any(end.status == "rejected" for end in ends.values()):
                ends |= await find_ends(connection, list(rounds))
        for work in works:
            work.steps = [replace(step, operation_id=open_round(step.operation_id, ends)) for step in work.steps]
        return works

    async def _send(self, commands: Iterable[OwnCommand]) -> None:
        now = clock.now()
        messages: list[Outgoing] = []
        size = 0
        for command in commands:
            messages.append(command.message(now, self._partitions))
            size += len(messages[-1].body)
            if size > _TOGETHER_BYTES:  # as many as are confirmed in time
                await self._publisher.publish(messages)
                messages, size = [], 0
        await self._publisher.publish(messages)

    async def _wait(self, operation_ids: Sequence[UUID]) -> dict[UUID, Ended] | None:
        """Wait until every operation ended; None: the process is closing."""
        ends: dict[UUID, Ended] = {}
        seconds = _FIRST_LOOK_SECONDS
        while missing := set(operation_ids) - set(ends):
            if self._closing:
                return None
            async with self._database.connection() as connection:
                ends |= await find_ends(connection, missing)
            if len(ends) < len(set(operation_ids)):
                await asyncio.sleep(seconds)
                seconds = min(seconds * 2, _LAST_LOOK_SECONDS)
                self._window.pulse.beat()
        return ends


def _broken(one: Received, error: Exception) -> Work:
    """Set aside a webhook on which the hub breaks; its sentence names the class only: the text may be the vendor's."""
    log.error(
        "translate.broken",
        exc_info=error,
        webhook_event_id=str(one.webhook_id),
        pharmacy_id=str(one.pharmacy_id),
        source_id=str(one.source_id),
    )
    return Work(one, faults=[f"the hub failed to translate it: {type(error).__name__}"])
