"""HTTP routes, one file per resource: each handler names its command or its list; ROUTES is all of them."""

from typing import Final

from litestar.handlers import BaseRouteHandler

from gateway import amqp_login, docs_pages, front_page, health, openapi
from gateway.routes import (
    audit,
    event_queue,
    events,
    hooks,
    integrators,
    inventory,
    operations,
    operator_keys,
    operators,
    orders,
    parked,
    pharmacies,
    reconciliation,
    sales,
    schemas,
    sources,
    uploads,
    webhook_endpoints,
    webhook_events,
    webhooks,
)

ROUTES: Final[tuple[BaseRouteHandler, ...]] = (
    *front_page.HANDLERS, *docs_pages.DOCS_HANDLERS, *health.HANDLERS, *pharmacies.HANDLERS, *inventory.HANDLERS, *sales.HANDLERS, *orders.HANDLERS,
    *webhook_events.HANDLERS, *webhook_endpoints.HANDLERS, *webhooks.HANDLERS, *sources.HANDLERS, *hooks.HANDLERS, *operations.HANDLERS, *events.HANDLERS, *uploads.HANDLERS, *parked.HANDLERS, *audit.HANDLERS, *reconciliation.HANDLERS,
    *operators.HANDLERS, *operator_keys.HANDLERS, *schemas.HANDLERS, *openapi.HANDLERS, *amqp_login.HANDLERS, *integrators.HANDLERS, *event_queue.HANDLERS,
)  # fmt: skip
