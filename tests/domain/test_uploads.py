"""Bulk uploads: rows in the order of the file, each one applied or rejected, and all of them counted."""

from uuid import UUID

import pytest

from hub.domain.stock import InventoryItem
from hub.domain.uploads import Upload, UploadError, dump_upload, mark_of, set_aside
from tests.kit.builders import CORNER, HARBOUR, History, Json, a_command, a_line, a_sale, an_item, id_of

FAULT = {"pointer": "#/price", "code": "money", "detail": "no"}


def an_upload(rows: int, kind: str = "inventory") -> tuple[History, UUID]:
    history = History()
    return history, id_of(history.accept("upload.open", {"kind": kind, "rows": rows, "digest": "d"}))


def a_row(line: int, **row: object) -> Json:
    return {"line": line, "row": row}


def state_of(history: History, upload_id: UUID) -> tuple[int, int, int, str]:
    shown = dump_upload(history.rows[Upload, upload_id])
    return shown["applied"], shown["rejected"], shown["pending"], shown["status"]


def errors_of(history: History) -> list[tuple[int, str, str]]:
    return [(error.line, error.pointer, error.code) for error in history.of_kind(UploadError)]


def test_an_upload_is_pending_until_every_row_is_decided() -> None:
    history, upload_id = an_upload(3)
    assert state_of(history, upload_id) == (0, 0, 3, "pending")
    rows = [a_row(1, sku="A", name="a", price="1", quantity=4), {"line": 3, "faults": [FAULT]}]
    history.accept("inventory.import", {"digest": "d", "rows": rows}, of=upload_id)
    assert state_of(history, upload_id) == (1, 1, 1, "pending")
    history.accept("inventory.import", {"digest": "d", "rows": [a_row(4, sku="A", quantity=5)]}, of=upload_id)
    assert state_of(history, upload_id) == (2, 1, 0, "done")
    assert errors_of(history) == [(3, "#/price", "money")]
    assert history.types() == ["inventory.created", "inventory.adjusted"]


def test_an_empty_upload_is_done() -> None:
    history, upload_id = an_upload(0)
    assert state_of(history, upload_id) == (0, 0, 0, "done")


def test_a_row_changes_only_the_fields_it_names() -> None:
    history, upload_id = an_upload(2)
    item = history.accept("inventory.create", an_item("A", extra_data={"a": 1}, low_stock_threshold=2))
    history.accept(
        "inventory.import", {"digest": "d", "rows": [a_row(1, sku="A", price="7"), a_row(2, sku="A")]}, of=upload_id
    )
    after = history.item(item["id"])
    assert after == item | {"price": "7.00", "version": 2, "updated_at": after["updated_at"]}
    assert state_of(history, upload_id) == (2, 0, 0, "done")
    assert history.types()[1:] == ["inventory.updated"]


def test_a_rows_quantity_is_a_count_and_a_rows_extra_data_replaces() -> None:
    history, upload_id = an_upload(1)
    item = history.accept("inventory.create", an_item("A", extra_data={"a": 1}))
    row = a_row(1, sku="A", quantity=3, extra_data={"b": 2}, name="New")
    history.accept("inventory.import", {"digest": "d", "rows": [row]}, of=upload_id)
    after = history.item(item["id"])
    assert (after["quantity"], after["extra_data"], after["name"]) == (3, {"b": 2}, "New")
    assert (history.movements[-1].reason, history.movements[-1].delta) == ("count", -7)


def test_a_new_item_needs_a_name_and_a_price() -> None:
    history, upload_id = an_upload(2)
    rows = [a_row(2, sku="A"), a_row(3, sku="B", name="b")]
    history.accept("inventory.import", {"digest": "d", "rows": rows}, of=upload_id)
    assert errors_of(history) == [(2, "#/name", "missing"), (2, "#/price", "missing"), (3, "#/price", "missing")]
    assert state_of(history, upload_id) == (0, 2, 0, "done")


def test_two_rows_of_one_sku_see_each_other_and_book_two_movements() -> None:
    history, upload_id = an_upload(3)
    rows = [
        a_row(1, sku="A", name="a", price="1", quantity=4),
        a_row(2, sku="A", quantity=9),
        a_row(3, sku="A", quantity=1),
    ]
    history.accept("inventory.import", {"digest": "d", "rows": rows}, of=upload_id)
    assert [movement.delta for movement in history.movements] == [4, 5, -8]
    assert len({movement.id for movement in history.movements}) == 3
    (item,) = history.of_kind(InventoryItem)
    assert (item.quantity, item.version) == (1, 3)


def test_sales_of_a_file_are_recorded_one_by_one() -> None:
    history, upload_id = an_upload(3, "sales")
    item = history.accept("inventory.create", an_item("A", quantity=1))
    rows = [
        a_row(1, **a_sale([a_line("A", 1)])),
        a_row(2, **a_sale([a_line("nope", 1)])),
        a_row(3, sku="A", quantity=2, total_price="1", sale_time="2026-11-24T10:00:00Z"),
    ]
    history.accept("sale.import", {"digest": "d", "rows": rows}, of=upload_id)
    assert history.types()[1:] == ["sale.recorded", "sale.recorded", "inventory.stock_negative"]
    assert len({event["subject"] for event in history.events[CORNER][1:3]}) == 2
    assert history.item(item["id"])["quantity"] == -2
    assert errors_of(history) == [(2, "#/lines/0/sku", "unknown_item")]
    assert state_of(history, upload_id) == (2, 1, 0, "done")


def test_a_refusal_without_a_field_points_at_the_row() -> None:
    history, upload_id = an_upload(2, "sales")
    history.accept("inventory.create", an_item("A", quantity=0))
    row = a_sale([a_line("A", 2_147_483_647)])
    history.accept("sale.import", {"digest": "d", "rows": [a_row(1, **row), a_row(2, **row)]}, of=upload_id)
    assert errors_of(history) == [(2, "#/quantity", "quantity_range")]


def test_an_unknown_upload_and_another_file_are_refused() -> None:
    history, upload_id = an_upload(1)
    body = {"digest": "d", "rows": [a_row(1, sku="A", name="a", price="1")]}
    assert history.refuse("inventory.import", body, of=UUID(int=4)).slug == "not-found"
    assert history.refuse("inventory.import", body, of=upload_id, pharmacy=HARBOUR).slug == "not-found"
    assert history.refuse("inventory.import", body | {"digest": "e"}, of=upload_id).slug == "idempotency-mismatch"


@pytest.mark.parametrize("repeats", [2])
def test_a_repeated_list_of_rows_has_no_second_effect(repeats: int) -> None:
    history, upload_id = an_upload(1)
    for _ in range(repeats):
        history.accept(
            "inventory.import",
            {"digest": "d", "rows": [a_row(1, sku="A", name="a", price="1", quantity=2)]},
            of=upload_id,
            number=77,
        )
    assert state_of(history, upload_id) == (1, 0, 0, "done")
    assert len(history.movements) == 1


def test_a_list_of_rows_that_is_parked_ends_its_upload_and_is_counted_anew_when_it_is_replayed() -> None:
    history, upload_id = an_upload(3)
    rows = [a_row(4, sku="B", name="b", price="1"), {"line": 9, "faults": [FAULT]}]
    parked = a_command("inventory.import", {"digest": "d", "rows": rows}, of=upload_id)
    history.accept("inventory.import", {"digest": "d", "rows": [a_row(1, sku="A", name="a", price="1")]}, of=upload_id)
    mark = mark_of(upload_id, parked.operation_id)
    after, fault = set_aside(history.rows[Upload, upload_id], mark, [4, 9], history.now)
    history.rows |= {(Upload, upload_id): after, (UploadError, fault.id): fault}
    assert state_of(history, upload_id) == (1, 2, 0, "done")
    assert errors_of(history) == [(4, "#", "parked")]
    assert "lines 4 to 9" in fault.detail
    history.settle([parked])
    assert state_of(history, upload_id) == (2, 1, 0, "done")
    assert sorted(errors_of(history)) == [(4, "#", "replayed"), (9, "#/price", "money")]
