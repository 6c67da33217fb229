"""Calls: every endpoint's lane in this process, and the attempts that are under way."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from itertools import islice
from random import SystemRandom
from typing import Final
from uuid import UUID

import structlog

from consumers.calling import digest_of, prepare
from consumers.figures import Figures
from consumers.held import Held, Known, size_of
from consumers.http_client import AttemptResult, DeliveryClient, attempt
from consumers.lanes import STALL_SECONDS, Lane, Slots
from consumers.processing import CommandSender
from consumers.pulse import Pulse
from consumers.settling import Carrier, Item, Settling, state_after
from hub import clock
from hub.domain.webhook_health import DISABLED, Health
from hub.domain.webhooks import AttemptResult as Outcome
from hub.domain.webhooks import next_step
from hub.security.vault import Vault
from hub.settings import Settings
from hub.storage.database import Database
from hub.storage.deliveries import Attempted, CalledEndpoint, Head

CALLS_TO_A_HOST: Final = 64
CALLS: Final = 512
"""Calls at once of this process: more would find no file descriptor on a machine as it comes."""
_RESERVE: Final = 8  # sixteen slow endpoints leave 170 of 512 calls to the others, a hundred 40
_RESERVE_AT_A_HOST: Final = 1  # alone there, an endpoint has its 32 of 64

_STALL_SECONDS = 1.0
_TURNS = 4
_IDLE_LANES = 2000
_CHANCE = SystemRandom()  # of its own: the shared generator is everybody's, and its state is watched in tests

log = structlog.get_logger("deliver")


class Calls:
    """Makes the calls; no endpoint and no host gets more than its share of this process."""

    def __init__(
        self,
        database: Database,
        client: DeliveryClient,
        settings: Settings,
        sender: CommandSender,
        figures: Figures,
        writing: Pulse,
    ) -> None:
        """Put the parts together; `writing` shows that attempts become rows."""
        self._client = client
        self._settings = settings
        self._figures = figures
        self._tasks: asyncio.TaskGroup | None = None
        self._vault = Vault(settings.secret_key.get_secret_value(), settings.previous_secrets)
        self._known: dict[UUID, Known] = {}
        self._health: dict[UUID, Health] = {}
        self._hosts: defaultdict[str, Slots] = defaultdict(lambda: Slots(CALLS_TO_A_HOST, _RESERVE_AT_A_HOST))
        self._all = Slots(CALLS, _RESERVE)
        self._starved: dict[UUID, Known] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.in_flight: set[UUID] = set()
        """Deliveries in this process, until what became of them is committed."""
        self.wake_dispatcher: Callable[[], None] = lambda: None
        self.settling = Settling(
            database,
            sender,
            timedelta(hours=settings.webhooks_disable_after_hours),
            self._health,
            self.in_flight.discard,
            self.set_heads,
            self.is_ordered,
            writing,
        )

    def begin(self, tasks: asyncio.TaskGroup) -> "asyncio.Task[None]":
        """Let calls be made; `tasks` owns them. What is handed back ends when all is written."""
        self._tasks = tasks
        return tasks.create_task(self.settling.run(), name="deliver: attempts to rows")

    async def drain(self) -> None:
        """Begin no other call, and wait for those under way. What waits is not acked: the next process gets it."""
        self._is_closing = True
        if self._attempts:
            await asyncio.wait(self._attempts)
        self.settling.close()

    def room(self, endpoint_id: UUID) -> int:
        """Say how many more deliveries of an endpoint would be taken up now."""
        lane, now = self.of(endpoint_id).lane, clock.monotonic()
        # One that is shut here and open by its row was edited: a delivery brings its new state.
        return lane.room(now) or int(now < lane.held_until)

    def note_end_of_backlog(self, endpoint_ids: Collection[UUID]) -> None:
        """Take new deliveries of these endpoints straight in again: the schedule holds no older ones."""
        for endpoint_id in endpoint_ids:
            self.of(endpoint_id).lane.has_backlog = False

    def of(self, endpoint_id: UUID) -> Known:
        """Give an endpoint's lane, a new one where there is none."""
        known = self._known.get(endpoint_id)
        if known is None:
            if len(self._known) > _IDLE_LANES:
                self._forget()
            known = self._known[endpoint_id] = Known(Lane(endpoint_id))
        return known

    def _forget(self) -> None:
        """Drop what is idle and well; the rows tell the rest when it is needed again."""
        for endpoint_id, known in list(self._known.items()):
            lane = known.lane
            is_well = self._health.get(endpoint_id, Health()).failing_since is None
            if (
                is_well
                and lane.is_idle
                and not lane.failures
                and not lane.has_backlog
                and lane.held_until <= clock.monotonic()
            ):
                del self._known[endpoint_id]
                self._health.pop(endpoint_id, None)

    def configure(self, endpoint: CalledEndpoint) -> None:
        """Take in an endpoint as it is now; one that was changed gets a fresh start."""
        known = self.of(endpoint.id)
        lane = known.lane
        digest = digest_of(endpoint)
        if digest == known.digest:
            known.endpoint = endpoint
        else:
            known.calling = prepare(
                endpoint,
                self._vault,
                self._settings.webhooks_allow_networks,
                self._settings.webhooks_timeout_seconds,
            )
            if known.endpoint is not None:
                lane.reopen()
            known.digest, known.endpoint = digest, endpoint
            health = endpoint.health
            self._health[endpoint.id] = Health() if health.warned_percent >= DISABLED and endpoint.is_open else health
            if health.open_until is not None:
                lane.hold(clock.monotonic() + (health.open_until - clock.now()).total_seconds())
            lane.host = known.calling.host
        lane.keep_order(endpoint.ordered)
        lane.spacing = 1 / endpoint.throttle_per_second if endpoint.throttle_per_second else 0.0
        lane.ladder = endpoint.ladder_seconds or self._settings.webhooks_ladder_seconds

    def send_back(self, delivery_id: UUID, lane: Lane[Held], carrier: Carrier, until: datetime | None = None) -> None:
        """Put a delivery back into the schedule: until its lane is open again, or for as soon as there is room."""
        if until is None:
            until = self._open_until(lane) or clock.now()
        lane.has_backlog = True
        self.settling.put(Item(delivery_id, lane.endpoint_id, carrier, until=until))

    def _open_until(self, lane: Lane[Held]) -> datetime | None:
        seconds = lane.held_until - clock.monotonic()
        return clock.now() + timedelta(seconds=seconds) if seconds > 0 else None

    def is_ordered(self, endpoint_id: UUID) -> bool:
        """Tell whether an endpoint gets one event after the other."""
        known = self._known.get(endpoint_id)
        return known is not None and known.lane.ordered

    def set_heads(self, endpoint_ids: Sequence[UUID], heads: Sequence[Head]) -> None:
        """Learn what is next at ordered endpoints. What cannot follow in this process soon goes back to the schedule."""
        by_endpoint = {head.endpoint_id: head for head in heads}
        for endpoint_id in endpoint_ids:
            known = self.of(endpoint_id)
            lane, head = known.lane, by_endpoint.get(endpoint_id)
            lane.head = None if head is None else head.sequence
            if lane.running:
                continue
            now = clock.now()
            for work in lane.drop_settled(size_of):
                # Sent again meanwhile, it is to be found in the schedule.
                self.settling.put(Item(work.due.id, endpoint_id, work.carrier, until=now))
            if head is None or not lane.waiting:
                continue
            if lane.waiting[0].sequence != head.sequence and head.delivery_id not in self.in_flight:
                waits = head.is_repeated and head.next_attempt_at is not None and head.next_attempt_at > now
                until = head.next_attempt_at if waits else now + timedelta(seconds=_STALL_SECONDS)
                for work in lane.clear():
                    self.send_back(work.due.id, lane, work.carrier, until)
                if not waits:
                    self.settling.put(Item(head.delivery_id, endpoint_id, None, until=now))
            self.pump(known)

    def pump(self, known: Known) -> None:
        """Begin as many calls as the lane, its host and this process have room for."""
        lane = known.lane
        while self._tasks is not None and not self._is_closing:
            delay = lane.wait(clock.monotonic())
            if delay is None:
                return
            if delay > 0:
                if known.timer is None:
                    known.timer = asyncio.get_running_loop().call_later(delay, self._fire, known)
                return
            host = self._hosts[lane.host]
            if not host.has_room(lane.running) or not self._all.has_room(lane.running):
                self._starved[lane.endpoint_id] = known
                return
            work = lane.begin(clock.monotonic(), size_of)
            self._watch(known)
            host.taken += 1
            self._all.taken += 1
            task = self._tasks.create_task(self._attempt(known, work, host))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    def _fire(self, known: Known) -> None:
        known.timer = None
        self.pump(known)

    def _watch(self, known: Known) -> None:
        """Look after an endpoint for as long as it is called: one that stalls keeps little here."""
        if known.watch is None and known.lane.running:
            known.watch = asyncio.get_running_loop().call_later(STALL_SECONDS / 2, self._look_at, known)

    def _look_at(self, known: Known) -> None:
        known.watch = None
        if not self._is_closing:
            for work in known.lane.stall(clock.monotonic(), size_of):
                self.send_back(work.due.id, known.lane, work.carrier)
            self._watch(known)

    async def _attempt(self, known: Known, work: Held, host: Slots) -> None:
        due, lane, calling, endpoint = work.due, known.lane, known.calling, known.endpoint
        assert calling is not None
        assert endpoint is not None
        at = clock.now()
        shown = "{}"
        seen = AttemptResult(None, "request", 0, detail=calling.fault or "")
        try:
            if calling.fault is None:
                headers, shown = calling.sign(str(due.event_id), at, due.body)
                seen = await attempt(self._client, calling.url, due.body, headers, calling.timeout_seconds)
        finally:
            lane.end(clock.monotonic(), seen.duration_ms / 1000, seen.status_code, seen.retry_after_seconds)
            host.taken -= 1
            self._all.taken -= 1
        number = due.attempts + 1
        step = next_step(
            number - due.round_start,
            Outcome(seen.status_code, seen.error, seen.retry_after_seconds),
            lane.ladder,
            _CHANCE.uniform(-1, 1),
        )
        status, next_attempt_at = state_after(step)
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
        attempted = Attempted(
            clock.new_id(),
            due,
            at,
            seen.address,
            shown,
            seen.status_code,
            None if seen.error is None else seen.detail or seen.error,
            seen.error,
            seen.duration_ms,
            seen.response_body,
            status,
            next_attempt_at,
        )
        open_until = self._open_until(lane)
        self.settling.put(Item(due.id, due.endpoint_id, work.carrier, attempted, open_until=open_until))
        self._go_on(known, open_until)

    def _go_on(self, known: Known, open_until: datetime | None) -> None:
        """After a call: the lane's next one, or all that wait go back; then whoever found no free slot."""
        lane = known.lane
        if open_until is not None and not self._is_closing:
            for work in lane.clear():
                self.send_back(work.due.id, lane, work.carrier, open_until)
        # Whoever has none comes before the one that has just had its turn: that would take the place again, and again.
        for endpoint_id in list(islice((one for one, it in self._starved.items() if self._is_next(it)), _TURNS)):
            self.pump(self._starved.pop(endpoint_id))
        self.pump(known)
        for endpoint_id in list(self._starved)[:_TURNS]:
            self.pump(self._starved.pop(endpoint_id))
        if lane.has_backlog and lane.room(clock.monotonic()) >= len(lane.waiting):
            self.wake_dispatcher()  # at half, so that the next come before the last have gone

    def _is_next(self, starved: Known) -> bool:
        lane = starved.lane
        return not lane.running and self._hosts[lane.host].has_room(0)
