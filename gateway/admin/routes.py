"""Every page of the console, under `/admin/`, behind its frame."""

from typing import Final

from litestar import Router

from gateway.admin import account, bulk, doing, listing, sign_in, writing
from gateway.admin.frame import EXCEPTION_HANDLERS, frame
from gateway.admin.screens import (
    doctor,
    event_log,
    event_queue,
    importing,
    jump,
    live,
    lookup,
    mending,
    overview,
    reconciling,
    reprocessing,
)

HANDLERS: Final = (
    *overview.HANDLERS,
    *live.HANDLERS,
    *event_log.HANDLERS,
    *reconciling.HANDLERS,
    *lookup.HANDLERS,
    *importing.HANDLERS,
    *jump.HANDLERS,
    *doctor.HANDLERS,
    *mending.HANDLERS,
    *event_queue.HANDLERS,
    *reprocessing.HANDLERS,
    *sign_in.HANDLERS,
    *account.HANDLERS,
    *listing.HANDLERS,
    *writing.HANDLERS,
    *doing.HANDLERS,
    *bulk.HANDLERS,
)


def console() -> Router:
    """Make the console's router; it is left out where `HUB_ADMIN_ENABLED` is off."""
    return Router(
        "/admin",
        route_handlers=list(HANDLERS),
        middleware=[frame],
        exception_handlers=EXCEPTION_HANDLERS,
        include_in_schema=False,
    )
