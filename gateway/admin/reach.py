"""How far a list of all pharmacies answers where its rows are very many.

No index serves a search or most orders over all pharmacies: each would cost every write. So of very many rows the console
offers what an index finds, looks for the whole value where a part of it is too much, and asks for a pharmacy for the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request

from gateway.admin.choosing import Choice
from gateway.admin.registry import Model, words
from gateway.context import gateway_of
from hub.storage.pages import estimate_rows_of_any_pharmacy

Asked = Request[Any, Any, Any]

_SUFFIXES: Final = {
    "lt": "below",
    "lte": "at most",
    "gt": "above",
    "gte": "at least",
    "since": "since",
    "before": "before",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a list is asked for, and what it is not.

    Args:
        model: whose list it is.
        asked: what the API is asked for: as the page was, or the whole value in place of a search for a part of it.
        rows: about how many rows the list has; 0 where they are of one pharmacy, which are never too many.
        is_whole: a search for the whole value took the place of one for a part of it.
        refused: what would read every row, as a person calls it; empty: the list is answered.
    """

    model: Model
    asked: Mapping[str, str]
    rows: int
    is_whole: bool = False
    refused: tuple[str, ...] = ()

    @property
    def whole_name(self) -> str:
        """Say inside a sentence what an index finds in all pharmacies; empty where there is no such thing.

        >>> from gateway.admin.entries import MODELS
        >>> [Reach(MODELS[name], {}, 0).whole_name for name in ("inventory", "orders", "sales")]
        ['SKU', 'order reference', '']
        """
        text = words(self.model.whole) if self.model.whole else ""
        return text if text.isupper() else text.lower()

    @property
    def sentence(self) -> str:
        """Say why nothing is shown and what to do."""
        what = " or ".join(filter(None, (", ".join(self.refused[:-1]), self.refused[-1])))
        found = f", or search for a whole {self.whole_name}" if self.whole_name else ""
        return (
            f"All pharmacies together have about {self.rows:,} rows here, too many to {what} at once. "
            f"Choose a pharmacy{found}."
        )

    def can_sort(self, name: str) -> bool:
        """Tell whether this order is offered."""
        listing = self.model.api
        return listing.is_sortable and name in listing.sorts and _is_answered(self.model, self.rows, [], name)


async def reach_of(request: Asked, model: Model, choice: Choice, wanted: Mapping[str, str]) -> Reach:
    """Decide what a list may be asked for."""
    if model.is_hubs or model.needs_pharmacy or choice.chosen is not None:
        return Reach(model, wanted, 0)
    async with gateway_of(request).reads_all.connection() as connection:
        rows = await estimate_rows_of_any_pharmacy(connection, model.api)
    return _reach(model, wanted, rows)


def _reach(model: Model, wanted: Mapping[str, str], rows: int) -> Reach:
    sort = wanted.get("sort", model.sort if model.api.is_sortable else model.api.default_sort)
    narrowed = [name for name in wanted if name in model.api.filters]
    if _is_answered(model, rows, narrowed, sort):
        return Reach(model, wanted, rows)
    if model.whole and "q" in wanted and model.whole not in wanted:
        others = {name: value for name, value in wanted.items() if name != "q"}
        return Reach(model, {**others, model.whole: wanted["q"]}, rows, is_whole=True)
    costs = [name for name in narrowed if not _is_answered(model, rows, [name], model.api.default_sort)]
    refused = ["search" if name == "q" else f"filter by “{label(name)}”" for name in costs]
    if not _is_answered(model, rows, [], sort):
        refused.append(f"sort by “{_heading(model, sort.removeprefix('-'))}”")
    return Reach(model, wanted, rows, refused=tuple(refused))


def _is_answered(model: Model, rows: int, narrowed: list[str], sort: str) -> bool:
    most = model.api.most_rows(narrowed, sort)
    return most is None or rows <= most


def _heading(model: Model, name: str) -> str:
    return next((column.heading for column in model.columns if column.name == name), words(name))


def label(name: str) -> str:
    """Name a filter for people.

    >>> label("quantity_lt"), label("sale_time_gte"), label("is_low"), label("at_since")
    ('Quantity below', 'Sale time from', 'Low', 'Since')
    """
    stem, _, suffix = name.rpartition("_")
    if suffix in _SUFFIXES and stem:
        said = {"gte": "from", "lt": "before"}.get(suffix) if stem.endswith("time") else None
        text = f"{words(stem)} {said or _SUFFIXES[suffix]}"
        return text if stem != "at" else _SUFFIXES[suffix].capitalize()
    return words(name.removeprefix("is_"))
