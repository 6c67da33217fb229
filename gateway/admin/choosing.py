"""Which pharmacy a page is about, and what this visitor may do there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from litestar import Request

from gateway.admin.frame import visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.registry import Action, Form, Model, Row
from gateway.admin.sessions import Visitor
from gateway.auth import Caller
from gateway.context import gateway_of
from gateway.problems import refused
from hub.storage.operators import names_of_any_pharmacy

Asked = Request[Any, Any, Any]

_ROLES: Final = {"viewer": 0, "operator": 1, "admin": 2}
MOST_CHOICES: Final = 500
_HOLES: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Choice:
    """The pharmacies to choose from, and the one that is chosen.

    Args:
        is_complete: False: there are more than are listed.
        is_free: an operator chooses; a pharmacy has no choice.
    """

    chosen: UUID | None
    names: Mapping[str, str]
    is_complete: bool = True
    is_free: bool = True


async def choose(request: Asked, chosen: str | None = None) -> Choice:
    """Read the chosen pharmacy from `?pharmacy=` (or what a form says), and list those there are."""
    visitor = visitor_here(request)
    if visitor.is_portal:
        own = visitor.rights().pharmacy_id
        return Choice(own, {str(own): visitor.name}, is_free=False)
    wanted = id_of(chosen if chosen is not None else request.query_params.get("pharmacy", ""))
    query = (("limit", str(MOST_CHOICES)), ("sort", "name"))
    page = (await ask(request, visitor.rights(), "GET", "/api/pharmacies", query=query)).or_refuse().json
    names = {row["id"]: row["name"] if row["is_active"] else f"{row['name']} (inactive)" for row in page["items"]}
    if wanted is not None and str(wanted) not in names:
        names |= await names_of(request, [str(wanted)])
    return Choice(wanted if str(wanted) in names else None, names, page["next"] is None)


async def names_of(request: Asked, ids: Iterable[object]) -> dict[str, str]:
    """Name pharmacies by their ids; for operators."""
    visitor = visitor_here(request)
    wanted = [found for found in (id_of(str(one)) for one in set(ids)) if found is not None]
    if visitor.is_portal or not wanted:
        return {str(visitor.rights().pharmacy_id): visitor.name} if visitor.is_portal else {}
    async with gateway_of(request).reads_all.connection() as connection:
        return await names_of_any_pharmacy(connection, wanted)


def acting(visitor: Visitor, pharmacy_id: UUID | None) -> Caller:
    """Give the rights of a visitor, for one pharmacy where there is one; a pharmacy acts for itself only."""
    caller = visitor.rights()
    return caller if visitor.is_portal or pharmacy_id is None else replace(caller, pharmacy_id=pharmacy_id)


def acting_on(visitor: Visitor, model: Model, row: Row) -> Caller:
    """Give the rights of a visitor for the pharmacy that a row belongs to."""
    owner = None if model.is_hubs else row.get("pharmacy_id")
    return acting(visitor, None if owner is None else UUID(owner))


def may(visitor: Visitor, model: Model, what: Form | Action | None) -> bool:
    """Tell whether something is offered to a visitor; the API decides once more when it is done."""
    if what is None:
        return False
    if visitor.is_portal:
        scope = "webhooks" if model.name in {"webhook-endpoints", "deliveries", "sources"} else "write"
        return not model.is_hubs and scope in visitor.rights().scopes
    return _ROLES[visitor.role] >= _ROLES[what.role]


def may_see(visitor: Visitor, model: Model) -> bool:
    """Tell whether a visitor has this model at all."""
    return not (visitor.is_portal and model.is_hubs)


def filled(path: str, row: Mapping[str, Any]) -> str:
    """Fill a path of the API with a row's ids.

    Raises:
        Refused: 404: what stands in an id's place is none.
    """
    values: dict[str, str] = {}
    for name in _HOLES.findall(path):
        found = id_of(str(row.get(name)))
        if found is None:
            raise refused("not-found", "the address names no such thing")
        values[name] = str(found)
    return path.format(**values)
