"""Lists against PostgreSQL: what SQL shows is what the domain's `dump_*` show, pages neither skip nor repeat, walls hold."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.domain.orders import Order, dump_order
from hub.domain.pharmacies import ApiKey, Pharmacy, dump_key, dump_pharmacy
from hub.domain.sales import Sale, dump_sale
from hub.domain.stock import InventoryItem, StockMovement, dump_item, dump_movement
from hub.domain.uploads import Upload, UploadError, dump_upload
from hub.domain.webhook_events import WebhookEvent, dump_webhook_event
from hub.domain.webhooks import WebhookEndpoint, dump_endpoint
from hub.storage.database import Database, open_database
from hub.storage.lists import LISTINGS
from hub.storage.pages import After, Page, find_one, find_one_of_any_pharmacy, list_page, list_page_of_any_pharmacy
from hub.storage.paging import Wanted, WrongParameters, parameters_of, parse_wanted, sort_words
from hub.storage.tables import TABLES, save_rows

OURS = uuid4()
THEIRS = uuid4()
WHOLE_SECOND = datetime(2026, 11, 24, 12, 0, 0, 0, tzinfo=UTC)
ODD_TEXT = 'Ä "quoted" \\ back\n\ttab </script> \u2028 😀 é e\u0301 \x7f \x01'
ODD_JSON: dict[str, Any] = {
    "float": 0.1, "big": 1.5e300, "tiny": 5e-324, "minus zero": -0.0, "one": 1.0, "int": 9007199254740993, "null": None,
    "nested": [[], {}, [{"a": ["😀", "\u0001", '"']}]], "": "empty key", "ünïcode": ODD_TEXT, "yes": True,
}  # fmt: skip
TIMES: dict[str, Any] = {
    "created_at": WHOLE_SECOND,
    "updated_at": WHOLE_SECOND + timedelta(microseconds=1),
    "version": 3,
}


def an_item(**members: Any) -> InventoryItem:
    values: dict[str, Any] = {
        "id": uuid4(), "pharmacy_id": OURS, "sku": f"SKU-{uuid4().hex[:8]}", "name": "Aspirin", "quantity": 1, "reserved": 0,
        "price": Decimal("9.90"), "extra_data": {}, "identifiers": [], "low_stock_threshold": None, **TIMES,
    }  # fmt: skip
    return InventoryItem(**(values | members))


def a_line(**members: Any) -> dict[str, Any]:
    return {
        "sku": "PZN1",
        "inventory_item": str(uuid4()),
        "quantity": 2,
        "total_price": "1.10",
        "quantity_after": -1,
    } | members


def a_sale(**members: Any) -> Sale:
    values: dict[str, Any] = {
        "id": uuid4(), "pharmacy_id": OURS, "lines": [a_line()], "total_price": Decimal("1.10"), "sale_time": WHOLE_SECOND,
        "reference": None, "status": "recorded", "extra_data": {}, **TIMES,
    }  # fmt: skip
    return Sale(**(values | members))


def an_order(**members: Any) -> Order:
    line = {"sku": ODD_TEXT[:20], "name": ODD_TEXT, "quantity": 1, "unit_price": "0.00", "inventory_item": None, "reserved": 0,
            "supplied": 0, "short": False}  # fmt: skip
    values: dict[str, Any] = {
        "id": uuid4(), "pharmacy_id": OURS, "order_reference": f"R-{uuid4().hex[:8]}", "items": [line],
        "total_amount": Decimal("0.00"), "status": "on_hold", "held_from": "pending", "reason": ODD_TEXT, "source": "hub",
        "extra_data": ODD_JSON, **TIMES,
    }  # fmt: skip
    return Order(**(values | members))


ITEM = an_item(
    name=ODD_TEXT, quantity=-2_147_483_647, extra_data=ODD_JSON, identifiers=[{"scheme": "gtin", "value": "96385074"}]
)
UPLOAD = Upload(uuid4(), OURS, "inventory", "d" * 64, 10, 4, 3, **TIMES)
ENDPOINT = WebhookEndpoint(
    uuid4(), OURS, "https://example.org/ä?q=1", "ciphertext", ["sale.*", "*"], enabled=True, is_default=False, description=ODD_TEXT,
    **TIMES,
)  # fmt: skip
Dump = Callable[[Any], dict[str, Any]]


def dump_listed_key(key: ApiKey) -> dict[str, Any]:
    """Represent a key as the list does: it also says when the key was last used, which no command changes."""
    shown = dump_key(key)
    times = {name: shown.pop(name) for name in ("created_at", "updated_at", "version")}
    return {**shown, "last_used_at": None, **times}


ROWS: Mapping[str, tuple[Dump, list[Any]]] = {
    "pharmacies": (dump_pharmacy, [
        Pharmacy(OURS, ODD_TEXT, True, None, ODD_JSON, **TIMES), Pharmacy(THEIRS, "Harbour", False, "https://x.example/", {}, **TIMES),
    ]),
    "keys": (dump_listed_key, [
        ApiKey(uuid4(), OURS, ODD_TEXT, uuid4().hex * 2, "abcd", ["read"], None, None, **TIMES),
        ApiKey(uuid4(), OURS, "old", uuid4().hex * 2, "abcd", [], WHOLE_SECOND, WHOLE_SECOND, **TIMES),
    ]),
    "inventory": (dump_item, [ITEM, an_item(low_stock_threshold=0, price=Decimal(0)), an_item(price=Decimal("9999999999.99"))]),
    "movements": (dump_movement, [
        StockMovement(uuid4(), OURS, ITEM.id, uuid4(), -5, -5, "sold", ODD_TEXT, None, WHOLE_SECOND, WHOLE_SECOND),
        StockMovement(uuid4(), OURS, ITEM.id, uuid4(), 5, 0, "count", "", "/api/sales/1/", datetime(1900, 1, 1, tzinfo=UTC), WHOLE_SECOND),
    ]),
    "sales": (dump_sale, [
        a_sale(reference=ODD_TEXT), a_sale(lines=[a_line(), a_line(quantity_after=None, quantity=2_147_483_647)], extra_data=ODD_JSON),
    ]),
    "orders": (dump_order, [an_order(), an_order(held_from=None, status="pending", items=[], source="external")]),
    "webhook_events": (dump_webhook_event, [
        WebhookEvent(uuid4(), OURS, "order.created", payload, source, WHOLE_SECOND, at is not None, at, **TIMES)
        for payload, source, at in ((None, None, None), (ODD_JSON, uuid4(), WHOLE_SECOND), ("text", None, None), ([1, "2"], None, None))
    ]),
    "uploads": (dump_upload, [UPLOAD, Upload(uuid4(), OURS, "sales", "d" * 64, 2, 1, 1, **TIMES)]),
    "upload_errors": (
        lambda fault: {"line": fault.line, "pointer": fault.pointer, "code": fault.code, "detail": fault.detail},
        [UploadError(uuid4(), OURS, UPLOAD.id, 7, "#/sku", "x", ODD_TEXT), UploadError(uuid4(), OURS, UPLOAD.id, 7, "#", "y", "")],
    ),
    "webhook_endpoints": (dump_endpoint, [ENDPOINT]),
}  # fmt: skip
PARENTS = {"movements": ITEM.id, "upload_errors": UPLOAD.id, "keys": OURS}


@dataclass(frozen=True, slots=True)
class Stage:
    writes: Database
    reads: Database
    reads_all: Database

    async def save(self, *rows: Any) -> None:
        async with self.writes.transaction() as connection:
            await save_rows(connection, rows)

    async def page(
        self,
        listing: str,
        pharmacy_id: UUID = OURS,
        after: After | None = None,
        parent: UUID | None = None,
        **parameters: Any,
    ) -> Page | None:
        chosen = LISTINGS[listing]
        wanted = parse_wanted(chosen, list(parameters.items()))
        async with self.reads.connection() as connection:
            return await list_page(connection, pharmacy_id, chosen, wanted, after, parent or PARENTS.get(listing))

    async def items(self, listing: str, **parameters: Any) -> list[dict[str, Any]]:
        page = await self.page(listing, **parameters)
        assert page is not None
        return [json.loads(item) for item in page.items]

    async def walk(self, listing: str, **parameters: Any) -> list[dict[str, Any]]:
        """Follow the pages to the end."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = await self.page(listing, after=after, **parameters)
            assert page is not None
            found += [json.loads(item) for item in page.items]
            after = page.after
            if after is None:
                return found


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with (
        open_database(database_url, "hub_write", pool=2) as writes,
        open_database(database_url, "hub_read", pool=2) as reads,
        open_database(database_url, "hub_read_all", pool=2) as reads_all,
    ):
        yield Stage(writes, reads, reads_all)


async def save_all(stage: Stage) -> None:
    await stage.save(*(row for _, rows in ROWS.values() for row in rows))


def exactly(text: str) -> Any:
    """Read JSON without losing a digit: 1.50 and 1.5 are equal, 0.1 and 0.1000000000000000055 are not."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize("listing", ROWS)
async def test_a_page_a_single_read_and_the_domain_show_the_same(stage: Stage, listing: str) -> None:
    await save_all(stage)
    dump, rows = ROWS[listing]
    chosen, table = LISTINGS[listing], TABLES[type(rows[0])]
    pharmacies = {row.id if listing == "pharmacies" else row.pharmacy_id for row in rows}
    for pharmacy_id in pharmacies:
        own = [row for row in rows if (row.id if listing == "pharmacies" else row.pharmacy_id) == pharmacy_id]
        page = await stage.page(listing, pharmacy_id)
        assert page is not None
        shown = [exactly(item) for item in page.items]
        expected = [exactly(json.dumps(dump(row))) for row in own]
        assert sorted(map(repr, map(canonical, shown))) == sorted(map(repr, map(canonical, expected)))
        async with stage.writes.connection() as connection:
            stored = [
                table.read(tuple(record))
                for record in await connection.fetch(
                    f"SELECT {table.select} FROM {table.name} t WHERE id = ANY($1)", [row.id for row in own]
                )
            ]
        assert sorted(map(repr, map(canonical, shown))) == sorted(
            repr(canonical(exactly(json.dumps(dump(row))))) for row in stored
        )
        for row in own:
            async with stage.reads.connection() as connection:
                single = await find_one(connection, pharmacy_id, chosen, row.id)
            async with stage.reads_all.connection() as connection:
                same = await find_one_of_any_pharmacy(connection, chosen, row.id)
            assert single is not None
            assert single == same
            assert single.item in page.items
            assert single.version == (row.version if chosen.versioned else None)


def canonical(value: Any) -> Any:
    """Order the members; a jsonb column keeps no order, no -0 and no double's digits beyond its text."""
    if isinstance(value, dict):
        return {name: canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [canonical(part) for part in value]
    return (value + 0).normalize() if isinstance(value, Decimal) else value


@pytest.mark.parametrize("listing", ROWS)
async def test_keys_of_an_item_stand_in_the_domains_order(stage: Stage, listing: str) -> None:
    await save_all(stage)
    dump, rows = ROWS[listing]
    page = await stage.page(listing)
    assert page is not None
    assert {tuple(json.loads(item)) for item in page.items} == {tuple(dump(row)) for row in rows[:1]}


@pytest.mark.parametrize("listing", sorted(set(ROWS) - {"pharmacies"}))
async def test_another_pharmacy_sees_nothing(stage: Stage, listing: str) -> None:
    await save_all(stage)
    page = await stage.page(listing, THEIRS)
    if LISTINGS[listing].parent is None:
        assert page is not None
        assert not page.items
    else:
        assert page is None  # what it hangs on is not there: 404
    for row in ROWS[listing][1]:
        async with stage.reads.connection() as connection:
            assert await find_one(connection, THEIRS, LISTINGS[listing], row.id) is None


@pytest.mark.parametrize("listing", ROWS)
async def test_each_wall_alone_keeps_strangers_out(stage: Stage, listing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await save_all(stage)
    chosen = LISTINGS[listing]
    parent = PARENTS.get(listing)
    wanted = Wanted(sort=chosen.default_sort)
    # Without the statement's own condition: row-level security is left. A statement for nobody reads as hub_read.
    async with stage.reads.connection() as connection:
        page = await list_page_of_any_pharmacy(connection, chosen, wanted, None, parent)
    assert page is None or not page.items
    # Without row-level security: the condition is left.
    async with stage.reads_all.connection() as connection:
        page = await list_page(connection, uuid4(), chosen, wanted, None, parent)
    assert page is None or not page.items


@pytest.mark.parametrize("listing", ROWS)
async def test_every_filter_and_every_order_is_sql_that_runs(stage: Stage, listing: str) -> None:
    await save_all(stage)
    chosen = LISTINGS[listing]
    values = {
        "int8": "1",
        "uuid": str(uuid4()),
        "bool": "true",
        "numeric": "1.00",
        "timestamptz": "2026-01-01T00:00:00Z",
    }
    sorts = sort_words(chosen) if chosen.is_sortable else [""]
    for sort in sorts:
        order: dict[str, Any] = {"sort": sort} if sort else {}
        await stage.page(listing, **order, count="true")
        await stage.walk(listing, **order, limit="1")
    for name, wanted in chosen.filters.items():
        text = wanted.kind.schema["enum"][0] if "enum" in wanted.kind.schema else values.get(wanted.kind.sql, "a'; --")
        async with stage.reads_all.connection() as connection:
            read = parse_wanted(chosen, [(name, text), ("count", "true"), ("limit", "7")])
            await list_page_of_any_pharmacy(connection, chosen, read, None, PARENTS.get(listing))
        await stage.page(listing, **dict[str, Any]({name: text}), count="true")


async def test_pages_neither_skip_nor_repeat_where_all_values_are_equal(stage: Stage) -> None:
    items = [an_item(name="same", quantity=index % 3) for index in range(25)]
    await stage.save(*items)
    for sort in sort_words(LISTINGS["inventory"]):
        for limit in ("1", "7", "24", "25", "26"):
            seen = await stage.walk("inventory", sort=sort, limit=limit)
            assert sorted(item["id"] for item in seen) == sorted(str(item.id) for item in items), (sort, limit)
            field = sort.removeprefix("-")
            if field not in {"sku", "name"}:
                values = [Decimal(item[field]) if field == "price" else item[field] for item in seen]
                assert values == sorted(values, reverse=sort.startswith("-"))


async def test_a_page_goes_on_behind_what_was_inserted_or_deleted_meanwhile(stage: Stage) -> None:
    items = [an_item(created_at=WHOLE_SECOND + timedelta(microseconds=index)) for index in range(6)]
    await stage.save(*items)
    first = await stage.page("inventory", limit="3")
    assert first is not None
    await stage.save(an_item(created_at=WHOLE_SECOND - timedelta(days=1)), replace(items[2], deleted_at=WHOLE_SECOND))
    second = await stage.page("inventory", after=first.after, limit="3")
    assert second is not None
    assert [json.loads(item)["id"] for item in second.items] == [str(item.id) for item in items[3:]]


async def test_long_names_are_paged_through(stage: Stage) -> None:
    items = [an_item(name="😀" * 9_999 + str(index)) for index in range(5)]
    await stage.save(*items)
    seen = await stage.walk("inventory", sort="-name", limit="2")
    assert {item["id"] for item in seen} == {str(item.id) for item in items}


async def test_movements_are_newest_first_in_order_of_application(stage: Stage) -> None:
    await stage.save(ITEM)
    moved = [
        StockMovement(
            uuid4(),
            OURS,
            ITEM.id,
            uuid4(),
            1,
            index,
            "found",
            "",
            None,
            WHOLE_SECOND - timedelta(days=index),
            WHOLE_SECOND,
        )
        for index in range(5)
    ]
    for movement in moved:
        await stage.save(movement)
    assert [item["quantity_after"] for item in await stage.walk("movements", limit="2")] == [4, 3, 2, 1, 0]


async def test_a_deleted_item_has_no_movements_and_an_item_without_any_has_an_empty_list(stage: Stage) -> None:
    await stage.save(ITEM)
    page = await stage.page("movements")
    assert page is not None
    assert not page.items
    await stage.save(replace(ITEM, deleted_at=WHOLE_SECOND), *ROWS["movements"][1])
    assert await stage.page("movements") is None
    assert await stage.page("movements", parent=uuid4()) is None


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ASPIRIN", {"aspirin"}), ("straße", {"strasse"}), ("STRASSE", set()), ("é", {"accents"}), ("E\u0301", {"accents"}),
        ("É", {"accents"}), ("100%", {"percent"}), ("%", {"percent"}), ("_", {"under"}), ("\\", {"slash"}), ("a'; --", set()),
        ("sku-percent", {"percent"}), ("i", {"aspirin"}),
    ],
)  # fmt: skip
async def test_q_is_a_literal_part_in_any_case(stage: Stage, q: str, found: set[str]) -> None:
    names = {
        "aspirin": "Aspirin", "strasse": "Hauptstraße", "accents": "Cafe\u0301", "percent": "100% x", "under": "x_y", "slash": "x\\y",
    }  # fmt: skip
    items = [
        (name, an_item(sku="SKU-PERCENT" if name == "percent" else f"z{index}", name=text))
        for index, (name, text) in enumerate(names.items())
    ]
    await stage.save(*(item for _, item in items))
    by_id = {str(item.id): name for name, item in items}
    assert {by_id[item["id"]] for item in await stage.items("inventory", q=q)} == found


async def test_filters_compare_what_they_say(stage: Stage) -> None:
    low = an_item(
        quantity=5, reserved=3, low_stock_threshold=2, identifiers=[{"scheme": "x", "value": "V1"}], sku="caf\u00e9"
    )
    plenty = an_item(quantity=50, updated_at=WHOLE_SECOND + timedelta(seconds=5), price=Decimal("10.00"))
    await stage.save(low, plenty)

    async def found(**parameters: str) -> set[str]:
        return {
            "low" if item["id"] == str(low.id) else "plenty" for item in await stage.items("inventory", **parameters)
        }

    assert await found(quantity_lt="50") == {"low"}
    assert await found(quantity_lte="50") == {"low", "plenty"}
    assert await found(quantity_gt="5") == {"plenty"}
    assert await found(quantity_gte="5") == {"low", "plenty"}
    assert await found(available_lt="3") == {"low"}
    assert await found(is_low="true") == {"low"}
    assert await found(is_low="false") == {"plenty"}
    assert await found(identifier="V1") == {"low"}
    assert await found(sku="cafe\u0301") == {"low"}
    assert await found(price_gte="9.91") == {"plenty"}
    assert await found(updated_since="2026-11-24T12:00:05Z") == {"plenty"}
    assert await found(updated_since="2026-11-24T13:00:05+01:00") == {"plenty"}
    assert await found(updated_since="2026-11-24T12:00:05.000001Z") == set()
    assert await found(created_since="2026-11-24T12:00:00Z", quantity_gte="6") == {"plenty"}


async def test_sales_and_orders_are_found_by_their_lines(stage: Stage) -> None:
    item_id = uuid4()
    sale, order = (
        a_sale(lines=[a_line(), a_line(sku="ZZ9", inventory_item=str(item_id))], reference="Till 7"),
        an_order(),
    )
    await stage.save(sale, a_sale(), order)
    for parameters in (
        {"sku": "ZZ9"},
        {"inventory_item": str(item_id)},
        {"q": "zz9"},
        {"q": "TILL"},
        {"reference": "Till 7"},
    ):
        assert [found["id"] for found in await stage.items("sales", **parameters)] == [str(sale.id)], parameters
    for parameters in (
        {"sku": ODD_TEXT[:20]},
        {"q": "QUOTED"},
        {"q": order.order_reference.lower()},
        {"status": "on_hold"},
    ):
        assert [found["id"] for found in await stage.items("orders", **parameters)] == [str(order.id)], parameters


async def test_a_count_counts_what_the_filters_leave_and_stops_at_the_cap(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.save(*(an_item(quantity=index) for index in range(30)))
    page = await stage.page("inventory", count="true", limit="2", quantity_gte="10")
    assert page is not None
    assert (page.count, page.is_capped) == (20, False)
    monkeypatch.setattr("hub.storage.pages.COUNT_CAP", 19)
    assert page.is_capped


async def test_operators_read_every_pharmacys_rows(stage: Stage) -> None:
    ours, theirs = an_item(), an_item(pharmacy_id=THEIRS)
    await stage.save(ours, theirs)
    async with stage.reads_all.connection() as connection:
        page = await list_page_of_any_pharmacy(connection, LISTINGS["inventory"], Wanted(sort="created_at"), None)
    assert page is not None
    assert {json.loads(item)["id"] for item in page.items} == {str(ours.id), str(theirs.id)}


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ([("limit", text)], ["limit"]) for text in ("0", "-1", "501", "1e9", "abc", "", " 5", "05", "5.0", "١", "99999999999999999999")
    ] + [
        ([("sort", "password")], ["sort"]), ([("sort", "--name")], ["sort"]), ([("sort", "")], ["sort"]), ([("colour", "red")], ["colour"]),
        ([("SKU", "x")], ["SKU"]), ([("sku", "a"), ("sku", "b")], ["sku"]), ([("sku", "x" * 129)], ["sku"]), ([("q", "x" * 201)], ["q"]),
        ([("q", "a\x00b")], ["q"]), ([("quantity_lt", "2147483648")], ["quantity_lt"]), ([("quantity_lt", "1.0")], ["quantity_lt"]),
        ([("is_low", "True")], ["is_low"]), ([("count", "1")], ["count"]), ([("updated_since", "2026-02-30T00:00:00Z")], ["updated_since"]),
        ([("updated_since", "2026-01-01")], ["updated_since"]), ([("updated_since", "2026-01-01T00:00:00 00:00")], ["updated_since"]),
        ([("updated_since", "2026-01-01T00:00:00")], ["updated_since"]), ([("updated_since", "1764000000")], ["updated_since"]),
        ([("price_lt", "-1")], ["price_lt"]), ([("price_lt", "NaN")], ["price_lt"]),
        ([("a", "1"), ("b", ""), ("limit", "0")], ["a", "b", "limit"]),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(parameters: list[tuple[str, str]], names: list[str]) -> None:
    with pytest.raises(WrongParameters) as caught:
        parse_wanted(LISTINGS["inventory"], parameters)
    assert sorted({fault.name for fault in caught.value.faults}) == names


def test_a_cursor_is_bound_to_filters_and_order_and_not_to_the_limit() -> None:
    def binding(*pairs: tuple[str, str]) -> str:
        return parse_wanted(LISTINGS["inventory"], pairs).binding

    assert binding(("limit", "5"), ("sku", "a")) == binding(("sku", "a"), ("limit", "6"), ("count", "true"))
    assert (
        len(
            {
                binding(),
                binding(("sku", "a")),
                binding(("sku", "b")),
                binding(("sort", "-name")),
                binding(("name", "a")),
            }
        )
        == 5
    )


def test_lists_without_a_choice_of_order_do_not_know_sort() -> None:
    assert "sort" not in parameters_of(LISTINGS["movements"])
    with pytest.raises(WrongParameters):
        parse_wanted(LISTINGS["movements"], [("sort", "-position")])
