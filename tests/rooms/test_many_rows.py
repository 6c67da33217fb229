"""Rows of a whole file are found in about the time that it takes to save them, and never more of them than fit into memory."""

from dataclasses import replace
from time import monotonic
from uuid import uuid4

import pytest

from hub import clock
from hub.domain.holdings import Holdings
from hub.domain.state import Ref
from hub.domain.stock import InventoryItem
from hub.faults import TooMuch
from hub.settings import Settings
from hub.storage.database import open_database
from hub.storage.events import StoredEvent, append, find_ranges
from hub.storage.tables import TABLES, load_rows, save_rows
from tests.rooms.test_lists_storage import OURS, an_item

ITEMS = TABLES[InventoryItem]


async def test_many_names_are_found_fast_on_a_connection_that_knew_the_table_when_it_was_small(
    settings: Settings,
) -> None:
    async with (
        open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database,
        database.transaction() as connection,
    ):
        for item in (an_item() for _ in range(10)):  # after five times PostgreSQL keeps the plan
            await ITEMS.load(connection, [(OURS, Ref(InventoryItem, "sku", item.sku))])
            await save_rows(connection, [item])
        many = [an_item() for _ in range(4000)]
        began = monotonic()
        await save_rows(connection, many)
        saved = monotonic()
        found = await ITEMS.load(connection, [(OURS, Ref(InventoryItem, "sku", item.sku)) for item in many])
        loaded = monotonic()
        assert {row.id for row in found.values() if row is not None} == {item.id for item in many}
        print(f"saved in {(saved - began) * 1000:.0f} ms, found in {(loaded - saved) * 1000:.0f} ms")
        # The kept plan compares every row with every name, which takes twenty times as long.
        assert loaded - saved < 3 * (saved - began)


async def test_rows_that_are_too_much_together_are_not_read(settings: Settings) -> None:
    async with (
        open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database,
        database.transaction() as connection,
    ):
        items = [replace(an_item(), extra_data={"a": "y" * 1_000}) for _ in range(10)]
        await save_rows(connection, items)
        names = [(OURS, Ref(InventoryItem, "sku", item.sku)) for item in items]
        weight = 10 * len('{"a": ""}' + "y" * 1_000) + 10 * len("[]")  # as PostgreSQL writes it, and the identifiers
        found = await load_rows(connection, names, weight)
        assert [row.id for row in found.values()] == [item.id for item in items]
        with pytest.raises(TooMuch, match="10 inventory_items"):
            await load_rows(connection, names, weight - 1)
        with pytest.raises(TooMuch, match="11 inventory_items"):
            await load_rows(connection, [(OURS, Ref(InventoryItem, "sku", f"none {n}")) for n in range(11)], 2_000)


async def test_events_that_are_too_much_together_are_not_read(settings: Settings) -> None:
    async with (
        open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database,
        database.transaction() as connection,
    ):
        pharmacy_id = uuid4()
        told = [
            StoredEvent(uuid4(), pharmacy_id, number, "sale.recorded", uuid4(), clock.now(), '"' + "y" * 98 + '"')
            for number in (1, 2, 3)
        ]
        await append(connection, told)
        assert await find_ranges(connection, [(pharmacy_id, 1, 3)], 300) == told
        assert await find_ranges(connection, [(pharmacy_id, 2, 2)], 200) == told[1:]
        with pytest.raises(TooMuch, match="3 events"):
            await find_ranges(connection, [(pharmacy_id, 1, 3)], 299)


async def test_rows_of_every_kind_are_looked_for(settings: Settings) -> None:
    async with (
        open_database(settings.database_url.get_secret_value(), "hub_write", pool=1) as database,
        database.transaction() as connection,
    ):
        for kind in TABLES:
            wanted = [(OURS, Ref(kind, "id", uuid4())), *((OURS, Ref(kind, field, "none")) for field in kind.UNIQUE)]
            assert await load_rows(connection, wanted, 10_000) == dict.fromkeys(wanted)
        counted = await load_rows(connection, [(OURS, Ref(Holdings, "id", OURS))])
        assert counted == {(OURS, Ref(Holdings, "id", OURS)): Holdings(OURS, OURS)}
