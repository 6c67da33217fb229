"""The way from the console to the API: the same routes, limits and checks, without a socket between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from litestar import Request

from gateway.auth import Caller
from gateway.middleware import FramedApp
from gateway.problems import Refused
from hub import clock
from hub.domain.problem import CATALOGUE, FieldError, Problem

Asked = Request[Any, Any, Any]

WAIT_SECONDS: Final = 3
"""How long a form waits for its outcome; after that the page shows it as queued."""

Query = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Said:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 -- a JSON value
        """The body, read."""
        return orjson.loads(self.body) if self.body else None

    @property
    def is_problem(self) -> bool:
        """Tell a refusal from an answer."""
        return self.status >= 400  # noqa: PLR2004 -- HTTP's classes

    def or_refuse(self) -> "Said":
        """Give itself, or raise the problem that it is.

        Raises:
            Refused: the API refused.
        """
        if self.is_problem:
            raise Refused(
                self.problem(), {name: self.headers[name] for name in ("retry-after",) if name in self.headers}
            )
        return self

    def problem(self) -> Problem:
        """Read the refusal."""
        members = self.json
        slug = str(members["type"]).rpartition("/")[2]
        errors = tuple(FieldError(one["pointer"], one["code"], one["detail"]) for one in members["errors"])
        known = {"type", "title", "status", "detail", "instance", "errors"}
        extra = {name: value for name, value in members.items() if name not in known}
        return Problem(slug if slug in CATALOGUE else "internal", members["detail"], errors, extra)


async def ask(
    request: Asked,
    caller: Caller,
    method: str,
    path: str,
    *,
    query: Query = (),
    body: object = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Said:
    """Ask a route of the API with a visitor's rights, and wait for the whole answer.

    Args:
        path: as in the API's document, ids filled in.
        body: a JSON value.
        content: bytes instead of `body`; name their type in `headers`.
        headers: further ones, names in lower case; a write waits 3 s unless they say otherwise.
    """
    sent = orjson.dumps(body) if body is not None else content or b""
    named = {"content-length": str(len(sent)), "x-request-id": str(clock.new_id())}
    if body is not None:
        named["content-type"] = "application/json"
    if method != "GET":
        named["prefer"] = f"wait={WAIT_SECONDS}"
    named |= headers or {}
    outer = request.scope
    scope = {
        "type": "http",
        "asgi": outer["asgi"],
        "http_version": outer["http_version"],
        "method": method,
        "scheme": outer["scheme"],
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(list(query)).encode(),
        "root_path": "",
        "headers": [(name.encode("ascii"), value.encode("latin-1")) for name, value in named.items()],
        "client": outer.get("client"),
        "server": outer.get("server"),
        "extensions": {},
        "state": {"caller": caller},
    }
    answer: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 -- an ASGI message
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # noqa: ANN401 -- an ASGI message
        answer.append(message)

    app: FramedApp = request.scope["litestar_app"]  # type: ignore[assignment]
    await app.serve_inside(scope, receive, send)
    head = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer[0]["headers"]}
    return Said(answer[0]["status"], head, b"".join([message.get("body", b"") for message in answer[1:]]))


async def read_all(request: Asked, caller: Caller, path: str, query: Sequence[tuple[str, str]], most: int) -> Any:  # noqa: ANN401 -- an iterator of items
    """Give the items of a list, page by page of 500, at most `most` of them."""
    cursor, given = None, 0
    while given < most:
        pairs = [*query, ("limit", "500"), *([("cursor", cursor)] if cursor else [])]
        page = (await ask(request, caller, "GET", path, query=pairs)).or_refuse().json
        for item in page["items"][: most - given]:
            yield item
        given += len(page["items"])
        cursor = cursor_of(page["next"])
        if cursor is None:
            return


def cursor_of(following: str | None) -> str | None:
    """Read the cursor out of a page's `next`."""
    return None if following is None else following.rpartition("cursor=")[2]


def id_of(text: str) -> UUID | None:
    """Read an id that a person typed or a link carried."""
    try:
        return UUID(text)
    except ValueError:
        return None
