"""What clients say of webhook endpoints: the members of their bodies and what each may hold."""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from hub.domain.fields import Body, FreeObject, NotNull, Text
from hub.domain.webhooks import TIMEOUT_SECONDS, Signing

MAX_OVERLAP_SECONDS = 604_800
DEFAULT_OVERLAP_SECONDS = 86_400

_TYPES = r"([a-z][a-z_]*\.[a-z][a-z_]*|[a-z_]*\*|[a-z][a-z_]*\.[a-z_]*\*)"
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}"
_VALUE = r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?"
# Hop-by-hop (RFC 9110, 7.6.1), what says where the call goes and what its body is, what a receiver believes of its proxies,
# browsers and tracing alone, and what is set by other means.
_REFUSED = re.compile(
    r"host|content-.*|webhook-.*|transfer-encoding|connection|keep-alive|proxy-.*|te|trailers?|upgrade|expect|http2-settings"
    r"|authorization|cookie2?|user-agent|accept-encoding|range|if-.*|max-forwards|date|via"
    r"|forwarded|x-forwarded-.*|x-real-ip|sec-.*|traceparent|tracestate",
    re.IGNORECASE,
)


def _free_name(value: str) -> str:
    if not re.fullmatch(_NAME, value):
        raise PydanticCustomError(
            "header_name", "a header's name is 1 to 64 ASCII letters, digits or - _ . ! # $ % & ' * + ^ ` | ~"
        )
    if _REFUSED.fullmatch(value):
        raise PydanticCustomError("header_refused", "this header is the hub's own; `auth` sets Authorization")
    return value


def _plain_value(value: str) -> str:
    if not re.fullmatch(_VALUE, value):
        raise PydanticCustomError("header_value", "a header's value is visible ASCII, without spaces at its ends")
    return value


def _no_doubles(headers: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("header_double", "two of these names are the same header")
    return headers


WebhookUrl = Annotated[str, Field(strict=True, min_length=1, max_length=2048)]
"""Checked further at the door by `hub.security.destinations`, which knows the networks of this installation."""

EventTypes = Annotated[
    list[Annotated[str, Field(strict=True, max_length=64, pattern=f"^{_TYPES}$")]], Field(min_length=1, max_length=100)
]
"""Exact types, or beginnings with a `*` at the end."""

Headers = Annotated[
    dict[
        Annotated[str, AfterValidator(_free_name)],
        Annotated[str, Field(strict=True, max_length=1000), AfterValidator(_plain_value)],
    ],
    Field(max_length=20),
    AfterValidator(_no_doubles),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {"pattern": f"^{_NAME}$"},
            "additionalProperties": {"type": "string", "maxLength": 1000, "pattern": f"^{_VALUE}$"},
        }
    ),
]
"""Sent with every call. They are shown again, so no place for secrets."""

Timeout = Annotated[int, Field(strict=True, ge=15, le=30)]
"""Seconds of one call as a whole."""

Ladder = Annotated[list[Annotated[int, Field(strict=True, ge=1, le=604_800)]], Field(min_length=1, max_length=20)]
"""Seconds to wait after the first, second, ... failure."""

Throttle = Annotated[int, Field(strict=True, ge=1, le=1000)]
"""Calls a second at most."""

Flag = Annotated[bool, Field(strict=True)]

_CREDENTIAL = Annotated[str, Field(strict=True, min_length=1, max_length=1000, pattern=r"^[\x20-\x7e]+$")]


class BasicAuth(Body):
    """`Authorization: Basic`; a user name holds no colon (RFC 7617)."""

    type: Literal["basic"]
    username: Annotated[str, Field(strict=True, min_length=1, max_length=255, pattern=r"^[\x20-\x39\x3b-\x7e]+$")]
    password: _CREDENTIAL


class BearerAuth(Body):
    """`Authorization: Bearer` (RFC 6750)."""

    type: Literal["bearer"]
    token: Annotated[str, Field(strict=True, min_length=1, max_length=1000, pattern=r"^[0-9A-Za-z._~+/-]+=*$")]


Auth = Annotated[BasicAuth | BearerAuth, Field(discriminator="type")]
"""Sent with every call, never shown again."""


class ReplaceEndpoint(Body):
    """All of an endpoint but its secret; leaving `auth` out takes it away."""

    url: WebhookUrl
    event_types: EventTypes = Field(default_factory=lambda: ["*"])
    filter: FreeObject | None = None
    description: Text = ""
    enabled: Flag = True
    ordered: Flag = False
    headers: Headers = Field(default_factory=dict)
    auth: Auth | None = None
    timeout_seconds: Timeout = TIMEOUT_SECONDS
    ladder_seconds: Ladder | None = None
    throttle_per_second: Throttle | None = None
    source_id: UUID | None = None


class CreateEndpoint(ReplaceEndpoint):
    """A URL that wants events. It is given a secret, or brings its own: `whsec_` and the base64 of 24 to 64 bytes."""

    signing: Signing = "v1"
    secret: Annotated[str, Field(strict=True, max_length=128)] | None = None


class UpdateEndpoint(Body):
    """Some of an endpoint, as JSON Merge Patch (RFC 7396): `filter` and `headers` are merged, `auth` is replaced."""

    url: NotNull[WebhookUrl] = None
    event_types: NotNull[EventTypes] = None
    filter: FreeObject | None = None
    description: NotNull[Text] = None
    enabled: NotNull[Flag] = None
    ordered: NotNull[Flag] = None
    headers: dict[str, str | None] | None = None
    auth: Auth | None = None
    timeout_seconds: NotNull[Timeout] = None
    ladder_seconds: Ladder | None = None
    throttle_per_second: Throttle | None = None
    source_id: UUID | None = None


class RemoveEndpoint(Body):
    """Take an endpoint away; what is still to be delivered to it is cancelled."""


class RotateSecret(Body):
    """A new secret. The one before signs beside it until the overlap is over; with 0 it ends at once.

    `signing` has to be named where the endpoint signs with `v1a`, or where that is to change.
    """

    overlap_seconds: Annotated[int, Field(strict=True, ge=0, le=MAX_OVERLAP_SECONDS)] = DEFAULT_OVERLAP_SECONDS
    signing: NotNull[Signing] = None
    secret: Annotated[str, Field(strict=True, max_length=128)] | None = None


class SendTest(Body):
    """Send a test event to this endpoint alone, whatever types it wants."""
