"""HTTP routes, one file per resource: each handler names its command or its list; ROUTES is all of them."""

from typing import Final

from litestar.handlers import BaseRouteHandler

from gateway import docs_pages, health, openapi
from gateway.routes import events, inventory, operations, orders, pharmacies, sales, schemas, uploads, webhook_events

ROUTES: Final[tuple[BaseRouteHandler, ...]] = (
    *docs_pages.DOCS_HANDLERS, *health.HANDLERS, *pharmacies.HANDLERS, *inventory.HANDLERS, *sales.HANDLERS, *orders.HANDLERS,
    *webhook_events.HANDLERS, *operations.HANDLERS, *events.HANDLERS, *uploads.HANDLERS, *schemas.HANDLERS, *openapi.HANDLERS,
)
