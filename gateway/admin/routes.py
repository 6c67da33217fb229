"""Every page of the console, under `/admin/`, behind its frame."""

from typing import Any, Final

from litestar import Request, Response, Router, get

from gateway.admin import account, bulk, listing, sign_in, writing
from gateway.admin.frame import EXCEPTION_HANDLERS, frame
from gateway.admin.pages import render


@get("/", opt={"console": "signed-in"})
async def show_home(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show where to go from here."""
    return render(request, "home.html", title="Overview")


HANDLERS: Final = (
    show_home,
    *sign_in.HANDLERS,
    *account.HANDLERS,
    *listing.HANDLERS,
    *writing.HANDLERS,
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
