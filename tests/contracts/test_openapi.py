"""The OpenAPI document and the gateway say the same: schemathesis tries every operation against a whole hub.

Bounded and repeatable: a fixed seed, few examples for each operation; `--long` tries more.
"""

from collections.abc import Iterator
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
from pydantic import BaseModel
from schemathesis.checks import CHECKS
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)

from gateway.describe import PageRoute
from gateway.event_schemas import EVENTS, event_schema
from gateway.openapi import openapi_document
from gateway.routes import ROUTES
from gateway.views import ITEMS, VIEWS
from hub.domain.problem import CATALOGUE
from hub.settings import Settings
from hub.storage.lists import LISTINGS
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub

APP = Litestar(route_handlers=ROUTES, openapi_config=None)
DOCUMENT = openapi_document(APP)
WAIT = "wait=20"
# A stream has no end; a token in a query is nobody's to guess; an operator's writes are tried with an operator's key.
ENDLESS = ("/api/events/stream",)
STAYS = ("/api/sales/{sale_id}/", "/api/orders/{order_id}/", "/api/pharmacies/{pharmacy_id}/", "/api/pharmacies/{pharmacy_id}/keys/{key_id}/")

schema = schemathesis.openapi.from_dict(
    DOCUMENT,
    config=SchemathesisConfig(
        seed=7,
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(max_examples=12, deterministic=True, allow_x00=False, codec="utf-8", database="none", with_security_parameters=False),
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


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Leave out what only the hub can make: a cursor, the token of a 202."""
    del context
    return {name: value for name, value in query.items() if name not in {"cursor", "accepted"}} if isinstance(query, dict) else query


@pytest.fixture(scope="module")
def hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """A whole hub for all tests of this file."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    place = servers.session_dir / name
    place.mkdir()
    chosen = Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=servers.database_url(name), amqp_url=servers.amqp_url(name), secret_key=SECRET_KEY, data_dir=Path(place),
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


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_operation_is_as_documented(case: schemathesis.Case, hub: Hub, headers: dict[str, str]) -> None:
    excluded = [CHECKS.get_one("use_after_free")] if case.operation.path in STAYS else []
    case.headers = {**(case.headers or {}), **headers}
    case.call_and_validate(base_url=hub.url, excluded_checks=excluded, timeout=30)
