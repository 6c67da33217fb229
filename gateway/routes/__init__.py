"""HTTP routes, one file per resource: each handler names its command or its list; ROUTES is all of them."""

from typing import Final

from litestar.handlers import BaseRouteHandler

from gateway.docs_pages import DOCS_HANDLERS
from gateway.routes import inventory

ROUTES: Final[tuple[BaseRouteHandler, ...]] = (*DOCS_HANDLERS, *inventory.HANDLERS)
