"""Events to a subscriber over WebSocket and over SSE: the same subscription, two ways of writing it down."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Receive, Scope, Send

from gateway.answers import Answer
from gateway.auth import Caller
from gateway.problems import Refused, refused
from gateway.relay import Relay
from gateway.subscribers import BAD_AFTER, BELOW_RETENTION, FAREWELL_SECONDS, GONE, Ending, Subscriber
from gateway.subscription import BelowRetention, BeyondEnd, LiveEvent, Subscription, Types
from hub import clock
from hub.domain.ids import HUB_ID
from hub.faults import Unavailable

MESSAGE_BYTES: Final = 4096
TOO_LONG: Final = 1009
NOT_TEXT: Final = 1003
TRY_AGAIN: Final = 1013
_REASON_BYTES: Final = 123  # of a close frame, RFC 6455, section 5.5

_GONE = (WebSocketDisconnect, OSError)  # uvicorn's ClientDisconnected is an OSError
Write = Callable[[Subscription], Awaitable[None]]


def log_of(caller: Caller) -> UUID:
    """Name the pharmacy whose events a caller follows; an operator who names none follows the hub's own."""
    return HUB_ID if caller.pharmacy_id is None else caller.pharmacy_id


class SocketStream:
    """One accepted WebSocket that follows events."""

    def __init__(self, socket: WebSocket[Any, Any, Any], subscriber: Subscriber) -> None:
        """Send nothing yet."""
        self._socket = socket
        self._subscriber = subscriber

    async def follow(self, relay: Relay, after: int | None, types: Types) -> None:
        """Serve it until one side ends it."""
        try:
            async with relay.join(log_of(self._subscriber.caller), after=after, types=types) as subscription:
                ending = await _follow(self._subscriber, subscription, self._write, self._read)
        except BeyondEnd as error:
            ending = Ending(BAD_AFTER, f"after is {after}, the last sequence is {error.last_sequence}")
        except BelowRetention as error:
            ending = Ending(BELOW_RETENTION, f"the log begins at sequence {error.first_sequence}")
        except Unavailable as fault:
            ending = Ending(TRY_AGAIN, f"{fault.what} does not answer; connect again")
        if ending.code != GONE:
            await close_websocket(self._socket, ending)

    async def _frame(self, text: str) -> None:
        self._subscriber.sending_since = clock.monotonic()
        await self._socket.send({"type": "websocket.send", "text": text, "bytes": None})
        self._subscriber.sending_since = None

    async def _write(self, subscription: Subscription) -> None:
        await self._frame(f'{{"type":"ready","sequence":{subscription.joined_at}}}')
        while True:
            for event in await subscription.take():
                await self._frame(event.frame)
            if self._subscriber.is_due:
                self._subscriber.is_due = False
                await self._frame(f'{{"type":"heartbeat","sequence":{subscription.sequence}}}')

    async def _read(self) -> None:
        while True:
            message: Any = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._subscriber.end(GONE, "the client left")
                return
            text = message.get("text")
            if text is None:
                self._subscriber.end(NOT_TEXT, "this socket takes no messages")
            elif len(text) > MESSAGE_BYTES or len(text.encode()) > MESSAGE_BYTES:
                self._subscriber.end(TOO_LONG, "this socket takes no messages")


async def close_websocket(socket: WebSocket[Any, Any, Any], ending: Ending) -> None:
    """Say why, even to a client that reads again only in a while; its events are no longer kept for it."""
    reason = ending.reason.encode()[:_REASON_BYTES].decode(errors="ignore")
    with suppress(TimeoutError, *_GONE):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await socket.send({"type": "websocket.close", "code": ending.code, "reason": reason})


async def _follow(
    subscriber: Subscriber, subscription: Subscription, write: Write, read: Callable[[], Awaitable[None]]
) -> Ending:
    """Write and read until somebody ends it."""

    async def guarded(work: Awaitable[None]) -> None:
        try:
            await work
        except BelowRetention as error:
            subscriber.end(BELOW_RETENTION, f"the log begins at sequence {error.first_sequence}")
        except _GONE:
            subscriber.end(GONE, "the client left")

    subscriber.subscription = subscription
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(guarded(write(subscription)))
        reader = tasks.create_task(guarded(read()))
        ending = await subscriber.ended
        writer.cancel()
        reader.cancel()
    subscriber.subscription = None
    return ending


class EventStream(Answer):
    """Events as `text/event-stream`: `id:` is the sequence, `data:` the event's own text, no `event:`.

    So one `onmessage` of a browser's EventSource gets all of them; the type stands in the event.
    """

    __slots__ = ("_after", "_caller", "_relay", "_types")

    def __init__(self, relay: Relay, caller: Caller, after: int | None, types: Types) -> None:
        """Send nothing yet."""
        super().__init__(HTTPStatus.OK, media_type=b"text/event-stream")
        # Unlike an answer's, they name no length.
        self.raw_headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        self._relay = relay
        self._caller = caller
        self._after = after
        self._types = types

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until one side ends it.

        Raises:
            Refused: 400, 410, 429 or 503, before anything was sent.
        """
        with self._relay.subscribers.admit(self._caller) as subscriber:
            ending = await self._stream(subscriber, receive, send)
        if ending.code == GONE:
            return
        with suppress(TimeoutError, *_GONE):
            async with asyncio.timeout(FAREWELL_SECONDS):
                text = f": the stream ends ({ending.code}): {ending.reason}\n\n"
                await send({"type": "http.response.body", "body": text.encode(), "more_body": False})

    async def _stream(self, subscriber: Subscriber, receive: Receive, send: Send) -> Ending:
        async def chunk(text: str) -> None:
            subscriber.sending_since = clock.monotonic()
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            subscriber.sending_since = None

        async def write(subscription: Subscription) -> None:
            await chunk(f"retry: 1000\n: ready {subscription.joined_at}\n\n")
            while True:
                events = await subscription.take()
                if events:
                    await chunk("".join(map(_message, events)))
                if subscriber.is_due:
                    subscriber.is_due = False
                    await chunk(f": heartbeat {subscription.sequence}\n\n")

        async def read() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            subscriber.end(GONE, "the client left")

        try:
            async with self._relay.join(log_of(self._caller), after=self._after, types=self._types) as subscription:
                await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": self.raw_headers})
                return await _follow(subscriber, subscription, write, read)
        except BeyondEnd as error:
            raise beyond_end(self._after, error) from error
        except BelowRetention as error:
            raise below_retention(error) from error


def _message(event: LiveEvent) -> str:
    # The hub writes events without line breaks; a log that came from elsewhere may have some between its tokens.
    body = event.body if "\n" not in event.body else event.body.replace("\n", "\ndata: ")
    return f"id: {event.sequence}\ndata: {body}\n\n"


def beyond_end(after: int | None, error: BeyondEnd) -> Refused:
    """Refuse a position that the log has not reached (400)."""
    return refused(
        "unknown-parameter",
        f"`after` is {after}, but the last sequence is {error.last_sequence}",
        parameter="after",
        last_sequence=error.last_sequence,
    )


def below_retention(error: BelowRetention) -> Refused:
    """Refuse a position that the log has left behind (410)."""
    first = error.first_sequence
    return refused(
        "gone",
        f"the log begins at sequence {first}; read the state anew, then follow from after={first - 1}",
        first_sequence=first,
    )
