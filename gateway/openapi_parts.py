"""The parts of the OpenAPI document that many operations share: parameters, headers, problems, and tidy schemas."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from gateway.describe import LENGTH_OF_PAGE
from gateway.views import VIEWS
from hub.domain.problem import CATALOGUE
from hub.storage.paging import MAX_LIMIT, Listing, sort_words
from hub.storage.parameter_kinds import TIME_PATTERN

Json = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{model}"
PROBLEM_MEDIA: Final = "application/problem+json"
_TAG: Final = '(W/)?"[\\x21\\x23-\\x7e]*"'
_WHOLE: Final = {"type": "integer", "minimum": 1}

PARAMETERS: Final[Mapping[str, Json]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "required": False,
        "description": "Makes a repeat safe: the same key with the same request is applied once, with another it is a 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    },
    "Prefer": {
        "name": "Prefer", "in": "header", "required": False,
        "description": "`wait=5` answers with the outcome if it is there within so many seconds, at most 30 (RFC 7240); anything else is ignored.",
        "schema": {"type": "string", "examples": ["wait=5"]},
    },
    "IfMatch": {
        "name": "If-Match", "in": "header", "required": False,
        "description": "Only if the resource is at this version: its `ETag`, several by comma, or `*` (RFC 9110).",
        "schema": {"type": "string", "maxLength": 4096, "pattern": f"^(\\*|{_TAG}( *, *{_TAG})*)$", "examples": ['"3"']},
    },
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "required": False,
        "description": "The `ETag` that is known already: while it holds, the answer is 304 without a body.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "PharmacyId": {
        "name": "X-Pharmacy-Id", "in": "header", "required": False,
        "description": "The pharmacy that an operator's key acts for; a pharmacy's key may name its own only.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Limit": {
        "name": "limit", "in": "query", "required": False, "description": LENGTH_OF_PAGE,
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
    },
    "Cursor": {
        "name": "cursor", "in": "query", "required": False,
        "description": "Where the page begins: taken from `next`, good for the same list, filters and order only.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 4096, "pattern": "^[0-9A-Za-z_-]+$"},
    },
    "Count": {
        "name": "count", "in": "query", "required": False,
        "description": "Counts the whole list as well, up to 10,000; `count_capped` tells that there are more.",
        "schema": {"type": "boolean", "default": False},
    },
}  # fmt: skip

HEADERS: Final[Mapping[str, Json]] = {
    "Location": {"description": "Address of the operation (202) or of the new resource (201).", "schema": {"type": "string", "format": "uri-reference"}},
    "Operation-Id": {"description": "The operation that this write is.", "schema": {"type": "string", "format": "uuid"}},
    "Preference-Applied": {"description": "The wait that was granted.", "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"}},
    "ETag": {"description": "The resource's version, for `If-Match`.", "schema": {"type": "string", "pattern": '^"[0-9]+"$'}},
    "Link": {"description": 'The next page, `rel="next"` (RFC 8288); absent on the last one.', "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until trying again makes sense.", "schema": _WHOLE},
    "RateLimit": {"description": "What is left of the key's bucket; absent where there is no limit.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The key's bucket; absent where there is no limit.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "Accept": {"description": "The media types that are read.", "schema": {"type": "string"}},
    "Accept-Encoding": {"description": "The content encodings that are read (RFC 9110 12.5.3).", "schema": {"type": "string"}},
    "Accept-Patch": {"description": "The same, to a `PATCH` (RFC 5789).", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that there are.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "Under which the audit log has an operator's reading; absent where it has none.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "`no-store` under `/api/`: nothing of a pharmacy is kept on the way.", "schema": {"type": "string"}},
    "Content-Security-Policy": {"description": "An answer is data: a browser runs nothing of it.", "schema": {"type": "string"}},
    "Referrer-Policy": {"description": "As above.", "schema": {"const": "no-referrer"}},
    "X-Content-Type-Options": {"description": "As above.", "schema": {"const": "nosniff"}},
    "X-Frame-Options": {"description": "As above.", "schema": {"const": "DENY"}},
}  # fmt: skip

_ON_PROBLEMS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After", "Operation-Id"), 405: ("Allow",), 415: ("Accept", "Accept-Encoding", "Accept-Patch"),
}  # fmt: skip
_ALWAYS: Final = (
    *("RateLimit", "RateLimit-Policy", "X-Request-Id", "Cache-Control"),
    *("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"),
)
# An operation's 404 says when to ask again; a waited refusal names its operation.
_MAYBE: Final[Mapping[int, tuple[str, ...]]] = {
    404: ("Retry-After", "Operation-Id", "Preference-Applied"), 409: ("Operation-Id", "Preference-Applied"), 412: ("Operation-Id", "Preference-Applied"),
    422: ("Operation-Id", "Preference-Applied"),
}  # fmt: skip


class Tidy(GenerateJsonSchema):
    """Leaves out the titles that only repeat the members' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 -- pydantic's own signature
        """Say no."""
        return False


def headers_of(*names: str) -> Json:
    """Refer to headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def response(
    description: str, schema: Json | None, headers: Iterable[str] = (), media: str = "application/json"
) -> Json:
    """Describe an answer."""
    answer: Json = {"description": description, "headers": headers_of(*headers, *_ALWAYS)}
    if schema is not None:
        answer["content"] = {media: {"schema": schema}}
    return answer


def problem_components() -> Json:
    """Describe the problems of each status, once for all operations."""
    slugs: dict[int, list[str]] = {}
    for slug, kind in CATALOGUE.items():
        slugs.setdefault(kind.status, []).append(slug)
    return {
        f"Problem{status}": response(
            "; ".join(f"`{slug}`: {CATALOGUE[slug].title}" for slug in names) + ".",
            {"$ref": REFERENCE.format(model="Problem")}, (*_ON_PROBLEMS.get(status, ()), *_MAYBE.get(status, ())), PROBLEM_MEDIA,
        )
        for status, names in slugs.items()
    }  # fmt: skip


def problems(*statuses: int) -> Json:
    """Refer to the problems of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(set(statuses))}


class Schemas:
    """Collects the schemas of the document."""

    def __init__(self) -> None:
        """Begin with none."""
        self.found: dict[str, Json] = {}

    def view(self, name: str) -> Json:
        """Refer to a representation.

        Raises:
            KeyError: `gateway.views.VIEWS` has no such name.
        """
        return self._add(VIEWS[name], "serialization")

    def body(self, model: type[BaseModel]) -> Json:
        """Refer to a command's body."""
        return self._add(model, "validation")

    def with_secrets(self, view: str, secrets: Iterable[str]) -> Json:
        """Refer to a representation that shows secrets beside it."""
        names = tuple(secrets)
        base = self.view(view)
        if not names:
            return base
        model = VIEWS[view].__name__
        title = f"{model}With{''.join(part.title().replace('_', '') for part in names)}"
        if title not in self.found:
            schema = deepcopy(self.found[model])
            schema["title"] = title
            for name in names:
                shown = {"type": "string", "description": "Shown this once; keep it."}
                schema["properties"].setdefault(name, shown)
            self.found[title] = schema
        return {"$ref": REFERENCE.format(model=title)}

    def page_of(self, view: str) -> Json:
        """Refer to a page of representations."""
        title = f"{VIEWS[view].__name__}Page"
        self.found[title] = {
            "title": title, "type": "object", "additionalProperties": False, "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "maxItems": MAX_LIMIT, "items": self.view(view)},
                "next": {"type": ["string", "null"], "description": "Address of the next page; null: this is the last."},
                "count": {"type": "integer", "minimum": 0, "description": "Only with `count=true`."},
                "count_capped": {"type": "boolean", "description": "Only with `count=true`: there are more than `count`."},
            },
        }  # fmt: skip
        return {"$ref": REFERENCE.format(model=title)}

    def _add(self, model: type[BaseModel], mode: Any) -> Json:  # noqa: ANN401 -- pydantic's literal
        if model.__name__ not in self.found:
            schema = model.model_json_schema(mode=mode, ref_template=REFERENCE, schema_generator=Tidy)
            for name, inner in schema.pop("$defs", {}).items():
                exact = _exact(inner)
                assert name == "JsonValue" or self.found.setdefault(name, exact) == exact, (
                    f"two schemas are called {name}"
                )
            self.found[model.__name__] = _exact(schema)
        return {"$ref": REFERENCE.format(model=model.__name__)}


def _exact(schema: Any) -> Any:  # noqa: ANN401 -- a JSON value
    """Say what the models check but pydantic does not tell: the form of times, the bounds of free JSON."""
    if isinstance(schema, list):
        return [_exact(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _exact(part) for name, part in schema.items()}
    if schema.get("format") == "date-time" and "pattern" not in schema:
        schema["pattern"] = f"^{TIME_PATTERN}$"
    return schema


FREE_JSON: Final[Json] = {
    "description": "Any JSON: numbers within 63 bits and with at most 40 decimal places, text of at most 10,000 characters, without NUL and lone surrogates.",
    "anyOf": [
        {"type": "null"}, {"type": "boolean"}, {"type": "integer", "minimum": -(2**63) + 1, "maximum": 2**63 - 1}, {"type": "number"},
        {"type": "string", "maxLength": 10_000}, {"type": "array", "items": {"$ref": REFERENCE.format(model="JsonValue")}},
        {"type": "object", "additionalProperties": {"$ref": REFERENCE.format(model="JsonValue")}},
    ],
}  # fmt: skip


def query_parameters(listing: Listing) -> list[Json]:
    """Describe the query parameters of a list."""
    found: list[Json] = [{"$ref": f"#/components/parameters/{name}"} for name in ("Limit", "Cursor", "Count")]
    if listing.is_sortable:
        found.append({
            "name": "sort", "in": "query", "required": False, "description": "The order; `-` turns it round. The id breaks ties.",
            "schema": {"type": "string", "enum": sort_words(listing), "default": listing.default_sort},
        })  # fmt: skip
    for name, wanted in listing.filters.items():
        found.append({
            "name": name, "in": "query", "required": False, "description": wanted.help or f"`{name}` is this.",
            "schema": dict(wanted.kind.schema),
        })  # fmt: skip
    return found


def path_parameters(path_format: str, kinds: Mapping[str, Json]) -> list[Json]:
    """Describe the parameters of a path."""
    return [
        {"name": name, "in": "path", "required": True, "schema": kinds.get(name, {"type": "string"})}
        for name in re.findall(r"{(\w+)}", path_format)
    ]  # fmt: skip
