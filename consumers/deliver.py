"""Deliveries: the event's bytes, signed, to the endpoint's URL; the outcome written back; the next attempt scheduled."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import structlog

from consumers.fanout import deliver_message
from consumers.figures import Figures
from consumers.http_client import AttemptResult, attempt
from consumers.pausing import Pause
from consumers.pulse import Pulse
from consumers.window import Delivery, Window
from hub import clock
from hub.domain.webhooks import AttemptResult as Outcome
from hub.domain.webhooks import Delivered, Exhausted, RetryIn, next_step
from hub.faults import HubFault, Unavailable
from hub.messaging.bulk_publisher import BulkPublisher
from hub.security.signatures import sign
from hub.security.vault import Vault, endpoint_aad
from hub.settings import Settings
from hub.storage.database import Database
from hub.storage.webhooks import Attempted, DueDelivery, claim_due, load_due, postpone, save_attempts, skip

ENDPOINT_CONCURRENCY = 32
"""Calls to one endpoint at a time: more wait in the schedule, not in a queue that others share."""

_BUSY_SECONDS = 1.0
_BATCH = 256
_BATCH_BYTES = 1_048_576
_DISPATCH_SECONDS = 0.5
_DISPATCH_ROWS = 500

log = structlog.get_logger("deliver")


class Deliverer:
    """Attempts deliveries, many at a time; no endpoint holds more than its share."""

    def __init__(
        self,
        window: Window,
        database: Database,
        client: httpx.AsyncClient,
        settings: Settings,
        tasks: asyncio.TaskGroup,
        figures: Figures | None = None,
        writing: Pulse | None = None,
    ) -> None:
        """Put the parts together; `tasks` owns the attempts, `writing` shows that they become rows."""
        self._figures = figures or Figures()
        self._writing = writing or Pulse("attempts to rows")
        self._window = window
        self._database = database
        self._client = client
        self._settings = settings
        self._tasks = tasks
        self._vault = Vault(settings.secret_key.get_secret_value(), settings.previous_secrets)
        self._running: dict[UUID, int] = defaultdict(int)
        self._in_flight: set[UUID] = set()
        self._finished: asyncio.Queue[tuple[Attempted, Delivery] | None] = asyncio.Queue(maxsize=4 * _BATCH)

    async def run(self) -> None:
        """Work until the window is closed and every attempt is written back."""
        writer = self._tasks.create_task(self._write_back(), name="deliver: attempts to rows")
        attempts: set[asyncio.Task[None]] = set()
        while messages := await self._window.take(_BATCH, _BATCH_BYTES):
            for due, message in await self._take_up(messages):
                task = self._tasks.create_task(self._attempt(due, message), name=f"delivery {due.id}")
                attempts.add(task)
                task.add_done_callback(attempts.discard)
        if attempts:
            await asyncio.wait(attempts)
        await self._finished.put(None)
        await writer

    async def _take_up(self, messages: Sequence[Delivery]) -> list[tuple[DueDelivery, Delivery]]:
        """Load what the messages ask for; ack at once what is settled, in hand, or has to wait its turn."""
        by_id: dict[UUID, Delivery] = {}
        done: list[Delivery] = []
        for message in messages:
            try:
                delivery_id = UUID(message.body.decode())
            except ValueError:
                done.append(message)  # not ours: nothing else publishes here
                continue
            if delivery_id in by_id or delivery_id in self._in_flight:
                done.append(message)
            else:
                by_id[delivery_id] = message
        loaded = {due.id: due for due in await self._load(list(by_id))}
        begun: list[tuple[DueDelivery, Delivery]] = []
        busy: list[UUID] = []
        closed: list[UUID] = []
        for delivery_id, message in by_id.items():
            due = loaded.get(delivery_id)
            if due is None or due.status != "pending":
                done.append(message)
            elif not due.is_open:
                closed.append(delivery_id)
                done.append(message)
            elif self._running[due.endpoint_id] >= ENDPOINT_CONCURRENCY:
                busy.append(delivery_id)
                done.append(message)
            else:
                self._running[due.endpoint_id] += 1
                self._in_flight.add(delivery_id)
                begun.append((due, message))
        await self._put_off(busy, closed)
        for message in done:
            await _ack(message)
        return begun

    async def _load(self, ids: list[UUID]) -> list[DueDelivery]:
        pause = Pause(self._window.pulse)
        while ids:
            try:
                async with self._database.connection() as connection:
                    return await load_due(connection, ids)
            except Unavailable as fault:
                log.warning("deliver.held", what=fault.what, detail=fault.detail)
                await pause.wait()
        return []

    async def _put_off(self, busy: list[UUID], closed: list[UUID]) -> None:
        pause = Pause(self._window.pulse)
        while busy or closed:
            now = clock.now()
            try:
                async with self._database.transaction() as connection:
                    await postpone(connection, busy, now + timedelta(seconds=_BUSY_SECONDS))
                    await skip(connection, closed, now)
            except Unavailable:
                await pause.wait()
            else:
                return

    async def _attempt(self, due: DueDelivery, message: Delivery) -> None:
        at = clock.now()
        body = due.body.encode()
        try:
            secret = self._vault.decrypt_text(due.secret, endpoint_aad(due.endpoint_id))
            headers = sign(str(due.event_id), at, body, [secret]) | {
                "content-type": "application/cloudevents+json",
                "user-agent": "pharmacy-connector-hub",
            }
            seen = await attempt(self._client, due.url, body, headers, self._settings.webhooks_timeout_seconds)
        except HubFault as fault:
            seen = AttemptResult(None, "protocol", 0, str(fault))
        finally:
            self._running[due.endpoint_id] -= 1
        number = due.attempts + 1
        step = next_step(
            number,
            Outcome(seen.status_code, seen.error, seen.retry_after_seconds),
            self._settings.webhooks_ladder_seconds,
            random.uniform(-1, 1),  # noqa: S311 -- spreads retries, guards nothing
        )
        status, next_attempt_at = _after(step)
        self._figures.note_attempt("retry" if status == "pending" else status, seen.duration_ms / 1000)
        log.info(
            "delivery.attempted",
            delivery_id=str(due.id),
            endpoint_id=str(due.endpoint_id),
            attempt=number,
            status=seen.status_code,
            error=seen.error,
            ms=seen.duration_ms,
            next_step=type(step).__name__,
        )
        await self._finished.put(
            (
                Attempted(
                    clock.new_id(),
                    due,
                    at,
                    seen.status_code,
                    seen.error,
                    seen.duration_ms,
                    seen.response_body.replace("\x00", "\ufffd"),
                    status,
                    next_attempt_at,
                ),
                message,
            )
        )

    async def _write_back(self) -> None:
        """Write finished attempts in batches, then ack their messages."""
        more = True
        while more:
            self._writing.rest()
            batch = [await self._finished.get()]
            self._writing.beat()
            while not self._finished.empty():
                batch.append(self._finished.get_nowait())
            done = [item for item in batch if item is not None]
            more = len(done) == len(batch)
            pause = Pause(self._writing)
            while done:
                try:
                    async with self._database.transaction() as connection:
                        await save_attempts(connection, [attempted for attempted, _ in done])
                except Unavailable as fault:
                    log.warning("deliver.held", what=fault.what, detail=fault.detail, attempts=len(done))
                    await pause.wait()
                else:
                    break
            for attempted, message in done:
                self._in_flight.discard(attempted.delivery.id)
                await _ack(message)


class Dispatcher:
    """Hands out what is due: the schedule is in Postgres, the work goes through the broker."""

    def __init__(self, database: Database, publisher: BulkPublisher) -> None:
        """Put the parts together."""
        self._database = database
        self._publisher = publisher
        self._closed = asyncio.Event()
        self.pulse = Pulse("dispatcher")

    def close(self) -> None:
        """Hand out no more."""
        self._closed.set()

    async def run(self) -> None:
        """Look twice a second; a full hand is followed by the next at once."""
        while not self._closed.is_set():
            self.pulse.beat()
            try:
                async with self._database.transaction() as connection:
                    due = await claim_due(connection, clock.now(), _DISPATCH_ROWS)
                # A crash or a lost confirm here costs one lease, no delivery.
                await self._publisher.publish(
                    [deliver_message(delivery_id, endpoint_id) for delivery_id, endpoint_id in due]
                )
            except Unavailable as fault:
                log.warning("dispatcher.held", what=fault.what, detail=fault.detail)
                due = []
            if len(due) < _DISPATCH_ROWS:
                try:
                    async with asyncio.timeout(_DISPATCH_SECONDS):
                        await self._closed.wait()
                except TimeoutError:
                    continue


def _after(step: Delivered | RetryIn | Exhausted) -> tuple[str, datetime | None]:
    match step:
        case Delivered():
            return "delivered", None
        case RetryIn(seconds):
            return "pending", clock.now() + timedelta(seconds=seconds)
        case Exhausted():
            return "exhausted", None


async def _ack(message: Delivery) -> None:
    if not message.channel.is_closed:
        await message.channel.basic_ack(message.tag, wait=False)
