"""Sources: third parties that may send webhooks to `/hooks/<id>`, and the secrets they sign with."""

from typing import Any, Final
from uuid import UUID

import orjson
from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.accept import Secrets, Terms, accept
from gateway.answers import Answer
from gateway.auth import Caller, caller_of
from gateway.context import Gateway, gateway_of
from gateway.describe import OneRoute, PageRoute, WriteRoute
from gateway.problems import refused
from gateway.reads import read_one, read_page
from hub.domain.fields import Body
from hub.domain.problem import FieldError
from hub.domain.source_bodies import CreateSource, ReplaceSource, RotateSecret, UpdateSource
from hub.security.derive import derive
from hub.security.signatures import derive_webhook_secret, refuse_secret
from hub.security.vault import source_aad

Asked = Request[Any, Any, Any]

_CREATE: Final = WriteRoute("source.create", "source", 201, secrets=("secret",))
_REPLACE: Final = WriteRoute("source.replace", "source", 200, conditional=True)
_UPDATE: Final = WriteRoute("source.update", "source", 200, conditional=True)
_ROTATE: Final = WriteRoute("source.rotate_secret", "source", 200, secrets=("secret",), conditional=True)
_DELETE: Final = WriteRoute("source.delete", "", 204, conditional=True)
_OPT: Final = {"scope": "webhooks"}
_SECRET_BYTES: Final = 32
_OK: Final = 200


def _terms(scheme: str | None = None, *, writes: bool = False) -> Terms:
    """Say how a write of a source is taken in.

    Args:
        scheme: of the source that is there already, where this gateway knows it.
        writes: its messages become commands.
    """

    def check(_gateway: Gateway, caller: Caller, body: Body) -> None:
        mapping = body.mapping if isinstance(body, CreateSource | ReplaceSource | UpdateSource) else None
        # Whoever says what messages mean, or what they are signed with, can change stock by them.
        if (writes or (mapping is not None and mapping.writes)) and "write" not in caller.scopes:
            raise refused("forbidden", "a source whose messages become commands needs the scope 'write' as well")
        if isinstance(body, CreateSource | RotateSecret) and body.secret is not None:
            kind = body.scheme if isinstance(body, CreateSource) else scheme
            reason = refuse_secret(body.secret) if kind == "standard" else None
            if reason is not None:
                raise refused("validation", reason, FieldError("#/secret", "webhook_secret", reason))

    def mint(gateway: Gateway, seed: UUID, source_id: UUID, body: Body) -> Secrets:
        minted = {"base_url": gateway.settings.url}
        if not isinstance(body, CreateSource | RotateSecret):
            return Secrets(minted)
        kind = body.scheme if isinstance(body, CreateSource) else scheme
        secret = body.secret or _derive(gateway.secret_key, seed, kind)
        minted["secret"] = gateway.vault.encrypt_text(secret, source_aad(source_id))
        return Secrets(minted, {} if body.secret is not None else {"secret": secret})

    return Terms(check=check, mint=mint, sealed=("secret",))


def _derive(secret_key: str, seed: UUID, scheme: str | None) -> str:
    if scheme in {"standard", None}:
        return derive_webhook_secret(secret_key, seed)
    return derive(secret_key, "source-secret", seed, length=_SECRET_BYTES).hex()


async def _terms_of(request: Asked, source_id: UUID) -> Terms:
    """Say how a change of a source is taken in; one of another pharmacy is not looked at."""
    source = await gateway_of(request).sources.find(source_id, surely=True)
    if source is None or source.pharmacy_id != caller_of(request).pharmacy():
        return _terms()
    return _terms(source.scheme, writes=source.writes)


def _with_addresses(answer: Answer, base_url: str) -> Answer:
    """Make the addresses in an answer absolute; the database does not know where the hub is reached."""
    if answer.status_code != _OK or not answer.content:
        return answer
    shown = orjson.loads(answer.content)
    for source in shown.get("items", (shown,)):
        source["url"] = base_url + source["url"]
    headers = [pair for pair in answer.raw_headers if pair[0] not in {b"content-type", b"content-length"}]
    return Answer(_OK, orjson.dumps(shown), headers)


@get("/api/sources", opt={"describes": PageRoute("sources"), **_OPT})
async def list_sources(request: Asked) -> Response[Any]:
    """List the third parties that may send webhooks."""
    return _with_addresses(await read_page(request, "sources"), gateway_of(request).settings.url)


@post("/api/sources", opt={"describes": _CREATE, **_OPT})
async def create_source(request: Asked) -> Response[Any]:
    """Register a third party; without `secret` one is minted, and the answer shows it this once.

    With a `mapping` that makes commands of the messages, the key needs the scope `write` as well.
    """
    return await accept(request, _CREATE, pharmacy_id=caller_of(request).pharmacy(), terms=_terms())


@get("/api/sources/{source_id:uuid}", opt={"describes": OneRoute("source"), **_OPT})
async def show_source(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Show a source."""
    return _with_addresses(await read_one(request, "sources", source_id), gateway_of(request).settings.url)


@put("/api/sources/{source_id:uuid}", opt={"describes": _REPLACE, **_OPT})
async def replace_source(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Replace a source; its scheme and its secret stay."""
    pharmacy_id, terms = caller_of(request).pharmacy(), await _terms_of(request, source_id)
    return await accept(request, _REPLACE, pharmacy_id=pharmacy_id, target=source_id, terms=terms)


@patch("/api/sources/{source_id:uuid}", opt={"describes": _UPDATE, **_OPT})
async def update_source(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Change some of a source; `settings` and `mapping` are replaced as a whole."""
    pharmacy_id, terms = caller_of(request).pharmacy(), await _terms_of(request, source_id)
    return await accept(request, _UPDATE, pharmacy_id=pharmacy_id, target=source_id, terms=terms)


@delete("/api/sources/{source_id:uuid}", opt={"describes": _DELETE, **_OPT}, status_code=200)
async def delete_source(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Take a source off the list; its webhooks are refused within seconds."""
    pharmacy_id, terms = caller_of(request).pharmacy(), await _terms_of(request, source_id)
    return await accept(request, _DELETE, pharmacy_id=pharmacy_id, target=source_id, terms=terms)


@post("/api/sources/{source_id:uuid}/rotate-secret", opt={"describes": _ROTATE, **_OPT})
async def rotate_source_secret(request: Asked, source_id: FromPath[UUID]) -> Response[Any]:
    """Take the vendor's new secret, or mint one; the old one stays good for `overlap_seconds`, at most a week."""
    pharmacy_id, terms = caller_of(request).pharmacy(), await _terms_of(request, source_id)
    return await accept(request, _ROTATE, pharmacy_id=pharmacy_id, target=source_id, terms=terms)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_sources,
    create_source,
    show_source,
    replace_source,
    update_source,
    delete_source,
    rotate_source_secret,
)
