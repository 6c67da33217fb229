"""What hangs on a row, shown on its page below it. A screen adds its own with `panel`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request

from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask, cursor_of
from gateway.admin.registry import Column, Model
from gateway.auth import Caller
from gateway.context import gateway_of
from hub.domain.fields import format_time
from hub.storage.operations import list_operations_about

Asked = Request[Any, Any, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A piece of a row's page.

    Args:
        template: draws it, with `values`.
        name: the place in the page that an address can lead to.
    """

    title: str
    template: str
    values: Mapping[str, Any]
    name: str = ""


MakePanel = Callable[[Asked, Row, Caller], Awaitable[Panel | None]]

_PANELS: Final[dict[str, list[MakePanel]]] = {}


def panel(model: str) -> Callable[[MakePanel], MakePanel]:
    """Add a panel to the pages of a model, behind those it has."""

    def add(make: MakePanel) -> MakePanel:
        _PANELS.setdefault(model, []).append(make)
        return make

    return add


async def panels_of(request: Asked, model: Model, row: Row, caller: Caller) -> list[Panel]:
    """Make the panels of a row."""
    made = [await make(request, row, caller) for make in _PANELS.get(model.name, ())]
    return [one for one in (*made, await history(request, row)) if one is not None]


_HISTORY: Final = (
    Column("accepted_at", "time", "When"),
    Column("type", "code", "What"),
    Column("status", "badge"),
    Column("actor", "ref", "Who"),
    Column("door", wide=True),
)
MOST_HISTORY: Final = 25


async def history(request: Asked, row: Row) -> Panel:
    """Show the operations that were about a row, the newest first, for as long as operations are kept."""
    own, gateway = visitor_here(request).rights().pharmacy_id, gateway_of(request)
    row_id = UUID(row["id"])
    if own is None:
        async with gateway.reads_all.connection() as connection:
            found = await list_operations_about(connection, row_id, MOST_HISTORY + 1)
    else:
        async with gateway.reads.reading(own) as connection:
            found = await list_operations_about(connection, row_id, MOST_HISTORY + 1)
    items = [
        {
            "accepted_at": format_time(one.accepted_at),
            "type": one.type,
            "status": one.status,
            "actor": one.actor,
            "door": one.door,
        }
        for one in found[:MOST_HISTORY]
    ]
    values = {
        "columns": [replace(column, kind="code") if own and column.kind == "ref" else column for column in _HISTORY],
        "items": items,
        "more": len(found) > MOST_HISTORY,
        "links": [("Open", f"/admin/operations/{one.id}/") for one in found],
        "whole": "",
        "file": "",
        "pages": None,
        "has_links": True,
        "empty": f"No write was about this alone in the last {gateway.settings.retention_operations_days} days; "
        "what came in a file stands under Uploads.",
    }
    return Panel("History", "panel_table.html", values)


async def table_panel(
    request: Asked,
    caller: Caller,
    title: str,
    path: str,
    columns: tuple[Column, ...],
    link: Callable[[Row], tuple[str, str] | None] = lambda _line: None,
    whole: str = "",
    file: str = "",
    **query: str,
) -> Panel | None:
    """Make a panel of a list of the API that hangs on the row, by 25 lines.

    Args:
        link: makes the last cell of a line, its text and where it leads.
        whole: the page of the whole list; without one the panel has pages of its own, by its name in the page's address.
        file: where the whole list is as CSV.
    """
    name = title.lower().replace(" ", "-")
    cursor = None if whole else request.query_params.get(name)
    paging = [("limit", "25"), *([("cursor", cursor)] if cursor else [])]
    said = await ask(request, caller, "GET", path, query=[*paging, *query.items()])
    if said.is_problem:
        return None
    page = said.json
    items = page["items"]
    links = [link(line) for line in items]
    values = {
        "columns": columns,
        "items": items,
        "more": page["next"] is not None,
        "links": links,
        "whole": whole,
        "file": file,
        "empty": "",
        "pages": None,
    }
    following = None if whole else cursor_of(page["next"])
    if cursor or following:
        first, further = (cursor and _at(request, name, "")), (following and _at(request, name, following))
        values["pages"] = {"first": first, "following": further}
    return Panel(title, "panel_table.html", {**values, "has_links": any(links)}, name)


def _at(request: Asked, name: str, cursor: str) -> str:
    """Name the same page with a panel at another place."""
    others = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    return f"?{urlencode([*others, *([(name, cursor)] if cursor else [])])}#{name}"


@panel("inventory")
async def ledger(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show an item's movements: where its quantity comes from."""
    columns = (
        Column("recorded_at", "time", "Recorded"),
        Column("reason", "badge"),
        Column("delta", "number"),
        Column("quantity_after", "number", "Quantity after"),
        Column("note"),
        Column("operation_id", "id", "Operation", model="operations", wide=True),
    )
    path, whole = f"/api/inventory/{row['id']}/movements", f"/admin/movements/?item_id={row['id']}"
    return await table_panel(request, caller, "Ledger", path, columns, whole=whole)


@panel("deliveries")
async def attempts(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show a delivery's calls and what came back."""
    columns = (
        Column("number", "number", "#"),
        Column("at", "time", "When"),
        Column("status_code", "number", "Answer"),
        Column("duration_ms", "number", "ms"),
        Column("error"),
        Column("response_body", "code", "Body"),
    )
    return await table_panel(request, caller, "Attempts", f"/api/webhook-deliveries/{row['id']}/attempts", columns)


FAULTS: Final = (Column("line", "number"), Column("pointer", "code"), Column("code", "code"), Column("detail"))


@panel("uploads")
async def faults(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show which rows of a file were refused."""
    file = f"/admin/import/{row['id']}/refused-rows.csv?pharmacy={row['pharmacy_id']}"
    return await table_panel(request, caller, "Refused rows", f"/api/uploads/{row['id']}/errors", FAULTS, file=file)


_KEYS: Final = (
    Column("name"),
    Column("hint", "code", "Ends in"),
    Column("scopes", "tags"),
    Column("last_used_at", "time", "Last used"),
    Column("revoked_at", "time", "Revoked"),
)


@panel("pharmacies")
async def keys(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show a pharmacy's keys."""

    def link(key: Row) -> tuple[str, str]:
        return "Open", f"/admin/keys/{key['id']}/?pharmacy={row['id']}"

    path = f"/api/pharmacies/{row['id']}/keys"
    return await table_panel(request, caller, "Keys", path, _KEYS, link, sort="-created_at")


@panel("integrators")
async def integrator_keys(request: Asked, row: Row, caller: Caller) -> Panel | None:
    """Show an integrator's keys."""

    def link(key: Row) -> tuple[str, str] | None:
        if key["revoked_at"] is not None or caller.role != "admin":
            return None
        return "Revoke", f"/admin/integrators/{row['id']}/do/revoke-key/?key_id={key['id']}"

    path = f"/api/integrators/{row['id']}/keys"
    return await table_panel(request, caller, "Keys", path, _KEYS, link, sort="-created_at")
