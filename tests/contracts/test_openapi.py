"""The OpenAPI document and the gateway say the same: schemathesis tries every operation against a whole hub.

Bounded and repeatable: a fixed seed, a sample of what schemathesis makes up for each operation; `--long` tries all of it.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from litestar.routes import HTTPRoute
from schemathesis.checks import CHECKS
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test

from gateway.event_schemas import EVENTS, event_schema
from gateway.views import ITEMS, VIEWS
from hub.domain.problem import CATALOGUE
from hub.storage.lists import LISTINGS
from tests.conftest import Servers
from tests.kit.document import APP, DOCUMENT, a_whole_hub
from tests.kit.in_process import Hub

Case = schemathesis.Case[Any]
WAIT = "wait=20"
# Headers that HTTP and its body bring; all others are the hub's.
OF_HTTP = {"content-type", "content-length", "date", "server", "connection", "transfer-encoding"}
# What is tried of an operation without `--long`: a large body has close to a thousand cases.
ALL_OF_THE_FIRST, ONE_IN = 20, 10
EXAMPLES, MORE_EXAMPLES = 4, 12
# A stream has no end, so a test of its own reads its head; an operator's writes are tried with an operator's key.
ENDLESS = "/api/events/stream"
# Here DELETE ends a thing whose record stays, so that reading it afterwards is no use after free: what it must show
# instead is tried in `test_what_is_ended_stays_readable_and_says_so`.
STAYS = (
    "/api/sales/{sale_id}/",
    "/api/orders/{order_id}/",
    "/api/pharmacies/{pharmacy_id}/",
    "/api/pharmacies/{pharmacy_id}/keys/{key_id}/",
    "/api/operator-keys/{key_id}/",
)


def _to_be_tried() -> dict[str, Any]:
    """Leave out what only the hub can make (a cursor, the token of a 202, a sequence), and the headers that every try sends."""
    document = deepcopy(DOCUMENT)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                part for part in operation["parameters"]
                if part.get("$ref", "").rpartition("/")[2] not in {"Cursor", "PharmacyId", "Prefer"} and part.get("name") not in {"accepted", "after"}
            ]  # fmt: skip
    # schemathesis takes the quotation marks off a tag.
    document["components"]["parameters"]["IfMatch"]["schema"] = {"type": "string", "enum": ["*"]}
    return document


# What JSON Schema cannot say of a file, its grammar: rows of any JSON, and a table with a header. A wrong row spoils itself.
_ROWS = st.fixed_dictionaries({}, optional={"sku": st.text(max_size=9), "name": st.text(max_size=9), "quantity": st.integers(), "price": st.sampled_from(["1", "x"])})  # fmt: skip
_CELLS = st.lists(st.lists(st.text("ab12", max_size=5), min_size=3, max_size=3), min_size=1, max_size=4)
_HEADERS = {"/api/inventory/bulk": b"sku,name,price", "/api/sales/bulk": b"sku,quantity,total_price"}
schemathesis.openapi.media_type(
    "application/x-ndjson",
    st.lists(_ROWS.map(lambda row: json.dumps(row).encode()), min_size=1, max_size=4).map(b"\n".join),
)
schemathesis.openapi.media_type(
    "text/csv",
    _CELLS.map(lambda rows: "\n".join(["x", *(f'"{one}",{two},{three}' for one, two, three in rows)]).encode()),
)
schema = schemathesis.openapi.from_dict(
    _to_be_tried(),
    config=SchemathesisConfig(
        seed=7,
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(
                    max_examples=MORE_EXAMPLES,
                    deterministic=True,
                    allow_x00=False,
                    codec="utf-8",
                    database="none",
                    with_security_parameters=False,
                ),
                # What is made must be made, or there is nothing to follow.
                phases=PhasesConfig(
                    stateful=StatefulPhaseConfig(
                        generation=GenerationConfig(modes=[schemathesis.GenerationMode.POSITIVE], allow_x00=False)
                    )
                ),
                checks=ChecksConfig(
                    # Rules that no schema says: a known item, a free sku, a legal move, a sum, a check digit, a time to come.
                    positive_data_acceptance=PositiveDataAcceptanceConfig(
                        expected_statuses=["2xx", "304", "401", "403", "404", "409", "410", "412", "422", "428"]
                    )
                ),
            )
        ),
    ),
).exclude(path=ENDLESS)


@pytest.fixture(scope="module")
def hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """A whole hub for all tests of this file."""
    with a_whole_hub(servers, template_database) as found:
        yield found


@pytest.fixture(scope="module")
def headers(hub: Hub) -> dict[str, str]:
    """An operator who acts for a pharmacy: every route is open."""
    pharmacy_id, _ = hub.open_pharmacy()
    return {"X-API-KEY": hub.operator_key, "X-Pharmacy-Id": str(pharmacy_id), "Prefer": WAIT}


_TRIES: Any = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods if path != ENDLESS],
)
def test_every_operation_is_as_documented(
    path: str, method: str, hub: Hub, headers: dict[str, str], pytestconfig: pytest.Config
) -> None:
    """Made up here, not by `schema.parametrize()`, which does it for all operations in every worker that collects."""
    whole = pytestconfig.getoption("long")
    numbers = count()

    @settings(_TRIES, max_examples=MORE_EXAMPLES if whole else EXAMPLES)
    def is_as_documented(case: Case) -> None:
        number = next(numbers)
        if not whole and number >= ALL_OF_THE_FIRST and number % ONE_IN:
            return
        header = _HEADERS.get(path)
        if header and isinstance(case.body, bytes) and case.body.startswith(b"x\n"):
            # A table is the same, the names of its columns are the route's.
            case.body = case.body.replace(b"x\n", header + b"\n", 1)
        answer = case.call_and_validate(base_url=hub.url, headers=headers, excluded_checks=_excluded(case), timeout=30)
        if case.method.lower() != method:
            return  # one that the route does not have
        described = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
        if "$ref" in described:
            described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
        unknown = set(answer.headers) - OF_HTTP - {name.lower() for name in described["headers"]}
        assert unknown == set(), (method, path, answer.status_code)

    config = HypothesisTestConfig(project=schema.config, modes=list(HypothesisTestMode), seed=7)
    create_test(operation=schema[path][method], test_func=is_as_documented, config=config)()


@pytest.mark.parametrize(
    ("resource", "made", "followed"),
    [
        ("inventory", "create_item", {"show_item", "update_item", "replace_item", "adjust_item", "delete_item"}),
        ("webhook-events", "receive_webhook", {"show_webhook_event", "update_webhook_event", "delete_webhook_event"}),
        ("orders", "list_orders", {"list_orders"}),
        ("sales", "list_sales", {"list_sales"}),
    ],
)
def test_what_was_made_is_found_changed_and_ended(
    hub: Hub, resource: str, made: str, followed: set[str], pytestconfig: pytest.Config
) -> None:
    """Follow the document's links: what an operation makes is what the next ones show, change and end."""
    linked = schema.include(path_regex=f"^/api/({resource}|operations)/").exclude(path_regex="/bulk$")

    done: set[tuple[str, int]] = set()

    class Workflow(linked.as_state_machine()):  # type: ignore[misc]  # made at run time
        headers: dict[str, str]

        def setup(self) -> None:
            # A pharmacy of its own: what another scenario left behind must not change this one.
            pharmacy_id, _ = hub.open_pharmacy()
            self.headers = {"X-API-KEY": hub.operator_key, "X-Pharmacy-Id": str(pharmacy_id), "Prefer": WAIT}

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            del case
            return {"base_url": hub.url, "headers": self.headers, "timeout": 30}

        def validate_response(self, response: Any, case: Case, additional_checks: Any = None, **options: Any) -> None:
            done.add((case.operation.definition.raw["operationId"], response.status_code))
            case.validate_response(
                response, additional_checks=additional_checks, excluded_checks=_excluded(case), transport_kwargs=options or None,
                recorder=self.recorder,
            )  # fmt: skip

    Workflow.run(
        settings=settings(
            max_examples=20 if pytestconfig.getoption("long") else 7,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
    )
    good = {name for name, status in done if 200 <= status < 300}
    # Which links are followed is chance, and what the hub answers steers it: that none is would be a broken document.
    assert made in good, sorted(done)
    assert followed & good, sorted(done)


def _excluded(case: Case) -> list[Any]:
    """Name the checks that do not fit: what is ended here stays readable (`STAYS`); and a file is wrong by its grammar only.

    The rows of a file are no part of its schema: a wrong one is told in the upload's errors, and the file is taken.
    """
    names = [
        *(["use_after_free"] if case.operation.path in STAYS else []),
        *(["negative_data_rejection"] if case.operation.path in _HEADERS else []),
    ]
    return CHECKS.get_by_names(names) if names else []


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_the_stream_that_has_no_end_begins_as_documented(hub: Hub, headers: dict[str, str], mode: str) -> None:
    """The head of the answer is looked at, and the first bytes; then the client leaves."""
    operation: Any = schemathesis.openapi.from_dict(DOCUMENT)[ENDLESS]["GET"]
    documented = DOCUMENT["paths"][ENDLESS]["get"]["responses"]
    seen: set[int] = set()

    @settings(_TRIES, max_examples=MORE_EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def begin(case: Case) -> None:
        sent: dict[str, Any] = case.as_transport_kwargs(base_url=hub.url, headers=headers)
        named = {**sent.get("headers", {}), **headers}
        try:
            with httpx.stream("GET", sent["url"], params=sent.get("params"), headers=named, timeout=30) as answer:
                seen.add(answer.status_code)
                described = documented[str(answer.status_code)]
                if "$ref" in described:
                    described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
                media = answer.headers["content-type"].partition(";")[0]
                assert media in described["content"]
                if answer.status_code == 200:
                    assert next(answer.iter_raw()).startswith(b"retry: ")
                else:
                    assert answer.status_code < 500
                    assert json.loads(answer.read())["status"] == answer.status_code
        except UnicodeEncodeError:
            assume(False)  # a header that no client can send

    begin()
    assert seen & ({200} if mode == "positive" else {400, 404, 405}), seen


def test_what_is_ended_stays_readable_and_says_so(hub: Hub, headers: dict[str, str]) -> None:
    """The record of a sale, an order, a pharmacy and a key outlives its DELETE, which may be repeated."""
    with httpx.Client(base_url=hub.url, headers=headers, timeout=30) as web:
        line = {"sku": "STAYS", "name": "x", "quantity": 1, "unit_price": "1.00"}
        web.post("/api/inventory/", json={"sku": "STAYS", "name": "x", "price": "1.00"})
        pharmacy = str(hub.open_pharmacy("Short-lived")[0])
        keys = f"/api/pharmacies/{headers['X-Pharmacy-Id']}/keys/"
        made = {
            "/api/sales/": (web.post("/api/sales/", json={"sku": "STAYS", "quantity": 1, "total_price": "1.00"}), "status", "voided"),
            "/api/orders/": (web.post("/api/orders/", json={"order_reference": "STAYS", "items": [line]}), "status", "cancelled"),
        }  # fmt: skip
        for place, (answer, member, value) in made.items():
            url = f"{place}{answer.json()['id']}/"
            assert web.delete(url).status_code == 204
            assert web.get(url).json()[member] == value
            assert web.delete(url).status_code == 204, "again is no mistake"
        # An operator is bound to no pharmacy.
        free = {"X-API-KEY": headers["X-API-KEY"], "Prefer": WAIT}
        assert httpx.delete(f"{hub.url}/api/pharmacies/{pharmacy}/", headers=free, timeout=30).status_code == 204
        assert httpx.get(f"{hub.url}/api/pharmacies/{pharmacy}/", headers=free).json()["is_active"] is False
        operators = web.post("/api/operator-keys/", json={"name": "short-lived"}).json()["id"]
        for _ in range(2):
            assert web.delete(f"/api/operator-keys/{operators}/").status_code == 204
        assert web.get(f"/api/operator-keys/{operators}/").json()["revoked_at"]
        key = web.post(keys, json={"name": "short-lived"}).json()["id"]
        assert web.delete(f"{keys}{key}/").status_code == 204
        assert next(one for one in web.get(keys).json()["items"] if one["id"] == key)["revoked_at"]


def test_the_served_document_is_the_one_that_was_tried(hub: Hub) -> None:
    answer = httpx.get(f"{hub.url}/schema/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_the_document_is_valid_openapi() -> None:
    for part in (*DOCUMENT["components"]["schemas"].values(), *_schemas(DOCUMENT["paths"])):
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **part})
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    _resolve(DOCUMENT)
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                assert {link["operationId"] for link in answer.get("links", {}).values()} <= set(names)


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            if name == "schema":
                yield inner
            else:
                yield from _schemas(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _schemas(inner)


def _resolve(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            here: Any = DOCUMENT
            for step in node["$ref"].removeprefix("#/").split("/"):
                here = here[step]
        for inner in node.values():
            _resolve(inner)
    elif isinstance(node, list):
        for inner in node:
            _resolve(inner)


def test_money_is_never_a_number() -> None:
    for name, found in DOCUMENT["components"]["schemas"].items():
        for member, part in found.get("properties", {}).items():
            if any(word in member for word in ("price", "amount")):
                kinds = {option.get("type") for option in part.get("anyOf", [part])}
                assert kinds <= {"string", "null"}, (name, member, part)


def test_every_route_says_what_it_is() -> None:
    for route in APP.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema() and handler.fn.__name__ != "options_handler":
                    assert "describes" in handler.opt, route.path
                    assert (handler.fn.__doc__ or "").strip(), route.path


def test_every_list_has_its_items_described_as_sql_shows_them() -> None:
    for name, listing in LISTINGS.items():
        shown = re.findall(r"""[{,]"([a-z_]+)":""", listing.item)
        assert sorted(shown) == sorted(VIEWS[ITEMS[name]].model_fields), name


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_event_has_its_schema_served(hub: Hub, event_type: str) -> None:
    answer = httpx.get(f"{hub.url}/schemas/{event_type}.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.json() == event_schema(event_type)
    jsonschema_rs.meta.validate(answer.json())
    assert answer.json()["$id"] == f"/schemas/{event_type}.json"


@pytest.mark.parametrize(
    "name", ["sale.recorded", "sale.recorded.json.json", "x.json", ".json", "..%2Fsale.recorded.json"]
)
def test_what_is_no_event_has_no_schema(hub: Hub, name: str) -> None:
    answer = httpx.get(f"{hub.url}/schemas/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_problem_is_documented() -> None:
    documented = {
        slug for name, answer in DOCUMENT["components"]["responses"].items() for slug in CATALOGUE if f"`{slug}`" in answer["description"]
    }  # fmt: skip
    assert documented == set(CATALOGUE)
