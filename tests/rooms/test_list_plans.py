"""How PostgreSQL reads the lists: no page is found by reading a whole table.

`.ci/run` and `--long` look at tables of 100,000 rows each, which take a minute to fill; else 8,000, where it plans the same.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from hub.storage.database import credentials_of
from hub.storage.lists import LISTINGS
from hub.storage.operations import ABOUT
from hub.storage.page_sql import page_statement
from hub.storage.paging import Listing
from tests.conftest import Servers
from tests.kit.full_tables import fill_table

ROWS = 100_000
FEW_ROWS = 8_000
OPERATORS_ONLY = {"parked", "audit"}
FEW = {"operators", "operator_keys", "integrators", "integrator_keys"}
"""Lists of the hub's own people and partners: a few rows each, which are read whole."""


@pytest.fixture(scope="module")
async def full(servers: Servers, template_database: str, pytestconfig: pytest.Config) -> AsyncIterator[str]:
    """A database with many rows in every table that a list shows; the address."""
    rows = ROWS if pytestconfig.getoption("--long") else FEW_ROWS
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    owner = await asyncpg.connect(**credentials_of(servers.database_url(name)))
    try:
        await owner.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        for table in sorted({"operations", *(listing.table for listing in LISTINGS.values())}):
            await fill_table(owner, table, rows)
    finally:
        await owner.close()
    yield servers.database_url(name)
    servers.sql(f"DROP DATABASE {name} WITH (FORCE)")


def _sorts(listing: Listing) -> list[str]:
    """Name the default order, and the times' orders in both directions: `updated_since` goes with them."""
    times = [
        name
        for name, sort in listing.sorts.items()
        if sort.kind == "timestamptz" and name in {"created_at", "updated_at"}
    ]
    return list(dict.fromkeys([listing.default_sort, *times, *(f"-{name}" for name in times)]))


def _scans(plan: Any, found: set[str]) -> set[str]:
    if isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            found.add(plan["Relation Name"])
        for value in plan.values():
            _scans(value, found)
    elif isinstance(plan, list):
        for value in plan:
            _scans(value, found)
    return found


def _ways(listing: Listing) -> Iterator[tuple[str, bool, bool, tuple[str, ...]]]:
    since = [("updated_since",)] if "updated_since" in listing.filters else []
    for sort in _sorts(listing):
        for is_scoped in (True, False):
            for is_continued in (False, True):
                for names in [(), *since]:
                    yield sort, is_scoped, is_continued, names


@pytest.mark.parametrize("name", [name for name in LISTINGS if name not in FEW])
async def test_no_page_reads_a_whole_table(full: str, name: str) -> None:
    listing = LISTINGS[name]
    parent = None if listing.parent is None else LISTINGS[listing.parent.listing]
    connection = await asyncpg.connect(**credentials_of(full))
    faults = []
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        for sort, is_scoped, is_continued, names in _ways(listing):
            await connection.execute(f"SET ROLE {'hub_read' if is_scoped else 'hub_read_all'}")
            if is_scoped and name in OPERATORS_ONLY:
                continue
            statement = page_statement(
                listing, names, sort, 50, is_scoped=is_scoped, is_continued=is_continued, parent=parent
            )
            count = max((number for number in range(1, 10) if f"${number}" in statement), default=0)
            nothing = ", ".join(["NULL"] * count)
            await connection.execute(f"PREPARE page AS {statement}")
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE page{f'({nothing})' if count else ''}")
            await connection.execute("DEALLOCATE page; RESET ROLE")
            if scanned := _scans(json.loads(plan), set()):
                faults.append((sort, "own" if is_scoped else "any pharmacy's", is_continued, names, scanned))
    finally:
        await connection.close()
    assert faults == []


_BY = {
    ("inventory", "sku"): "inventory_items_sku",
    ("orders", "order_reference"): "orders_reference",
    ("ledger", "item_id"): "stock_movements_item",
}
"""What is found in all pharmacies by its whole value, and the index that finds it."""
_ITEMS_OF_A_PHARMACY = 400


@pytest.fixture
async def chain(full: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to whom there are as many pharmacies as a chain has, not as many as items."""
    owner = await asyncpg.connect(**credentials_of(full))
    undone = owner.transaction()
    await undone.start()
    try:
        await owner.execute("SET LOCAL session_replication_role = replica")
        few = f"SELECT id FROM pharmacies LIMIT (SELECT count(*) / {_ITEMS_OF_A_PHARMACY} FROM inventory_items)"
        await owner.execute(f"DELETE FROM pharmacies WHERE id NOT IN ({few})")
        await owner.execute("ANALYZE pharmacies; SET plan_cache_mode = force_generic_plan; SET jit = off")
        yield owner
    finally:
        await undone.rollback()
        await owner.execute("ANALYZE pharmacies")  # what it counted is not undone
        await owner.close()


def _used(plan: Any, table: str) -> Iterator[str]:
    """Name the indexes by which a plan reads a table; `all of it` where it reads without one."""
    if isinstance(plan, dict):
        if plan.get("Relation Name") == table and plan["Node Type"] != "Bitmap Heap Scan":
            yield plan.get("Index Name", "all of it")
        if plan["Node Type"] == "Bitmap Index Scan":
            yield plan["Index Name"]
        for inner in plan.get("Plans", []):
            yield from _used(inner, table)


async def test_what_is_found_by_its_whole_value_in_all_pharmacies_is_found_by_an_index(
    chain: asyncpg.Connection,
) -> None:
    assert set(_BY) == {
        (one.name, name) for one in LISTINGS.values() for name in one.filters if one.filters[name].everywhere
    }
    faults = []
    for (listed, name), index in _BY.items():
        listing = LISTINGS[listed]
        others = [(), *[(one,) for one in ("q", "created_since", "reason") if one in listing.filters]]
        for sort in [f"{sign}{one}" for one in listing.sorts for sign in ("", "-")]:
            for names in [tuple(sorted((name, *more))) for more in others]:
                for is_continued in (False, True):
                    statement = page_statement(
                        listing, names, sort, 50, is_scoped=False, is_continued=is_continued, parent=None
                    )
                    count = max(number for number in range(1, 10) if f"${number}" in statement)
                    await chain.execute(f"PREPARE page AS {statement}")
                    (plan,) = json.loads(
                        await chain.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE page({', '.join(['NULL'] * count)})")
                    )
                    await chain.execute("DEALLOCATE page")
                    if set(_used(plan["Plan"], listing.table)) != {index}:
                        faults.append((listed, names, sort, is_continued, [*_used(plan["Plan"], listing.table)]))
    assert faults == []


async def test_the_history_of_a_row_reads_no_whole_table(full: str) -> None:
    connection = await asyncpg.connect(**credentials_of(full))
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        for role in ("hub_read", "hub_read_all"):
            await connection.execute(f"SET ROLE {role}")
            await connection.execute(f"PREPARE about AS {ABOUT}")
            plan = await connection.fetchval("EXPLAIN (FORMAT JSON) EXECUTE about(NULL, 25)")
            await connection.execute("DEALLOCATE about; RESET ROLE")
            assert _scans(json.loads(plan), set()) == set(), role
    finally:
        await connection.close()


@pytest.mark.parametrize("name", [name for name in LISTINGS if name not in FEW])
async def test_only_the_rows_of_the_page_are_made_into_json(full: str, name: str) -> None:
    listing = LISTINGS[name]
    parent = None if listing.parent is None else LISTINGS[listing.parent.listing]
    connection = await asyncpg.connect(**credentials_of(full))
    faults = []
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        for sort in listing.sorts:
            statement = page_statement(listing, (), sort, 50, is_scoped=False, is_continued=False, parent=parent)
            arguments = "(NULL)" if parent is not None else ""
            await connection.execute(f"PREPARE page AS {statement}")
            plan = json.loads(await connection.fetchval(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE page{arguments}"))
            await connection.execute("DEALLOCATE page")
            faults += [(sort, kind) for kind in _makers(plan)]
    finally:
        await connection.close()
    assert faults == []


def _makers(plan: Any, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Name the nodes at or below a sort below a limit that make the JSON of a row: they make it of rows that no page shows."""
    if isinstance(plan, list):
        for one in plan:
            yield from _makers(one, above)
    elif isinstance(plan, dict):
        above = (*above, plan.get("Node Type", ""))
        limit = above.index("Limit") if "Limit" in above else len(above)
        if any("Sort" in kind for kind in above[limit:]) and any("concat(" in text for text in plan.get("Output", ())):
            yield above[-1]
        for inner in (plan.get("Plan", []), plan.get("Plans", [])):
            yield from _makers(inner, above)


async def test_the_test_would_see_a_scan(full: str) -> None:
    owner = await asyncpg.connect(**credentials_of(full))
    undone = owner.transaction()
    await undone.start()
    try:
        await owner.execute("DROP INDEX sales_every_updated")
        statement = page_statement(
            LISTINGS["sales"], (), "-updated_at", 50, is_scoped=False, is_continued=False, parent=None
        )
        plan = await owner.fetchval(f"EXPLAIN (FORMAT JSON) {statement}")
    finally:
        await undone.rollback()
        await owner.close()
    assert _scans(json.loads(plan), set()) == {"sales"}
