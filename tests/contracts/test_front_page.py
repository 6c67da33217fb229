"""The bare address: it leads to what a person can use."""

from typing import Any

import httpx
import pytest

from gateway.app import create_app
from hub.settings import Settings
from tests.kit.document import DOCUMENT


@pytest.mark.parametrize(("is_on", "where"), [(True, "/admin/"), (False, "/swagger/")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_bare_address_leads_to_the_console_or_to_the_apis_pages(
    method: str, where: str, *, is_on: bool
) -> None:
    # No server is needed for it: the application is not even started.
    settings = Settings(
        _env_file=None,
        database_url="postgres://nobody@127.0.0.1:1/none",
        amqp_url="amqp://127.0.0.1:1/",
        secret_key="x" * 32,
        admin_enabled=is_on,
    )
    app: Any = create_app(settings)  # httpx spells the type of an application its own way
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as web:
        answer = await web.request(method, "/")
        assert (answer.status_code, answer.headers["location"], answer.content) == (303, where, b"")
        assert answer.headers["cache-control"] == "no-store"  # the switch may be turned
        assert (await web.get("/swagger/")).status_code == 200
        assert (await web.post("/")).status_code == 405


def test_the_bare_address_is_no_part_of_the_api() -> None:
    assert "/" not in DOCUMENT["paths"]
