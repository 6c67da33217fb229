"""In a real browser without internet the documentation pages are complete and call nobody but the hub."""

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from litestar import Litestar, MediaType, Response, get
from litestar.datastructures import State

from gateway.docs_pages import DOCS_HANDLERS, OPENAPI_PATH
from gateway.routes import schemas
from tests.kit.wait import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pharmacy Connector Hub", "version": "0.1.0"},
    "components": {"securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}}},
    "security": [{"apiKey": []}],
    "paths": {
        "/api/sales/": {
            "post": {
                "tags": ["sales"],
                "operationId": "record_sale",
                "summary": "Record a sale",
                "responses": {"202": {"description": "Accepted"}},
            }
        }
    },
}


@get(OPENAPI_PATH, include_in_schema=False, sync_to_thread=False)
def openapi_document() -> Response[dict[str, Any]]:
    """Stand in for the generated document."""
    return Response(DOCUMENT, media_type=MediaType.JSON)


@pytest.fixture(name="address", scope="module")
def _address() -> Iterator[str]:
    # The AsyncAPI document names the queues of an installation, and asks the gateway how many there are.
    state = State({"hub": SimpleNamespace(partitions=8)})
    app = Litestar([*DOCS_HANDLERS, *schemas.HANDLERS, openapi_document], openapi_config=None, state=state)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.mark.parametrize(
    ("path", "shown"), [("/swagger/", "Record a sale"), ("/redoc/", "Record a sale"), ("/asyncapi/", "hub.ingress")]
)
def test_a_page_is_complete_and_calls_nobody_but_the_hub(
    browser: "Browser", address: str, path: str, shown: str
) -> None:
    page = browser.new_page()
    called: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: called.append(request.url))
    page.on("requestfailed", lambda request: faults.append(f"{request.url} {request.failure}"))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address + path)
    page.locator(f"text={shown} >> visible=true").first.wait_for(timeout=40_000)
    page.wait_for_load_state("networkidle")
    page.close()
    assert faults == []
    assert [url for url in called if not url.startswith((f"{address}/", f"blob:{address}/", "data:"))] == []
    assert f"{address}/schema/{'asyncapi' if path == '/asyncapi/' else 'openapi'}.json" in called
