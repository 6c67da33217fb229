"""Which pharmacy a page is about, and what this visitor may do there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from litestar import Request

from gateway.admin.frame import form_of, visitor_here
from gateway.admin.inside import ask, id_of
from gateway.admin.registry import Action, Form, Model, Row
from gateway.admin.sessions import Visitor
from gateway.auth import Caller
from gateway.context import gateway_of
from gateway.problems import refused
from hub.storage.operators import names_of_any_pharmacy

Asked = Request[Any, Any, Any]

_ROLES: Final = {"viewer": 0, "operator": 1, "admin": 2}
MOST_CHOICES: Final = 100
"""So many pharmacies are listed to choose from; where there are more, one is searched for."""
MOST_MATCHES: Final = 25
_HOLES: Final = re.compile(r"{(\w+)}")
_ASKED: Final = ("pharmacy", "pharmacy_q", "pharmacy_seen")


@dataclass(frozen=True, slots=True)
class Choice:
    """The pharmacies to choose from, and the one that is chosen.

    Args:
        names: by id: all that are listed; where there are too many, what a search found, and the chosen one.
        is_complete: False: there are more than can be listed, so that one is searched for.
        is_free: an operator chooses; a pharmacy has no choice.
        query: what was searched for; then `names` are the matches, unless one was so clear that it is chosen.
    """

    chosen: UUID | None
    names: Mapping[str, str]
    is_complete: bool = True
    is_free: bool = True
    query: str = ""

    @property
    def asks_which(self) -> bool:
        """Tell that a search found not exactly one."""
        return bool(self.query) and self.chosen is None

    @property
    def shown(self) -> str:
        """Give what stands in the box of the search."""
        return self.query if self.chosen is None else self.names[str(self.chosen)]


async def choose(request: Asked, sent: Mapping[str, str] | None = None) -> Choice:
    """Read the chosen pharmacy and list those there are.

    Args:
        sent: `pharmacy` is an id; `pharmacy_q` a part of a name or an id, which wins where it is not what the page showed
            (`pharmacy_seen`). None: the form's, else the address's.
    """
    visitor = visitor_here(request)
    if visitor.is_portal:
        own = visitor.rights().pharmacy_id
        return Choice(own, {str(own): visitor.name}, is_free=False)
    asked = _asked(request) if sent is None else sent
    wanted = id_of(asked.get("pharmacy", ""))
    names, is_complete = await _find(request, MOST_CHOICES)
    if not is_complete:
        text = asked.get("pharmacy_q")
        if text is not None and (wanted is None or text != asked.get("pharmacy_seen", "")):
            return await _search(request, text.strip()[:200])
        names = {}
    if wanted is not None and str(wanted) not in names:
        names |= await names_of(request, [str(wanted)])
    return Choice(wanted if str(wanted) in names else None, names, is_complete)


def _asked(request: Asked) -> dict[str, str]:
    form = form_of(request) if request.scope["method"] == "POST" else {}
    given = dict(request.query_params)
    return {name: form[name][0] if name in form else given[name] for name in _ASKED if name in form or name in given}


async def _find(request: Asked, most: int, **query: str) -> tuple[dict[str, str], bool]:
    """List pharmacies by name; tells besides whether these are all."""
    pairs = [("limit", str(most)), ("sort", "name"), *query.items()]
    page = (await ask(request, visitor_here(request).rights(), "GET", "/api/pharmacies", query=pairs)).or_refuse().json
    names = {row["id"]: row["name"] if row["is_active"] else f"{row['name']} (inactive)" for row in page["items"]}
    return names, page["next"] is None


async def _search(request: Asked, text: str) -> Choice:
    """Find a pharmacy by a part of its name or by its id: the only one, or the only one of exactly that name."""
    if not text:
        return Choice(None, {}, is_complete=False)
    found_id = id_of(text)
    names = await names_of(request, [text]) if found_id else (await _find(request, MOST_MATCHES, q=text))[0]
    same = [one for one, name in names.items() if name.casefold() == text.casefold()]
    clear = same if len(same) == 1 else list(names) if len(names) == 1 else []
    return Choice(UUID(clear[0]) if clear else None, names, is_complete=False, query=text)


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


def may_write(visitor: Visitor) -> bool:
    """Tell whether a visitor changes what pharmacies have: an operator, or a key with the scope `write`."""
    return "write" in visitor.rights().scopes if visitor.is_portal else visitor.role != "viewer"


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
