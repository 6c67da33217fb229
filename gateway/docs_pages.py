"""The documentation pages `/swagger/`, `/redoc/` and `/asyncapi/`, and the static files they and the console load.

Everything comes from this host: the viewers are vendored (tools/vendor.py), each page has its own
Content-Security-Policy, and no page holds an inline script. A page is open to everyone who reaches the gateway, as the
OpenAPI document is.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from litestar import HttpMethod, Request, Response, get, route
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.context import gateway_of

OPENAPI_PATH: Final = "/schema/openapi.json"
ASYNCAPI_PATH: Final = "/schema/asyncapi.json"

_STATIC: Final = Path(__file__).parent / "static"
_SWAGGER: Final = "/static/vendor/swagger-ui-dist-5.35.0"
_REDOC: Final = "/static/vendor/redoc-2.5.4"
_ASYNCAPI: Final = "/static/vendor/asyncapi-react-component-3.2.1"
# `style-src 'unsafe-inline'`: all three viewers make <style> elements at run time.
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_OPEN: Final = {"exclude_from_auth": True}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ACCEPTS_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")
# our own table: the `mimetypes` module reads the machine's, which differ
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_COMPRESSED: Final = frozenset({".css", ".js", ".svg", ".txt"})


_LINKS: Final = (
    ("Swagger UI", "/swagger/"),
    ("Redoc", "/redoc/"),
    ("AsyncAPI", "/asyncapi/"),
    ("OpenAPI document", OPENAPI_PATH),
    ("AsyncAPI document", ASYNCAPI_PATH),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One viewer: what it loads and what it may do beyond the common policy."""

    title: str
    document: str
    scripts: tuple[str, ...]
    styles: tuple[str, ...] = ()
    policy: tuple[tuple[str, str], ...] = ()

    def render(self) -> str:
        """Render the page; `data-document` tells the viewer's script where the document is."""
        styles = "".join(f'<link rel="stylesheet" href="{href}">\n' for href in ("/static/docs/docs.css", *self.styles))
        scripts = "".join(f'<script defer src="{src}"></script>\n' for src in self.scripts)
        links = "".join(
            f'<a href="{href}"{" aria-current=page" if name == self.title else ""}>{name}</a>\n'
            for name, href in _LINKS
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{self.title} · Pharmacy Connector Hub</title>\n"
            f'<link rel="icon" type="image/png" href="{_SWAGGER}/favicon-32x32.png">\n{styles}{scripts}'
            '</head>\n<body>\n<nav aria-label="Documentation"><strong>Pharmacy Connector Hub</strong>\n'
            f'{links}</nav>\n<main id="viewer" data-document="{self.document}"></main>\n'
            f"<noscript><p>This page needs JavaScript. The document itself is at "
            f'<a href="{self.document}">{self.document}</a>.</p></noscript>\n</body>\n</html>\n'
        )

    def answer(self) -> Response[str]:
        """Answer with the page under its policy; the page is small, so it is asked for again each time."""
        policy = "; ".join(f"{name} {value}" for name, value in (_POLICY | dict(self.policy)).items())
        headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return Response(self.render(), media_type="text/html", headers=headers)


SWAGGER: Final = Page(
    "Swagger UI",
    OPENAPI_PATH,
    scripts=(f"{_SWAGGER}/swagger-ui-bundle.js", "/static/docs/swagger.js"),
    styles=(f"{_SWAGGER}/swagger-ui.css",),
)
REDOC: Final = Page(
    "Redoc",
    OPENAPI_PATH,
    scripts=(f"{_REDOC}/redoc.standalone.js", "/static/docs/redoc.js"),
    policy=(("worker-src", "blob:"),),  # its search index is a worker made from a blob
)
ASYNCAPI: Final = Page(
    "AsyncAPI",
    ASYNCAPI_PATH,
    scripts=(f"{_ASYNCAPI}/index.js", "/static/docs/asyncapi.js"),
    styles=(f"{_ASYNCAPI}/default.min.css",),
    policy=(("script-src", "'self' 'unsafe-eval'"),),  # its parser compiles JSON Schemas with `new Function`
)


@get("/swagger", include_in_schema=False, opt=_OPEN, sync_to_thread=False)
def swagger_page() -> Response[str]:
    """Show the HTTP interface in Swagger UI: read it, and try it with an own key."""
    return SWAGGER.answer()


@get("/redoc", include_in_schema=False, opt=_OPEN, sync_to_thread=False)
def redoc_page() -> Response[str]:
    """Show the HTTP interface in Redoc, for reading."""
    return REDOC.answer()


@get("/asyncapi", include_in_schema=False, opt=_OPEN, sync_to_thread=False)
def asyncapi_page() -> Response[str]:
    """Show the AMQP interface, from `/schema/asyncapi.json`."""
    return ASYNCAPI.answer()


@get(ASYNCAPI_PATH, include_in_schema=False, opt=_OPEN, sync_to_thread=True)
def asyncapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve the AsyncAPI document, with the queues of this installation."""
    # FastStream is loaded when somebody asks for the first time; no other request needs it.
    from hub.asyncapi import asyncapi_document

    document = asyncapi_document(gateway_of(request).partitions)
    return Response(orjson.dumps(document), media_type="application/json", headers={"Cache-Control": "no-cache"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, read once: its bytes, the same bytes packed, and the headers that never change."""

    plain: bytes
    packed: bytes | None
    media_type: str
    etag: str
    cache_control: str


@cache
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(_STATIC).as_posix() for path in _STATIC.rglob("*") if path.is_file())


@cache
def _asset(name: str) -> Asset:
    path = _STATIC / name
    plain = path.read_bytes()
    return Asset(
        plain=plain,
        packed=gzip.compress(plain, mtime=0) if path.suffix in _COMPRESSED else None,
        media_type=_MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        etag=f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"',
        # a vendored path names its version; our own files keep their path when they change
        cache_control=_FOR_EVER if name.startswith("vendor/") else "no-cache",
    )


@route(
    "/static/{path:path}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    include_in_schema=False,
    opt=_OPEN,
    sync_to_thread=True,  # the first call reads and packs the file
)
def static_file(path: FromPath[Path], request: Request[Any, Any, Any]) -> Response[bytes]:
    """Serve a file of gateway/static. Only names found there are looked up, so a path cannot lead out of it."""
    name = path.as_posix().lstrip("/")
    if name not in _names():
        raise NotFoundException(detail="no such file")
    asset = _asset(name)
    headers = {
        "ETag": asset.etag,
        "Cache-Control": asset.cache_control,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    content = asset.plain
    if asset.packed is not None and _ACCEPTS_GZIP.search(request.headers.get("accept-encoding", "")):
        content = asset.packed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=asset.media_type, headers=headers)


DOCS_HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    swagger_page,
    redoc_page,
    asyncapi_page,
    asyncapi_json,
    static_file,
)
