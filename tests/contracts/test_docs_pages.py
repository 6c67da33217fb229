"""The documentation pages and the static files: open, local, under their own policy, cached as they may be."""

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.docs_pages import ASYNCAPI, DOCS_HANDLERS, REDOC, SWAGGER, Page

BUNDLE = "/static/vendor/redoc-2.5.4/redoc.standalone.js"


@pytest.fixture(name="client", scope="module")
def _client() -> Iterator[TestClient[Litestar]]:
    with TestClient(Litestar([*DOCS_HANDLERS])) as client:
        yield client


@pytest.mark.parametrize("path", ["/swagger", "/swagger/", "/redoc", "/redoc/", "/asyncapi", "/asyncapi/"])
def test_a_page_loads_only_files_that_the_hub_serves(client: TestClient[Litestar], path: str) -> None:
    page = client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    loaded = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 4
    assert [name for name in loaded if client.get(name).status_code != 200] == []
    assert "//" not in page.text.replace("<!doctype html>", "")


@pytest.mark.parametrize("path", ["/swagger/", "/redoc/"])
def test_a_page_runs_no_inline_script_and_calls_no_other_host(client: TestClient[Litestar], path: str) -> None:
    page = client.get(path)
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert re.findall(r"<script[^>]*>[^<]+", page.text) == []


@pytest.mark.parametrize("path", ["/swagger/", "/redoc/", "/asyncapi/"])
@pytest.mark.parametrize(
    "query",
    ["url=https://evil.example/x.json", "configUrl=//evil.example/c", '"><script>alert(1)</script>', "%00&x=%ff"],
)
def test_a_page_reflects_nothing_of_its_query(client: TestClient[Litestar], path: str, query: str) -> None:
    asked = client.get(f"{path}?{query}")
    assert (asked.status_code, asked.content) == (200, client.get(path).content)
    assert "evil" not in str(asked.headers)


@pytest.mark.parametrize("page", [SWAGGER, REDOC, ASYNCAPI])
def test_a_page_names_its_document_for_readers_without_javascript(page: Page) -> None:
    assert f'<a href="{page.document}">' in page.render()


def test_every_docs_handler_is_open_and_outside_of_the_schema() -> None:
    handlers: tuple[Any, ...] = (*DOCS_HANDLERS,)
    assert all(handler.opt["exclude_from_auth"] is True for handler in handlers)
    assert all(handler.include_in_schema is False for handler in handlers)


def test_a_vendored_file_is_kept_for_ever_and_our_own_is_asked_for_again(client: TestClient[Litestar]) -> None:
    assert client.get(BUNDLE).headers["cache-control"] == "public, max-age=31536000, immutable"
    own = client.get("/static/docs/docs.css")
    assert own.headers["cache-control"] == "no-cache"
    unchanged = client.get("/static/docs/docs.css", headers={"If-None-Match": own.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("identity", False), ("gzip;q=0", False), ("gzip;q=0, br", False)],
)
def test_a_file_is_packed_only_for_who_accepts_it(client: TestClient[Litestar], accepted: str, *, packed: bool) -> None:
    request = client.build_request("GET", BUNDLE, headers={"Accept-Encoding": accepted})
    answer = client.send(request, stream=True)
    raw = b"".join(answer.iter_raw())
    answer.close()
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert b"Redoc" in (gzip.decompress(raw) if packed else raw)


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/nope.js", "/static/../docs_pages.py", "/static/%2e%2e/docs_pages.py", "/static//etc/passwd"],
)
def test_a_path_cannot_leave_the_static_folder(client: TestClient[Litestar], path: str) -> None:
    assert client.get(path).status_code == 404


def test_head_tells_the_size_without_the_file(client: TestClient[Litestar]) -> None:
    answer = client.head("/static/docs/docs.css")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
