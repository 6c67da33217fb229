"""Tickets for browsers, which cannot send a key when they open a WebSocket: sealed, 30 s, one use, bound to an Origin."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.auth import Caller
from gateway.keys import KeyCache
from gateway.problems import refused, unauthorized
from hub import clock
from hub.domain.fields import format_time
from hub.security.tokens import Tokens

TICKET_LIFE: Final = timedelta(seconds=30)
_PURPOSE: Final = "socket-ticket"
_ORIGIN_LENGTH: Final = 512


class Tickets:
    """Makes tickets, and takes each of them once in this process."""

    def __init__(self, tokens: Tokens, keys: KeyCache) -> None:
        """Remember no ticket yet."""
        self._tokens = tokens
        self._keys = keys
        self._spent: dict[str, datetime] = {}

    def issue(self, caller: Caller, origin: str) -> tuple[str, datetime]:
        """Make a ticket that stands for this caller, from this `Origin` (empty: no browser) only.

        Returns:
            the ticket, URL-safe, and the time from which it is no good.
        """
        if len(origin) > _ORIGIN_LENGTH:
            raise refused("malformed", f"the header Origin has at most {_ORIGIN_LENGTH} characters")
        expires_at = clock.now() + TICKET_LIFE
        value = {
            "id": str(clock.new_id()),
            "kind": caller.kind,
            "key": str(caller.key_id),
            "pharmacy": None if caller.pharmacy_id is None else str(caller.pharmacy_id),
            "scopes": sorted(caller.scopes),
            "actor": caller.actor,
            "until": None if caller.expires_at is None else format_time(caller.expires_at),
            "origin": origin,
        }
        return self._tokens.seal(value, _PURPOSE, expires_at), expires_at

    def redeem(self, ticket: str, origin: str) -> Caller:
        """Name the caller of a ticket; it is good for this one time.

        Raises:
            Refused: 401: not ours, expired, spent, of another Origin, or its key has ended.
        """
        now = clock.now()
        value = self._tokens.unseal(ticket, _PURPOSE, now)
        if not isinstance(value, dict) or value["id"] in self._spent or value["origin"] != origin:
            raise unauthorized()
        self._forget(now)
        self._spent[value["id"]] = now + TICKET_LIFE
        until = value["until"]
        caller = Caller(
            value["kind"],
            UUID(value["key"]),
            None if value["pharmacy"] is None else UUID(value["pharmacy"]),
            frozenset(value["scopes"]),
            value["actor"],
            None if until is None else datetime.fromisoformat(until),
        )
        if not self._keys.is_active(caller.key_id):
            raise unauthorized()
        return caller

    def _forget(self, now: datetime) -> None:
        # Kept in the order of spending: the first that could still be shown again ends the search.
        while self._spent:
            name, until = next(iter(self._spent.items()))
            if until > now:
                return
            del self._spent[name]
