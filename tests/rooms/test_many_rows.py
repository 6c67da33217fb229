"""Rows of a whole file are found in about the time that it takes to save them."""

from time import monotonic

from hub.domain.state import Ref
from hub.domain.stock import InventoryItem
from hub.settings import Settings
from hub.storage.database import open_database
from hub.storage.tables import TABLES, save_rows
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
