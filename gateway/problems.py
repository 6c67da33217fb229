"""Anything that goes wrong with a request, as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
import structlog
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Scope

from gateway.answers import PROBLEM, Answer
from hub import clock
from hub.domain.problem import CATALOGUE, FieldError, Problem
from hub.faults import Unavailable

log = structlog.get_logger("gateway")

_SLUGS: Mapping[int, str] = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    422: "validation",
    429: "too-many-requests",
    431: "headers-too-large",
    503: "unavailable",
}
_DETAILS: Mapping[int, str] = {
    400: "the request cannot be read",
    404: "there is no such route; the routes are listed at /schema/openapi.json",
    405: "this route has no such method; `Allow` names those it has",
    413: "the body is larger than this route takes",
}


class Refused(Exception):
    """The door says no; the caller gets this problem.

    Args:
        problem: of the catalogue.
        headers: further headers of the answer, names in lower case.
    """

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


def refused(
    slug: str, detail: str, *errors: FieldError, headers: Mapping[str, str] | None = None, **extra: object
) -> Refused:
    """Make the refusal of a type of the catalogue; raise what it returns."""
    return Refused(Problem(slug, detail, errors, extra), headers)


def unauthorized() -> Refused:
    """Make the one answer to a missing, wrong, expired or revoked key: nobody learns which."""
    problem = Problem("unauthorized", "send a valid API key in the header X-API-KEY")
    return Refused(problem, {"www-authenticate": 'ApiKey realm="pharmacy-hub"'})


def unavailable(fault: Unavailable, operation_id: UUID | None = None) -> Refused:
    """Make the 503 of a fault; with the operation's id where a command may have gone out all the same."""
    detail = f"{fault.what} does not answer"
    if fault.detail:
        detail = f"{detail}: {fault.detail}"
    headers = {"retry-after": str(max(1, round(fault.after_seconds)))}
    extra: dict[str, object] = {}
    if operation_id is not None:
        extra["operation_id"] = str(operation_id)
        extra["operation_url"] = f"/api/operations/{operation_id}"
        headers["operation-id"] = str(operation_id)
    return Refused(Problem("unavailable", detail, (), extra), headers)


def problem_answer(members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with the members of a problem (`Problem.dump`), its own `status` being the answer's."""
    raw = [(name.encode("ascii"), value.encode("ascii", "replace")) for name, value in (headers or {}).items()]
    return Answer(members["status"], orjson.dumps(members), raw, PROBLEM)


def answer_refusal(refusal: Refused, scope: Scope) -> Answer:
    """Answer a request with a refusal; `instance` is the path that was asked."""
    # The 401 is the same bytes everywhere: not even the path of the request comes back.
    instance = None if refusal.problem.slug == "unauthorized" else path_of(scope)
    return problem_answer(refusal.problem.dump(instance), refusal.headers)


def path_of(scope: Scope) -> str:
    """Read the path as it was sent, without the query: text for a problem's `instance`."""
    raw = scope.get("raw_path") or b""
    path, _, _ = raw.partition(b"?")
    return path.decode("ascii", "replace")[:2048]


def refusal_of(error: Exception) -> Refused:
    """Translate any exception; what nobody expects becomes a 500 that says only where to look in the log."""
    match error:
        case Refused():
            return error
        case Unavailable():
            return unavailable(error)
        case HTTPException():
            return _refusal_of_http(error)
        case _:
            incident = clock.new_id()
            log.error("request.failed", incident=str(incident), exc_info=error)
            detail = "the hub made a mistake; tell the operator the incident, it is in the log"
            return refused("internal", detail, incident=str(incident))


def _refusal_of_http(error: HTTPException) -> Refused:
    status = error.status_code
    headers = {
        name.lower(): value for name, value in (error.headers or {}).items() if name.lower() in {"allow", "retry-after"}
    }
    if "allow" in headers:
        methods = {method for method in headers["allow"].split(", ") if method.isupper()}
        headers["allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    slug = _SLUGS.get(status)
    if slug is None:
        slug = "malformed" if 400 <= status < 500 else "internal"  # noqa: PLR2004 -- HTTP's classes
    if CATALOGUE[slug].status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request.failed", status=status, exc_info=error)
    return refused(slug, _DETAILS.get(CATALOGUE[slug].status, "see the title"), headers=headers)


def answer_exception(request: Request[Any, Any, Any], error: Exception) -> Answer:
    """Answer for Litestar: its handler of every exception."""
    return answer_refusal(refusal_of(error), request.scope)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: answer_exception, HTTPException: answer_exception}
