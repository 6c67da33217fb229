"""What each may touch over AMQP: the hub's answers to RabbitMQ's questions. One key opens every door.

The answers come from the cached keys, so that logins work while PostgreSQL is away. RabbitMQ keeps an `allow` for 3 s
(`auth_cache.cache_ttl`); whoever lost a right in the meantime is disconnected (`gateway.amqp_sessions`).
"""

import hmac
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog

from gateway.amqp_sessions import Sessions
from gateway.audit import AuditTrail
from gateway.keys import KeyCache
from gateway.problems import Refused
from hub.faults import Unavailable
from hub.messaging.ingress_bindings import IngressBindings
from hub.messaging.topology import INGRESS, OUT
from hub.security.derive import login_path
from hub.settings import Settings

SCOPES: Final = ("read", "write", "webhooks")
DENY: Final = "deny"
ALLOW: Final = "allow"

Form = Mapping[str, str]

log = structlog.get_logger("gateway")


class AmqpDoor:
    """Answers RabbitMQ's questions.

    Rights, and no others: log in, write to `hub.ingress` with an own routing key, read `hub.out.<own id>`. Nothing is
    ever configured, so no queue, binding or dead-lettering of a client can carry a message past these checks.
    """

    def __init__(
        self, keys: KeyCache, sessions: Sessions, settings: Settings, audit: AuditTrail, bindings: IngressBindings
    ) -> None:
        """Answer from these keys, for one virtual host."""
        self._keys = keys
        self._sessions = sessions
        self._bindings = bindings
        self._audit = audit
        self._vhost = settings.amqp_vhost
        # RabbitMQ may still be told the address of a secret that was replaced; it closes no door for good.
        secrets = (settings.secret_key.get_secret_value(), *settings.previous_secrets)
        self._paths = [login_path(secret).encode() for secret in secrets]

    def is_asked_at(self, path: str) -> bool:
        """Tell whether a path is the one that only RabbitMQ knows; in the same time for every path."""
        asked = path.encode("utf-8", "replace")
        return sum(hmac.compare_digest(asked, known) for known in self._paths) > 0  # no path ends the search early

    async def answer(self, check: str, form: Form) -> str:
        """Answer one check; whatever is not a question that the hub knows is denied."""
        user = form.get("username", "")
        match check:
            case "user":
                return await self._user(user, form.get("password", ""))
            case "vhost":
                return _allow(form.get("vhost") == self._vhost and self._is_live(user))
            case "resource":
                return _allow(self._may_touch(user, form))
            case "topic":
                return await self._topic(user, form)
            case _:
                return DENY

    async def _user(self, user: str, password: str) -> str:
        try:
            caller = await self._keys.authenticate_user(user, password)
        except Refused:
            return DENY
        if not await self._sessions.has_room(user):
            return DENY
        self._audit.note_use(caller.key_id)
        # Later checks carry no key: what this one may do travels as tags, each of a fixed set (RabbitMQ makes atoms of them).
        return " ".join([ALLOW, *(f"scope_{scope}" for scope in SCOPES if scope in caller.scopes)])

    def _is_live(self, user: str) -> bool:
        return self._sessions.is_open and bool(self._keys.keys_of(user))

    def _may_touch(self, user: str, form: Form) -> bool:
        if form.get("vhost") != self._vhost or not self._is_live(user):
            return False
        match form.get("resource"), form.get("permission"):
            case "exchange", "write":
                return form.get("name") == INGRESS and _has(form, "write")
            case "queue", "read":
                return form.get("name") == f"{OUT}.{user}" and _has(form, "read")
            case _:
                return False

    async def _topic(self, user: str, form: Form) -> str:
        """Let publish whom the routing key leads to a queue: an order that changed its way later would be none."""
        pharmacy_id = self._may_publish_for(user, form)
        if pharmacy_id is None:
            return DENY
        try:
            await self._bindings.ensure(pharmacy_id)
        except Unavailable as fault:
            log.warning("amqp.unbound", what=fault.what, detail=fault.detail)
            return DENY
        return ALLOW

    def _may_publish_for(self, user: str, form: Form) -> UUID | None:
        """Name the pharmacy that the routing key names, if this user may write for it."""
        if form.get("vhost") != self._vhost or form.get("name") != INGRESS or form.get("permission") != "write":
            return None
        if not _has(form, "write") or not self._is_live(user):
            return None
        key = form.get("routing_key", "")
        try:
            pharmacy_id = UUID(key)
        except ValueError:
            return None
        if str(pharmacy_id) != key:
            return None  # one spelling only: the routing key is what keeps a pharmacy's messages in order
        granted = self._keys.grants.get(UUID(user))
        return pharmacy_id if (key == user if granted is None else pharmacy_id in granted) else None


def _allow(is_right: bool) -> str:  # noqa: FBT001 -- the answer itself
    return ALLOW if is_right else DENY


def _has(form: Form, scope: str) -> bool:
    return f"scope_{scope}" in form.get("tags", "").replace(",", " ").split()
