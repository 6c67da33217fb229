"""The OpenAPI document and the gateway say the same: schemathesis tries every operation against a whole hub.

Bounded and repeatable: a fixed seed, few examples for each operation; `--long` tries more.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from litestar import Litestar
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

from gateway.event_schemas import EVENTS, event_schema
from gateway.openapi import openapi_document
from gateway.routes import ROUTES
from gateway.views import ITEMS, VIEWS
from hub.domain.problem import CATALOGUE
from hub.settings import Settings
from hub.storage.lists import LISTINGS
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub

Case = schemathesis.Case[Any]
APP = Litestar(route_handlers=ROUTES, openapi_config=None)
DOCUMENT = openapi_document(APP)
WAIT = "wait=20"
# A stream has no end; a token in a query is nobody's to guess; an operator's writes are tried with an operator's key.
ENDLESS = ("/api/events/stream",)
STAYS = (
    "/api/sales/{sale_id}/",
    "/api/orders/{order_id}/",
    "/api/pharmacies/{pharmacy_id}/",
    "/api/pharmacies/{pharmacy_id}/keys/{key_id}/",
)


def _to_be_tried() -> dict[str, Any]:
    """Leave out what only the hub can make (a cursor, the token of a 202), and the headers that every try sends."""
    document = deepcopy(DOCUMENT)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                part for part in operation["parameters"]
                if part.get("$ref", "").rpartition("/")[2] not in {"Cursor", "PharmacyId", "Prefer"} and part.get("name") != "accepted"
            ]  # fmt: skip
    # schemathesis takes the quotation marks off a tag.
    document["components"]["parameters"]["IfMatch"]["schema"] = {"type": "string", "enum": ["*"]}
    return document


schemathesis.serializer.alias("application/x-ndjson", "application/octet-stream")
schema = schemathesis.openapi.from_dict(
    _to_be_tried(),
    config=SchemathesisConfig(
        seed=7,
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(
                    max_examples=12,
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
).exclude(path=list(ENDLESS))


@pytest.fixture(scope="module")
def hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """A whole hub for all tests of this file."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    place = servers.session_dir / name
    place.mkdir()
    chosen = Settings(
        _env_file=None,
        database_url=servers.database_url(name), amqp_url=servers.amqp_url(name), secret_key=SECRET_KEY, data_dir=Path(place),
        amqp_management_url=servers.management_url,
        metrics_port=0, partitions=2, rate_limit_per_second=0, rate_limit_burst=0,
    )  # fmt: skip
    with running_hub(chosen) as found:
        yield found
    servers.management("DELETE", f"/api/vhosts/{name}")
    servers.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def headers(hub: Hub) -> dict[str, str]:
    """An operator who acts for a pharmacy: every route is open."""
    pharmacy_id, _ = hub.open_pharmacy()
    return {"X-API-KEY": hub.operator_key, "X-Pharmacy-Id": str(pharmacy_id), "Prefer": WAIT}


_TRIES: Any = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@schema.parametrize()
@_TRIES  # type: ignore[untyped-decorator]  # hypothesis' own type says Any
def test_every_operation_is_as_documented(case: Case, hub: Hub, headers: dict[str, str]) -> None:
    case.call_and_validate(base_url=hub.url, headers=headers, excluded_checks=_excluded(case), timeout=30)


@pytest.mark.parametrize(
    ("resource", "made", "followed"),
    [
        ("inventory", "create_item", {"show_item", "update_item", "replace_item", "adjust_item", "delete_item"}),
        ("webhook-events", "receive_webhook", {"show_webhook_event", "update_webhook_event", "delete_webhook_event"}),
        ("orders", "list_orders", {"list_orders"}),
        ("sales", "list_sales", {"list_sales"}),
    ],
)
def test_what_was_made_is_found_changed_and_ended(hub: Hub, resource: str, made: str, followed: set[str]) -> None:
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
            max_examples=20,
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
    """Name the checks that do not fit: what is ended stays readable; a file of chance bytes is no file; nobody guesses a sequence."""
    path = case.operation.path
    names = [
        *(["use_after_free"] if path in STAYS else []),
        *(["positive_data_acceptance"] if path.endswith(("/bulk", "/events/")) else []),
    ]
    return CHECKS.get_by_names(names) if names else []


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
