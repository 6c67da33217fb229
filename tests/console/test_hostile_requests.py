"""Whatever stands in an address or a form of the console is an answer below 500, and tells nothing of the inside."""

import itertools
from uuid import uuid4

import pytest

from gateway.admin.entries import MODELS
from gateway.admin.routes import HANDLERS
from tests.kit.console import Person, a_person, signed_in
from tests.kit.in_process import Hub

LEFT_OUT = {"/live/stream", "/doctor"}  # one has no end, the other takes nothing and asks all servers
NAMES = (
    "q", "cursor", "sort", "limit", "pharmacy", "day", "after", "type", "types", "status", "text", "where", "next", "token", "id", "sku", "count",
    "source", "resource_id",
)  # fmt: skip
VALUES = (
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "-1",
    "9" * 30,
    "x" * 1500,
    "%27%20OR%201=1--",
    "%E2%80%AE",
    "..%2f..%2fetc",
    "[]",
    "",
)
PATHS = sorted(
    path for handler in HANDLERS for path in handler.paths if "GET" in handler.http_methods and path not in LEFT_OUT
)
POSTED = sorted(path for handler in HANDLERS for path in handler.paths if "POST" in handler.http_methods)


@pytest.fixture(scope="module")
def admin(hub: Hub) -> Person:
    """An operator who may do everything."""
    return signed_in(hub)


def _filled(path: str, name: str) -> str:
    """Put a model and ids that nobody has into a path."""
    filled = path.replace("{name:str}", name).replace("{verb:str}", "delete")
    for part in ("row_id", "operation_id", "endpoint_id", "source_id", "operator_id"):
        filled = filled.replace(f"{{{part}:uuid}}", str(uuid4()))
    return f"/admin{filled}".rstrip("/") + "/"


def _fault(status: int, text: str) -> bool:
    return status >= 500 or "Traceback" in text or "asyncpg" in text


@pytest.mark.parametrize("path", PATHS)
def test_any_query_is_answered(admin: Person, path: str) -> None:
    """Each value in every parameter at once, then each parameter alone with a NUL."""
    queries = ["&".join(f"{name}={value}" for name in NAMES) for value in VALUES] + [f"{name}=%00" for name in NAMES]
    models = sorted(MODELS) if "{name:str}" in path else [""]
    wrong = []
    for query, name in zip(queries * (3 if path.startswith("/{name") else 1), itertools.cycle(models), strict=False):
        answer = admin.web.get(f"{_filled(path, name)}?{query}")
        if _fault(answer.status_code, answer.text):
            wrong.append((name, query[:80], answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("path", POSTED)
def test_any_form_is_answered(hub: Hub, admin: Person, path: str) -> None:
    person = a_person(hub) if path.startswith(("/sign-in", "/sign-out")) else admin
    wrong = []
    for value in ("a\0b", "\u202e\U0001f48a", "9" * 30, "x" * 20_000, "[]", '{"a":NaN}', "' OR 1=1--"):
        for name in ("inventory", "pharmacies", "webhook-endpoints") if "{name:str}" in path else ("",):
            person.get("/admin/sign-in/" if person is not admin else "/admin/account/")
            fields = ("sku", "name", "price", "quantity", "url", "event_types", "settings", "extra_data", "present", "again", "code", "action",
                      "pharmacy", "api_key", "token", "theme", "next", "q", "filter", "since", "types", "id")  # fmt: skip
            answer = person.post(_filled(path, name), dict.fromkeys(fields, value), follow=False)
            if _fault(answer.status_code, answer.text):
                wrong.append((name, value[:20], answer.status_code))
    assert wrong == []
