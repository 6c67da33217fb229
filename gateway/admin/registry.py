"""What a model of the console is: one entry gives its list, filters, page, forms, bulk actions, export and rights.

Filters, orders and the search come from the API's own list (`hub.storage.lists.LISTINGS`), fields of forms from the body
models of its commands (`hub.resources.COMMANDS`): an entry says only what a person has to choose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from hub.domain.fields import Body
from hub.resources import COMMANDS
from hub.storage.lists import LISTINGS
from hub.storage.paging import Listing

Row = Mapping[str, Any]
Role = Literal["viewer", "operator", "admin"]
Kind = Literal[
    "text",
    "code",
    "ref",
    "id",
    "time",
    "money",
    "number",
    "flag",
    "badge",
    "json",
    "object",
    "pharmacy",
    "pharmacies",
    "tags",
    "lines",
    "link",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A member of a row as it is shown.

    Args:
        kind: how it is shown.
        label: its heading; default: the name in words.
        model: the model (or `operations`) whose page it leads to.
        of: the member with the id of that page; default: the column's own.
        wide: left out where the screen is narrow.
        columns: of `lines`, a list of objects.
        none_yet: a sentence where `lines` has none.
    """

    name: str
    kind: Kind = "text"
    label: str = ""
    model: str = ""
    of: str = ""
    wide: bool = False
    columns: tuple["Column", ...] = ()
    none_yet: str = ""

    @property
    def heading(self) -> str:
        """The heading."""
        return self.label or words(self.name)


@dataclass(frozen=True, slots=True)
class Input:
    """What a form does differently for a field than its type says.

    Args:
        widget: `textarea`, `lines`, `json`, `tags`, `checks`, ...
        help: a sentence below it.
        value: what the form begins with.
        whole: an object that is sent whole when it changes, not as a JSON Merge Patch.
    """

    label: str = ""
    widget: str = ""
    help: str = ""
    value: object = None
    placeholder: str = ""
    whole: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done with a row beside changing it.

    Args:
        path: of the API, with `{id}` and `{pharmacy_id}`; `command` names the body's model.
        fields: of the body that are asked for; with none the action is a confirmation only.
        body: what is sent without asking.
        when: tells from the row whether it is offered.
        choices: of a field, made from the row.
        bulk: it can be done to many rows at once.
        named: ids in the path that the address of the form names; a panel of the row's page leads to it.
    """

    name: str
    label: str
    command: str
    path: str
    method: str = "POST"
    icon: str = "bolt"
    fields: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    when: Callable[[Row], bool] = lambda _row: True
    choices: Mapping[str, Callable[[Row], list[str]]] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    confirm: str = ""
    danger: bool = False
    bulk: bool = False
    role: Role = "operator"
    named: tuple[str, ...] = ()

    @property
    def model(self) -> type[Body]:
        """The model of the body."""
        return COMMANDS[self.command].body


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a model: the command whose body it fills, and the route that takes it."""

    command: str
    path: str
    method: Literal["POST", "PATCH"]
    fields: tuple[str, ...]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    role: Role = "operator"
    is_offered: Callable[[Row], bool] = lambda _row: True

    @property
    def model(self) -> type[Body]:
        """The model of the body."""
        return COMMANDS[self.command].body


@dataclass(frozen=True, eq=False)
class Model:
    """One model of the console.

    Args:
        name: its place in addresses, `/admin/<name>/`.
        noun, plural: as people call it.
        listing: a key of `LISTINGS`.
        path: of the API's list; `{pharmacy_id}` where the list hangs on a pharmacy.
        one: of the API's single resource; empty: there is no page of its own.
        title: names a row.
        columns: of the list. `details`: of the page beside them.
        none_yet: what an empty list says: what would make a row appear.
        filters: offered above the list, by name; all others of the API's list fold away behind them.
        needs_pharmacy: a pharmacy has to be chosen before there is a list.
        is_hubs: belongs to the hub, not to pharmacies; no pharmacy sees it.
        secrets: members of an answer that are shown this once.
        whole: the filter that is asked instead of the search where the rows of all pharmacies are too many for that: an
            index finds its whole value.
    """

    name: str
    noun: str
    plural: str
    icon: str
    listing: str
    path: str
    columns: tuple[Column, ...]
    none_yet: str
    one: str = ""
    title: Callable[[Row], str] = lambda row: str(row["id"])
    details: tuple[Column, ...] = ()
    filters: tuple[str, ...] = ()
    sort: str = "-created_at"
    create: Form | None = None
    edit: Form | None = None
    delete: Action | None = None
    actions: tuple[Action, ...] = ()
    needs_pharmacy: bool = False
    is_hubs: bool = False
    group: str = "Pharmacies"
    secrets: tuple[str, ...] = ()
    about: str = ""
    search: str = ""
    whole: str = ""

    @cached_property
    def api(self) -> Listing:
        """The API's list."""
        return LISTINGS[self.listing]

    @property
    def has_search(self) -> bool:
        """Tell whether the list takes `q`."""
        return "q" in self.api.filters

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """Every filter that is not offered at once, but for the pharmacy, which has a field of its own.

        Where there is "at least" and "at most", they say all that the other comparisons say.
        """
        known = self.api.filters
        ranged = [name.removesuffix("_gte") for name in known if name.endswith("_gte") and f"{name[:-3]}lte" in known]
        spared = {f"{name}{suffix}" for name in ranged for suffix in ("", "_lt", "_gt")}
        return tuple(name for name in known if name not in spared | {"q", "pharmacy_id", *self.filters})

    @property
    def all_actions(self) -> tuple[Action, ...]:
        """Every action, the deletion last."""
        return (*self.actions, *([self.delete] if self.delete else []))

    def action(self, name: str) -> Action | None:
        """Find an action by name."""
        return next((one for one in self.all_actions if one.name == name), None)


def counted(count: int, noun: str) -> str:
    """Say how many there are of what a model calls one row.

    >>> counted(1, "item"), counted(2, "webhook event"), counted(0, "delivery"), counted(3, "key")
    ('1 item', '2 webhook events', '0 deliveries', '3 keys')
    """
    if count == 1:
        return f"1 {noun}"
    ends_in_consonant_y = noun.endswith("y") and noun[-2] not in "aeiou"
    return f"{count} {noun[:-1]}ies" if ends_in_consonant_y else f"{count} {noun}s"


_SMALL: Final = {"id": "Id", "sku": "SKU", "url": "URL", "uri": "URI", "totp": "second factor", "json": "JSON"}


def words(name: str) -> str:
    """Write a member's name for people.

    >>> words("low_stock_threshold"), words("sku"), words("webhook_url")
    ('Low stock threshold', 'SKU', 'Webhook URL')
    """
    parts = [_SMALL.get(part, part) for part in name.split("_")]
    text = " ".join(part for part in parts if part != "at") or name
    return text[0].upper() + text[1:]
