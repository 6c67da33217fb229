"""The one write path: a request to a command, the command to the broker, and back the answer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request

from gateway.answers import Answer
from gateway.audited import origin_of
from gateway.auth import Caller, caller_of
from gateway.bodies import Received, receive_json
from gateway.context import Gateway, gateway_of
from gateway.describe import WriteRoute
from gateway.headers import IfMatch, WriteHeaders, parse_write_headers
from gateway.problems import problem_answer, refused, unavailable
from hub import clock
from hub.domain.audit import is_audited
from hub.domain.command import Door
from hub.domain.fields import Body, format_time
from hub.domain.fingerprint import fingerprint_of
from hub.domain.ids import HUB_ID, derived_id, operation_id_for, resource_id_for
from hub.domain.inventory import needs_condition
from hub.faults import Unavailable
from hub.messaging.replies import Reply
from hub.messaging.topology import command_queue, partition_of
from hub.resources import COMMANDS
from hub.security.derive import derive
from hub.storage.operations import resource_link

NO_BODY = b"{}"
_MISMATCH = "this Idempotency-Key was used for another request; choose a new one"


@dataclass(frozen=True, slots=True)
class Wish:
    """A command on its way out; `raw` is the client's body, byte for byte.

    Args:
        fingerprint: where the client chose the operation's id; else empty.
        minted: hashes and ciphertexts of secrets, by name.
        origin: from where, for a command that is audited; else empty.
    """

    type: str
    operation_id: UUID
    pharmacy_id: UUID
    resource_id: UUID
    raw: bytes
    accepted_at: datetime
    actor: str
    door: Door = "http"
    fingerprint: str = ""
    if_match: IfMatch = None
    minted: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""

    def dump(self, reply_to: str = "") -> bytes:
        """Write the command's envelope around the body's bytes."""
        parts = [
            f'{{"operation_id":"{self.operation_id}","pharmacy_id":"{self.pharmacy_id}","type":"{self.type}",'
            f'"resource_id":"{self.resource_id}","accepted_at":"{format_time(self.accepted_at)}","actor":"{self.actor}",'
            f'"door":"{self.door}"'.encode()
        ]
        if self.fingerprint:
            parts.append(b',"fingerprint":"%b"' % self.fingerprint.encode())
        if self.if_match is not None:
            parts.append(b',"if_match":%b' % orjson.dumps(self.if_match))
        if self.minted:
            parts.append(b',"minted":%b' % orjson.dumps(self.minted))
        if self.origin:
            parts.append(b',"origin":%b' % orjson.dumps(self.origin))
        if reply_to:
            parts.append(b',"reply_to":"%b"' % reply_to.encode())
        parts += (b',"body":', self.raw, b"}")
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets minted with a command: what travels, and what the client is shown."""

    minted: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


NO_SECRETS = Secrets()

Mint = Callable[[Gateway, UUID, UUID, Body], Secrets]
"""Makes a command's secrets of a seed, the resource's id and the body."""

Check = Callable[[Gateway, Caller, Body], None]
"""Refuses a body for a reason that its model does not know: `Refused`."""

Instead = Callable[[Request[Any, Any, Any], Body], Awaitable[Answer | None]]
"""Answers a request whose body says that nothing is to be done."""

Follow = Callable[[Request[Any, Any, Any], Body, datetime | None], Awaitable[None]]
"""Lets what is no row follow a command that ended at this time; None: it has not ended yet."""

_CONFIRM_GRACE_SECONDS: Final = 0.5
FOLLOW_SECONDS: Final = 3.0
"""How long an answer waits for the outcome of a command that something has to follow."""
FOLLOWED_SECONDS: Final = 5.5
"""After so long that has followed, or the answer is 503; a longer wait of the client's counts instead."""


async def send(gateway: Gateway, wish: Wish, wait_seconds: float = 0) -> Reply | None:
    """Publish a command and, where it is wanted, wait for its outcome.

    Args:
        wait_seconds: from now, the confirm included; 0 waits for the confirm only.
    Returns:
        the writer's reply, or None: the broker has the command, its outcome is not known yet.
    Raises:
        Refused: 503 with the operation's id; whether the command comes to pass is unknown.
    """
    partition = partition_of(wish.pharmacy_id, gateway.partitions)
    replies = gateway.replies
    try:
        if not wait_seconds or not replies.is_listening:
            await gateway.publisher.publish(partition, wish.dump())
            return None
        until = asyncio.get_running_loop().time() + wait_seconds
        # Registered before publishing, or a fast writer would answer nobody.
        with replies.wait_for(wish.operation_id) as outcome:
            await _publish_until(until + _CONFIRM_GRACE_SECONDS, gateway, partition, wish.dump(replies.queue_name))
            try:
                async with asyncio.timeout_at(until):
                    return await outcome
            except TimeoutError:
                return None
    except Unavailable as fault:
        gateway.troubles.note(fault.what)
        raise unavailable(fault, wish.operation_id) from fault


async def _publish_until(until: float, gateway: Gateway, partition: int, command: bytes) -> None:
    """Publish a command for somebody who waits no longer than that, whatever the confirm may take.

    Raises:
        Unavailable: not confirmed in time; the outcome is unknown.
    """
    try:
        async with asyncio.timeout_at(until):
            await gateway.publisher.publish(partition, command)
    except TimeoutError:
        raise Unavailable(command_queue(partition), "no confirm while the request waited") from None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is special about a write.

    Args:
        scope: whose `Idempotency-Key` it is; None: the pharmacy's.
        check: refuses what the body's model does not know of.
        instead: answers without a command, where it gives an answer: what only asks is no write.
        mint: makes secrets.
        sealed: members of the body that never travel: `mint` makes ciphertext of them. One that is null goes as it is.
        follow: called before the answer where the command was applied, or its outcome is not known in time.
    """

    scope: UUID | None = None
    check: Check | None = None
    instead: Instead | None = None
    mint: Mint | None = None
    sealed: tuple[str, ...] = ()
    follow: Follow | None = None


PLAIN = Terms()


async def accept(
    request: Request[Any, Any, Any],
    route: WriteRoute,
    *,
    pharmacy_id: UUID | None,
    target: UUID | None = None,
    terms: Terms = PLAIN,
) -> Answer:
    """Take in a write: 202, or with `Prefer: wait` its outcome.

    Args:
        pharmacy_id: in whose partition it runs; None: the new resource *is* the pharmacy.
        target: the resource that the path names; None makes a new one.
    Raises:
        Refused: the shape is wrong, the key was used otherwise, or the broker is away.
    """
    gateway = gateway_of(request)
    caller = caller_of(request)
    headers = parse_write_headers(request.scope["headers"])
    received = await _receive(request, route, headers, terms)
    raw, value, body = received.raw, received.value, received.body
    if terms.instead is not None and (answer := await terms.instead(request, body)) is not None:
        return answer
    if headers.idempotency_key is None:
        operation_id, fingerprint = clock.new_id(), ""
        resource_id = target or clock.new_id()
    else:
        operation_id = operation_id_for(terms.scope or pharmacy_id or HUB_ID, headers.idempotency_key)
        fingerprint = fingerprint_of(route.command, target, value)
        if gateway.remembered.differs(operation_id, fingerprint):
            raise refused("idempotency-mismatch", _MISMATCH, operation_id=str(operation_id))
        resource_id = target or resource_id_for(operation_id)
    owner = pharmacy_id or resource_id
    # Where the client chose the operation's id, the body seeds too: the secret of a request is shown only to its repeat,
    # never to another request under the same Idempotency-Key.
    secrets = NO_SECRETS
    if terms.mint is not None:
        seed = derived_id(operation_id, fingerprint) if fingerprint else operation_id
        secrets = terms.mint(gateway, seed, resource_id, body)
    wish = Wish(
        route.command,
        operation_id,
        owner,
        resource_id,
        raw,
        clock.now(),
        caller.actor,
        "http",
        fingerprint,
        headers.if_match if route.conditional else None,
        secrets.minted,
        origin_of(request.scope, str(operation_id)) if is_audited(caller.actor, "http", route.command) else "",
    )
    began = asyncio.get_running_loop().time()
    reply = await send(gateway, wish, max(headers.wait_seconds, FOLLOW_SECONDS if terms.follow else 0))
    is_mismatch = reply is not None and reply["mismatch"]
    if fingerprint and not is_mismatch:
        gateway.remembered.add(operation_id, fingerprint)
    if terms.follow is not None and (reply is None or (reply["status"] == "applied" and not is_mismatch)):
        ended_at = None if reply is None else datetime.fromisoformat(reply["operation"]["finished_at"])
        until = began + max(FOLLOWED_SECONDS, headers.wait_seconds + _CONFIRM_GRACE_SECONDS)
        try:
            async with asyncio.timeout_at(until):
                await terms.follow(request, body, ended_at)
        except TimeoutError:
            fault = Unavailable("rabbitmq", "what the command is about has not followed it in time; send it again")
            raise unavailable(fault, operation_id) from None
    if reply is None or not (headers.wait_seconds or is_mismatch):
        return _accepted(gateway, wish, secrets, headers.wait_seconds)
    return _outcome(route, wish, secrets, reply, headers.wait_seconds)


async def _receive(request: Request[Any, Any, Any], route: WriteRoute, headers: WriteHeaders, terms: Terms) -> Received:
    """Take in the body and check it; its secrets do not go on."""
    rule = COMMANDS[route.command]
    if not route.takes_body:
        return Received(NO_BODY, {}, rule.body())
    received = await receive_json(request, headers, rule.body)
    if needs_condition(received.body, headers.if_match):
        raise refused(
            "precondition-required", "send If-Match or expected_quantity with a quantity, or adjust by a delta"
        )
    gateway = gateway_of(request)
    if terms.check is not None:
        terms.check(gateway, caller_of(request), received.body)
    return _seal(gateway, terms.sealed, received) if terms.sealed else received


def _seal(gateway: Gateway, names: Iterable[str], received: Received) -> Received:
    """Take secrets out of a body: its bytes travel, of its value the fingerprint is made.

    In the fingerprint a secret stands as a digest that nobody can try out without the installation's key.
    """
    sent = received.value
    hidden = {name: sent[name] for name in names if sent.get(name) is not None}
    if not hidden:
        return received
    kept = {name: member for name, member in sent.items() if name not in hidden}
    key = derive(gateway.secret_key, "sealed-fingerprint")
    told = {
        name: hmac.digest(key, orjson.dumps(member, option=orjson.OPT_SORT_KEYS), sha256).hex()
        for name, member in hidden.items()
    }
    return Received(orjson.dumps(kept), kept | told, received.body)


def _accepted(gateway: Gateway, wish: Wish, secrets: Secrets, wait_seconds: int) -> Answer:
    operation = str(wish.operation_id)
    token = gateway.tokens.accepted_token(wish.operation_id, wish.pharmacy_id, clock.now())
    url = f"/api/operations/{operation}?accepted={token}"
    link = resource_link(COMMANDS[wish.type].resource, wish.pharmacy_id, wish.resource_id)
    body = (
        f'{{"operation_id":"{operation}","status":"accepted","operation_url":"{url}",'
        f'"resource":{{"type":"{link["type"]}","id":"{link["id"]}","url":"{link["url"]}"}}'
    ).encode()
    body += b"," + orjson.dumps(secrets.shown)[1:] if secrets.shown else b"}"
    headers = [(b"location", url.encode()), (b"operation-id", operation.encode())]
    if wait_seconds:
        headers.append((b"preference-applied", b"wait=%d" % wait_seconds))
    return Answer(202, body, headers)


def _outcome(route: WriteRoute, wish: Wish, secrets: Secrets, reply: Reply, wait_seconds: int) -> Answer:
    operation = str(wish.operation_id)
    told = {"operation-id": operation} | ({"preference-applied": f"wait={wait_seconds}"} if wait_seconds else {})
    if reply["mismatch"]:
        raise refused("idempotency-mismatch", _MISMATCH, operation_id=operation, headers=told)
    if reply["status"] != "applied":
        members = {**reply["problem"], "instance": f"/api/operations/{operation}", "operation_id": operation}
        return problem_answer(members, told)
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    resource: Mapping[str, Any] | None = reply.get("resource")
    if route.answer == 204 or resource is None:  # noqa: PLR2004 -- HTTP's
        return Answer(204, b"", headers)
    version = reply.get("version")
    if version is not None:
        headers.append((b"etag", b'"%d"' % version))
    if route.answer == 201:  # noqa: PLR2004 -- HTTP's
        link = resource_link(COMMANDS[wish.type].resource, wish.pharmacy_id, wish.resource_id)
        headers.append((b"location", link["url"].encode()))
    return Answer(route.answer, orjson.dumps({**resource, **secrets.shown}), headers)
