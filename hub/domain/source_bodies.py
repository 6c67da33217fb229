"""What clients send about sources: the scheme of a third party, what the scheme needs, and what its messages mean."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import Body, Name, NotNull
from hub.domain.mapping import Mapping as Translation

Scheme = Literal["standard", "hmac", "shopify", "woocommerce", "square", "stripe", "github", "basic", "api_key"]
MAX_OVERLAP_SECONDS = 604_800
DEFAULT_OVERLAP_SECONDS = 86_400

HeaderName = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]
Pointer = Annotated[str, Field(strict=True, max_length=500, pattern=r"^(/([^~/]|~[01])*)*$")]
"""A JSON pointer (RFC 6901) into the message."""
Visible = Annotated[str, Field(strict=True, min_length=1, max_length=128, pattern=r"^[!-~]+$")]
GivenSecret = Annotated[str, Field(strict=True, min_length=8, max_length=500, pattern=r"^[ -~]+$")]
"""What a vendor shows as signing secret, key or password: printable ASCII. It never travels with the command."""


class SuccessAnswer(Body):
    """What a vendor is answered when its message was taken in, where it expects more than a 200."""

    status: Annotated[int, Field(strict=True, ge=200, le=299)] = 200
    content_type: Literal["application/json", "text/plain"] = "text/plain"
    body: Annotated[str, Field(strict=True, max_length=1000)] = ""


class SourceSettings(Body):
    """What a scheme needs beside the secret, and where a message has its id and its type.

    `hmac` reads `header` (needed), `encoding`, `prefix`, `algorithm`; `api_key` reads `header`; `basic` `username` (needed);
    `square` `notification_url`. `id_header` or `id_path` name the vendor's own id of a message, `type_header` its type, for
    `hmac`, `basic` and `api_key`. `challenge_path`: a genuine message that has a text there is answered with that text and
    not stored. `challenge_query`: a GET whose parameter `token_query` is the secret is answered with that parameter.
    """

    header: HeaderName | None = None
    encoding: Literal["hex", "base64"] | None = None
    prefix: Visible | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] | None = None
    username: Annotated[str, Field(strict=True, min_length=1, max_length=128, pattern=r"^[ -9;-~]+$")] | None = None
    notification_url: Annotated[str, Field(strict=True, max_length=2048, pattern=r"^https?://[!-~]+$")] | None = None
    id_header: HeaderName | None = None
    id_path: Pointer | None = None
    type_header: HeaderName | None = None
    challenge_path: Pointer | None = None
    challenge_query: Visible | None = None
    token_query: Visible | None = None
    answer: SuccessAnswer | None = None


_OF_ALL = frozenset({"challenge_path", "challenge_query", "token_query", "answer"})
_FREE = frozenset({"id_header", "id_path", "type_header"})
_READ: Mapping[str, frozenset[str]] = {
    "hmac": frozenset({"header", "encoding", "prefix", "algorithm"}) | _FREE,
    "api_key": frozenset({"header"}) | _FREE,
    "basic": frozenset({"username"}) | _FREE,
    "square": frozenset({"notification_url"}),
}
_NEEDED: Mapping[str, str] = {"hmac": "header", "basic": "username"}


def misfit(scheme: str, settings: SourceSettings) -> str | None:
    """Say in a sentence why these settings do not go with a scheme; None: they do.

    >>> misfit("stripe", SourceSettings(username="till"))
    'the scheme stripe does not read `username`'
    """
    named = {name for name in settings.model_fields_set if getattr(settings, name) is not None}
    unread = sorted(named - _OF_ALL - _READ.get(scheme, frozenset()))
    if unread:
        return f"the scheme {scheme} does not read {', '.join(f'`{name}`' for name in unread)}"
    needed = _NEEDED.get(scheme)
    if needed is not None and needed not in named:
        return f"the scheme {scheme} needs `{needed}`"
    if ("challenge_query" in named) != ("token_query" in named):
        return "`challenge_query` and `token_query` go together"
    return None


def _fitting(settings: SourceSettings, info: ValidationInfo) -> SourceSettings:
    if "scheme" in info.data and (fault := misfit(info.data["scheme"], settings)) is not None:
        raise PydanticCustomError("source_settings", "{fault}", {"fault": fault})
    return settings


class CreateSource(Body):
    """A third party that may send webhooks. Without `secret` one is minted and shown this once."""

    name: Name
    # The check of the settings looks at the scheme above them.
    scheme: Scheme
    settings: SourceSettings = Field(default_factory=SourceSettings, validate_default=True)
    secret: GivenSecret | None = None
    event_type_path: Pointer = "/type"
    mapping: Translation = Field(default_factory=Translation)
    enabled: Annotated[bool, Field(strict=True)] = True

    _fitting = field_validator("settings")(_fitting)


class ReplaceSource(Body):
    """All of a source but its secret; the scheme stays what it was."""

    name: Name
    scheme: Scheme
    settings: SourceSettings = Field(default_factory=SourceSettings, validate_default=True)
    event_type_path: Pointer = "/type"
    mapping: Translation = Field(default_factory=Translation)
    enabled: Annotated[bool, Field(strict=True)] = True

    _fitting = field_validator("settings")(_fitting)


class UpdateSource(Body):
    """Some of a source. `settings` and `mapping` are replaced as a whole."""

    name: NotNull[Name] = None
    settings: NotNull[SourceSettings] = None
    event_type_path: NotNull[Pointer] = None
    mapping: NotNull[Translation] = None
    enabled: NotNull[Annotated[bool, Field(strict=True)]] = None


class RotateSecret(Body):
    """A new secret: the vendor's, or a minted one. The old one is still good for so many seconds, default a day."""

    secret: GivenSecret | None = None
    overlap_seconds: Annotated[int, Field(strict=True, ge=0, le=MAX_OVERLAP_SECONDS)] = DEFAULT_OVERLAP_SECONDS


class RemoveSource(Body):
    """Take a source off the list: nothing of it is taken in any more."""
