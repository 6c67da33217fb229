"""The OpenAPI 3.1 document: made of the routes themselves, each by what it says of itself in `opt["describes"]`.

Litestar's own generator is not used: it would document its own error shapes and bodies that it does not parse here. A
route without a description makes the document fail, so the document is never less than the gateway.
"""

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, assert_never
from uuid import UUID

import orjson
from litestar import Litestar, Request, get
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from gateway.answers import Answer
from gateway.auth import scopes_of
from gateway.describe import Description, OneRoute, OtherRoute, PageRoute, WriteRoute
from gateway.docs_pages import OPENAPI_PATH
from gateway.openapi_parts import (
    FREE_JSON,
    HEADERS,
    PARAMETERS,
    Json,
    Schemas,
    path_parameters,
    problem_components,
    problems,
    query_parameters,
    response,
)
from gateway.openapi_rules import BODY_RULES
from gateway.views import ITEMS
from hub import VERSION
from hub.domain.problem import CATALOGUE
from hub.resources import COMMANDS
from hub.storage.lists import LISTINGS

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The contract writes these without the slash at the end; the gateway takes both.
_WITHOUT_SLASH: Final = re.compile(r"/api/(.*/bulk|events/stream|operations/{[a-z_]+}|uploads/{[a-z_]+}(/errors)?)")
_TEXTS: Final[Mapping[str, Json]] = {
    "event_stream": {"type": "string", "description": "Server-Sent Events: `id` is the sequence, `data` the event."},
    "json_schema": {"type": "object", "description": "A JSON Schema (2020-12)."},
    "challenge": {"type": "string", "description": "What the vendor asked to hear again."},
    "openapi": {"type": "object", "description": "This document."},
}  # fmt: skip
_TAKEN_IN: Final = 202
_COMMON: Final = (400, 401, 403, 404, 405, 429, 500, 503)
_WRITE: Final = (409, 413, 415, 422, *_COMMON)


def openapi_document(app: Litestar) -> Json:
    """Describe every route of an application.

    Raises:
        KeyError: a route says nothing of itself, or names a command, a list or a view that is unknown.
    """
    schemas = Schemas()
    schemas.found["JsonValue"] = dict(FREE_JSON)
    operations: dict[str, Json] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method in _METHODS:
                handler = route.route_handler_map.get(method, (None,))[0]
                if handler is not None and handler.resolve_include_in_schema():
                    path = _path_of(route.path_format)
                    operations.setdefault(path, {})[method.lower()] = _operation(schemas, route, method, handler)
    schemas.view("problem")
    for name, rules in BODY_RULES.items():
        schemas.found[name] |= rules
    _link(operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pharmacy Connector Hub", "version": VERSION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag_of(path) for path in operations)],
        "paths": dict(sorted(operations.items())),
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey", "in": "header", "name": "X-API-KEY", "description": "`phk_...` of a pharmacy, `pho_...` of an operator.",
                }
            },
            "parameters": dict(PARAMETERS), "headers": dict(HEADERS), "responses": problem_components(),
            "schemas": dict(sorted(schemas.found.items())),
        },
    }  # fmt: skip


_ABOUT: Final = (
    "Every write is taken in with a 202 and applied in order, each pharmacy's own; `Prefer: wait=5` answers with the outcome instead. "
    "Money is text with two decimals, times are UTC with six digits of the second, ids are UUIDs. Paths work with and without the "
    "slash at their end. Events come over `/ws/events`, `/api/events/stream` and webhooks; see `/schemas/` for "
    "their form."
)


def _operation(schemas: Schemas, route: HTTPRoute, method: str, handler: HTTPRouteHandler) -> Json:
    described: Description = handler.opt["describes"]
    path = _path_of(route.path_format)
    is_api = path.startswith("/api/")
    summary, _, rest = inspect.cleandoc(handler.fn.__doc__ or "").partition("\n")
    parameters = path_parameters(
        route.path_format,
        {
            name: {"type": "string", "format": "uuid"}
            for name, parameter in route.path_parameters.items()
            if parameter.type is UUID
        },
    )
    if is_api:
        parameters.append(_parameter("PharmacyId"))
    match described:
        case WriteRoute():
            operation = _write(schemas, described, method)
        case PageRoute():
            operation = _page(schemas, described)
        case OneRoute():
            operation = _one(schemas, described)
        case OtherRoute():
            operation = _other(schemas, described, is_api=is_api)
        case _:
            assert_never(described)
    operation["parameters"] = [*parameters, *operation.get("parameters", [])]
    scope = f" Needs the scope `{scopes_of(handler.opt, method)}`." if is_api else ""
    return {
        "operationId": handler.fn.__name__, "summary": summary, "description": (rest.strip() + scope).strip() or summary,
        "tags": [_tag_of(path)], **({} if is_api else {"security": []}), **operation,
    }  # fmt: skip


def _write(schemas: Schemas, route: WriteRoute, method: str) -> Json:
    rule = COMMANDS[route.command]
    waited = {
        201: response(
            "It is made (with `Prefer: wait`).", schemas.with_secrets(route.view, route.secrets) if route.view else None,
            ("Location", "ETag", "Operation-Id", "Preference-Applied"),
        ),
        200: response(
            "It is changed (with `Prefer: wait`).", schemas.with_secrets(route.view, route.secrets) if route.view else None,
            ("ETag", "Operation-Id", "Preference-Applied"),
        ),
        204: response("It is done, and there is nothing to show (with `Prefer: wait`).", None, ("Operation-Id", "Preference-Applied")),
    }[route.answer]  # fmt: skip
    accepted = response(
        "It is taken in; what becomes of it shows at `Location`.", schemas.with_secrets("accepted", route.secrets),
        ("Location", "Operation-Id", "Preference-Applied"),
    )  # fmt: skip
    names = ["IdempotencyKey", "Prefer", *(["IfMatch"] if route.conditional else [])]
    operation: Json = {
        "parameters": [_parameter(name) for name in names],
        "responses": {
            "202": accepted, str(route.answer): waited,
            **problems(*_WRITE, *((412,) if route.conditional else ()), *((428,) if _may_need_condition(route) else ())),
        },
    }  # fmt: skip
    if route.takes_body:
        schema = schemas.body(rule.body)
        media = ("application/json", "application/merge-patch+json") if method == "PATCH" else ("application/json",)
        operation["requestBody"] = {"required": True, "content": {name: {"schema": schema} for name in media}}
    return operation


def _may_need_condition(route: WriteRoute) -> bool:
    return route.command in {"inventory.replace", "inventory.update"}


def _page(schemas: Schemas, route: PageRoute) -> Json:
    listing = LISTINGS[route.listing]
    return {
        "parameters": query_parameters(listing),
        "responses": {
            "200": response("A page.", schemas.page_of(ITEMS[route.listing]), ("Link",)), **problems(*_COMMON),
        },
    }  # fmt: skip


def _one(schemas: Schemas, route: OneRoute) -> Json:
    headers = ("ETag",) if route.has_etag else ()
    answers = {"200": response("It.", schemas.view(route.view), headers), **problems(*_COMMON)}
    if route.has_etag:
        answers["304"] = response("It is what `If-None-Match` names.", None, headers)
    return {"parameters": [_parameter("IfNoneMatch")] if route.has_etag else [], "responses": answers}


def _other(schemas: Schemas, route: OtherRoute, *, is_api: bool) -> Json:
    statuses = {CATALOGUE[slug].status for slug in route.problems} | (set(_COMMON) if is_api else {405, 500})
    answers = problems(*(statuses - set(route.answers)))
    for status, (view, media) in route.answers.items():
        schema = _TEXTS.get(view) or schemas.view(view)
        headers = ("Location", "Operation-Id") if status == _TAKEN_IN else ("Retry-After",)
        answers[str(status)] = response("What was asked for.", dict(schema), headers, media)
    operation: Json = {
        "parameters": [
            {
                "name": name, "in": "query", "required": False,
                **({"description": schema["description"]} if "description" in schema else {}),
                "schema": {key: value for key, value in schema.items() if key != "description"},
            }
            for name, schema in route.query.items()
        ],
        "responses": answers,
    }  # fmt: skip
    if _TAKEN_IN in route.answers:
        operation["parameters"].append(_parameter("IdempotencyKey"))
    if route.body is not None:
        content = (
            {"application/json": {"schema": schemas.body(route.body)}}
            if isinstance(route.body, type)
            else dict(route.body)
        )
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _link(operations: Mapping[str, Json]) -> None:
    """Say which operation shows, changes or ends what another one made, and that each write shows as an operation."""
    for path, methods in operations.items():
        inner = re.compile(re.escape(path.rstrip("/")) + r"/{(\w+)}(/[a-z-]+)?/?")
        kept = {name: f"$request.path.{name}" for name in re.findall(r"{(\w+)}", path)}
        for method, operation in methods.items():
            for status, pointer in (("200", ""), ("201", "/id"), ("202", "/resource/id"), ("204", "")):
                answer = operation["responses"].get(status, {})
                links: Json = {}
                if method == "post" and pointer and "content" in answer:
                    for other, targets in operations.items():
                        if (found := inner.fullmatch(other)) is not None:
                            parameters = kept | {found[1]: f"$response.body#{pointer}"}
                            links |= {name: _link_to(name, parameters) for name in _names(targets)}
                if "Operation-Id" in answer.get("headers", {}):
                    links["show_operation"] = _link_to(
                        "show_operation", {"operation_id": "$response.header.Operation-Id"}
                    )
                if links:
                    answer["links"] = links


def _names(methods: Mapping[str, Json]) -> list[str]:
    return [operation["operationId"] for operation in methods.values()]


def _link_to(name: str, parameters: Mapping[str, str]) -> Json:
    return {"operationId": name, "parameters": dict(parameters)}


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _path_of(path_format: str) -> str:
    if not path_format.startswith("/api/") or _WITHOUT_SLASH.fullmatch(path_format):
        return path_format
    return path_format + "/"


def _tag_of(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "api" else parts[0]


@lru_cache(4)
def _rendered(app: Litestar) -> bytes:
    return orjson.dumps(openapi_document(app))


@get(
    OPENAPI_PATH,
    opt={"exclude_from_auth": True, "describes": OtherRoute({200: ("openapi", "application/json")})},
)
async def show_openapi(request: Request[Any, Any, Any]) -> Answer:
    """Show this document."""
    return Answer(200, _rendered(request.app), ((b"cache-control", b"no-cache"),))


HANDLERS: Final[tuple[BaseRouteHandler, ...]] = (show_openapi,)
